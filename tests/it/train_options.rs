//! `repro train` with the original's options, and the sources of initial weights.

use std::fs;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::common::mini;
use crate::common::{repro, run, stderr, stdout};

const USAGE: i32 = 2;
const DATA: i32 = 5;
/// The splits that the data have.
const SPLITS: &str = "--train train --valid valid";

fn train(folder: &Path, line: &str) -> Command {
    if !folder.join("data").exists() {
        mini::data_root(&folder.join("data"), 9, 4);
    }
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000").args(["train", "--data-root", "data", "--threads", "1"]);
    command.args(line.split_whitespace());
    command
}

fn last(folder: &Path, output: &str) -> Vec<u8> {
    fs::read(folder.join(output).join("LAST.safetensors")).unwrap()
}

#[test]
fn the_originals_options_work_and_those_without_effect_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let line = format!(
        "{SPLITS} --llayers 1 --xlayers 1 --rlayers 1 --batchSize 32 --optim bert --lr 1e-3 --epochs 1 --model tiny"
    );
    let plain = run(&mut train(folder, &format!("vqa {line} --from-scratch --batchSize 4 --output plain")), 0);
    let said = run(
        &mut train(
            folder,
            // As in the original's scripts, what comes later counts.
            &format!(
                "vqa {line} --fromScratch --tqdm --multiGPU --numWorkers 4 --mceLoss --taskQA --visualLosses obj --output snap/vqa/x --batchSize 4"
            ),
        ),
        0,
    );
    for option in ["--multiGPU (", "--numWorkers (", "--mce-loss (only GQA", "--taskQA, --visualLosses"] {
        assert!(stderr(&said).contains(option), "{option}: {}", stderr(&said));
    }
    assert!(!stderr(&plain).contains("ignored here"), "{}", stderr(&plain));
    assert!(last(folder, "plain") == last(folder, "snap/vqa/x"));
    let outcome = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (mut a, b) = (outcome(&stdout(&plain)), outcome(&stdout(&said)));
    a["output"] = b["output"].clone();
    assert_eq!(a, b);

    let line = format!("vqa {line} --batchSize 4 --epochs 1 --output y");
    let both = run(&mut train(folder, &format!("{line} --loadLXMERTQA none --fromScratch --load plain/LAST")), USAGE);
    let said = "--from-scratch, --load-lxmert-qa and --load contradict each other";
    assert!(stderr(&both).contains(said), "{}", stderr(&both));
    let none = run(&mut train(folder, &line), USAGE);
    for option in ["--load-lxmert-qa", "--load-lxmert,", "--load,", "--bert", "--from-scratch"] {
        assert!(stderr(&none).contains(option), "{}", stderr(&none));
    }
    let test = run(&mut train(folder, &format!("{line} --load plain/LAST --test test")), USAGE);
    assert!(stderr(&test).contains("repro predict vqa --load NAME --split test"), "{}", stderr(&test));
    let every = run(&mut train(folder, &format!("{line} --fromScratch --snapshot-every 1d")), USAGE);
    assert!(stderr(&every).contains("20m"), "{}", stderr(&every));
}

#[test]
fn bert_comes_as_a_file_a_folder_or_an_archive() {
    let Some(bert) = fixtures::lxrt("ckpt/micro_bert") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let archive = folder.join("bert.tar.gz");
    let mut tar = tar::Builder::new(GzEncoder::new(fs::File::create(&archive).unwrap(), Compression::fast()));
    tar.append_dir_all(".", &bert).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
    let told = fixtures::json(&bert.join("bert_config.json"));
    let config = |width: u64| {
        let mut config = json!({ "l_layers": 1, "x_layers": 1, "r_layers": 1, "visual_pos_dim": 4, "visual_feat_dim": 16,
            "obj_id_num": 1600, "attr_id_num": 400 });
        for (name, value) in told.as_object().unwrap() {
            if !["num_hidden_layers", "hidden_act"].contains(&name.as_str()) {
                config[name] = value.clone();
            }
        }
        config["intermediate_size"] = width.into();
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
    };
    let width = told["intermediate_size"].as_u64().unwrap();
    let line = |path: &Path, output: &str| {
        let (path, vocab) = (path.display(), bert.join("vocab.txt"));
        let line = format!(
            "vqa {SPLITS} --bert {path} --vocab {} --config config.json --batchSize 4 --epochs 1",
            vocab.display()
        );
        train(folder, &format!("{line} --output {output}"))
    };
    config(width);
    let loaded: Vec<Vec<u8>> =
        [("file", bert.join("pytorch_model.bin")), ("folder", bert.clone()), ("archive", archive)]
            .map(|(output, path)| {
                let said = run(&mut line(&path, output), 0);
                assert!(stderr(&said).contains("tensors loaded"), "{}", stderr(&said));
                last(folder, output)
            })
            .into();
    assert!(loaded[0] == loaded[1] && loaded[1] == loaded[2]);
    config(width * 2);
    let wrong = run(&mut line(&bert, "wrong"), DATA);
    let names = [format!("intermediate_size is {width}"), format!("and {} in the model", width * 2)];
    assert!(names.iter().all(|name| stderr(&wrong).contains(name)), "{}", stderr(&wrong));
}
