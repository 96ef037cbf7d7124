//! Every file that users met, given to every command that reads its kind: none panics, none succeeds where it is wrong, and the
//! message names the cause.

use std::fs;
use std::path::Path;

use crate::common::mini;
use crate::common::{copy_folder, repro, stderr, stdout, unwrapped};

/// What is right for a file.
#[derive(Clone, Copy)]
enum Case {
    /// It is read: the first of its commands succeeds. Others may find that it does not fit their data.
    Read,
    /// Each of its commands refuses it and says this.
    Refused(&'static str),
}
use Case::{Read, Refused};

/// A folder with a small data set.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    mini::data_root(&place.path().join("data"), 9, 4);
    place
}

/// Gives a file to commands, a line each.
fn give(place: &Path, name: &str, case: Case, lines: &[String]) {
    for (at, line) in lines.iter().enumerate() {
        let output = repro(place).args(line.split_whitespace()).output().unwrap();
        let said = unwrapped(&(stdout(&output) + &stderr(&output)));
        let code = output.status.code();
        // Three rows are too few for a verdict of a comparison.
        assert!(matches!(code, Some(0 | 3 | 5)), "{name}: {line}: {code:?}: {said}");
        match case {
            Read => assert!(at > 0 || code == Some(0), "{name}: {line}: {said}"),
            Refused(cause) => {
                assert_eq!(code, Some(5), "{name}: {line}: {said}");
                assert!(said.contains(cause), "{name}: {line}: {said}");
            }
        }
        assert!(!said.contains("--allow-missing"), "{name}: {line}: {said}");
        for output in ["out", "out.pth", "out.json", "out.safetensors"] {
            let output = place.join(output);
            assert!(code == Some(0) || !made(&output), "{name}: {line} left {}", output.display());
            let _ = fs::remove_dir_all(&output).or_else(|_| fs::remove_file(&output));
        }
    }
}

/// Whether a command left a result; what it had begun to say of itself is none.
fn made(output: &Path) -> bool {
    output.is_file()
        || ["BEST.safetensors", "LAST.safetensors", "result.json", "outcome.json"]
            .iter()
            .any(|name| output.join(name).exists())
}

/// Every command that reads weights; the first needs nothing else.
fn readers_of_weights(file: &str) -> Vec<String> {
    let run = "--model tiny --data-root data --threads 1 --device cpu";
    let train = "--train train --valid valid --epochs 1 --batch-size 4 --output out";
    vec![
        format!("convert --from {file} --to out.pth"),
        format!("evaluate vqa --split valid --load {file} --output out {run}"),
        format!("predict vqa --split valid --load {file} --output out.json {run}"),
        format!("train vqa --load {file} {train} {run}"),
        format!(
            "encode --load {file} --attention-heads 2 --image COCO_bench2014_000000000001 --sentence a --features \
             data/mscoco_imgfeat/val2014_obj36.tsv --vocab data/vocab.txt --output out.safetensors --workspace . --threads 1 \
             --device cpu"
        ),
    ]
}

#[test]
fn every_file_of_weights_is_read_or_its_fault_is_named() {
    let place = place();
    for (name, case) in [
        ("weights/all_nan.pth", Refused("is not finite")),
        ("weights/extra_int.pth", Refused("\"step\" (int)")),
        ("weights/torch_compile_vqa.pth", Read),
        ("weights/ddp_of_compile_vqa.pth", Read),
        ("weights/volta_pytorch_model_9.bin", Read),
        ("hf/tied_safetensors", Read),
        ("hf/sharded", Read),
        ("hostile/bomb.pth", Refused("bomb.pth")),
    ] {
        let Some(path) = fixtures::beside(&format!("cases/{name}")) else { return };
        give(place.path(), name, case, &readers_of_weights(path.to_str().unwrap()));
    }
}

const TRAIN: &str = "train vqa --data-root data --train train --valid minival --epochs 1 --batch-size 8 --from-scratch \
                     --model tiny --threads 1 --device cpu";

/// Every command that reads features; the first needs nothing else.
fn readers_of_features(file: &str) -> Vec<String> {
    let model = "--load model/LAST.safetensors";
    vec![
        format!("features inspect {file}"),
        format!("features compare {file} {file}"),
        format!("{TRAIN} --output out"),
        format!(
            "evaluate vqa --split train {model} --output out --model tiny --data-root data --threads 1 --device cpu"
        ),
        format!(
            "predict vqa --split train {model} --output out.json --model tiny --data-root data --threads 1 --device cpu"
        ),
        format!(
            "encode {model} --image COCO_train2014_000000132417 --sentence a --features {file} --vocab data/vocab.txt \
             --output out.safetensors --workspace . --threads 1 --device cpu"
        ),
    ]
}

#[test]
fn every_file_of_features_is_read_or_its_fault_is_named() {
    let (Some(data), Some(vocabulary)) = (fixtures::beside("real/data"), fixtures::beside("vocab/vocab.txt")) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let (place, root) = (place.path(), place.path().join("data"));
    copy_folder(&data, &root);
    fs::copy(vocabulary, root.join("vocab.txt")).unwrap();
    let trained = repro(place).args(TRAIN.split_whitespace()).args(["--output", "model"]).output().unwrap();
    assert!(trained.status.success(), "{}", stderr(&trained));
    for (name, case) in [
        ("bom.tsv", Read),
        ("zeros.tsv", Refused("all features are 0")),
        ("same36.tsv", Refused("have the same features")),
        ("boxes_xywh.tsv", Refused("x, y, width, height")),
        ("boxes_normalised.tsv", Refused("normalised already")),
        ("f16_features.tsv", Refused("float16")),
        ("six_columns.tsv", Read),
    ] {
        let Some(path) = fixtures::beside(&format!("cases/features/{name}")) else { return };
        let file = "data/mscoco_imgfeat/train2014_obj36.tsv";
        fs::write(place.join(file), fs::read(path).unwrap()).unwrap();
        give(place, name, case, &readers_of_features(file));
    }
}
