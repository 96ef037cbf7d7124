//! `repro encode`: files, shards, output, what it refuses; the original's outputs at full size.

#[path = "../parity/formula.rs"]
mod formula;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use checkpoint::{self, StateDict, TensorData};
use data::features::Row;
use data::features::tsv::TsvWriter;
use lxmert::model::TaskModel;
use lxmert::model::pretraining::PretrainingModel;
use lxmert_spec::Config;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tch::Device;

use crate::common::{repro, run, stderr, stdout};

const WORDS: [&str; 10] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "##s", "?"];
const BOXES: usize = 5;
const ANSWERS: usize = 7;

fn config() -> Config {
    Config {
        vocab_size: WORDS.len(),
        hidden_size: 8,
        num_attention_heads: 2,
        intermediate_size: 12,
        max_position_embeddings: 24,
        l_layers: 2,
        x_layers: 2,
        r_layers: 1,
        visual_feat_dim: 6,
        obj_id_num: 11,
        attr_id_num: 4,
        initializer_range: 0.5,
        ..Config::lxr955()
    }
}

fn row(number: usize) -> Row {
    let value = |at: usize| ((number * 31 + at * 7) % 23) as f32 / 4.0;
    Row {
        img_id: format!("img{number}"),
        img_h: 480,
        img_w: 640,
        objects_id: vec![3; BOXES],
        objects_conf: vec![0.5; BOXES],
        attrs_id: vec![2; BOXES],
        attrs_conf: vec![0.5; BOXES],
        num_boxes: BOXES,
        boxes: (0..BOXES).flat_map(|at| [at as f32, 10.0, 600.0 - at as f32, 479.0]).collect(),
        features: (0..BOXES * 6).map(value).collect(),
    }
}

/// A folder with a vocabulary, features of five images, a pre-trained and a fine-tuned model, and five pairs.
fn place() -> tempfile::TempDir {
    tch::manual_seed(3);
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    std::fs::create_dir(at("data")).unwrap();
    std::fs::write(at("data/vocab.txt"), WORDS.join("\n") + "\n").unwrap();
    let mut writer = TsvWriter::new(std::fs::File::create(at("features.tsv")).unwrap());
    (0..5).for_each(|n| writer.write_row(&row(n)).unwrap());
    writer.finish().unwrap();
    let model = PretrainingModel::new(&config(), ANSWERS, Device::Cpu).unwrap();
    checkpoint::write_pth(&at("model_LXRT.pth"), &model.state()).unwrap();
    let model = TaskModel::new(&config(), 2, 2, Device::Cpu).unwrap();
    checkpoint::write_pth(&at("nlvr2.pth"), &model.parameters().state()).unwrap();
    let pairs: Vec<String> =
        ["A dog?", "A [MASK] a [MASK] ?", "cats", "[MASK]", "a a a a a a a a a a a a a a a a a a a a [MASK]"]
            .iter()
            .enumerate()
            .map(|(n, sent)| json!({"img_id": format!("img{n}"), "sent": sent}).to_string())
            .collect();
    std::fs::write(at("pairs.jsonl"), pairs.join("\n")).unwrap();
    place
}

fn encode(folder: &Path, more: &[&str]) -> Command {
    let mut command = repro(folder);
    command.args(["encode", "--load", "model", "--attention-heads", "2", "--features", "features.tsv"]);
    command.args(["--threads", "1", "--device", "cpu", "--workspace", "."]).args(more);
    command
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn about(file: &Path) -> Value {
    serde_json::from_str(&checkpoint::read_metadata(file).unwrap().unwrap()["lxmert_repro.encode"]).unwrap()
}

fn numbers(tensors: &StateDict, name: &str) -> Vec<f32> {
    tensors[name].to_f32().unwrap()
}

fn whole(tensor: &TensorData) -> Vec<i64> {
    tensor.data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect()
}

#[test]
fn everything_is_written_with_its_shape_and_the_masks_are_answered() {
    let place = place();
    let folder = place.path();
    let full = ["--pairs", "pairs.jsonl", "--output", "out/all.safetensors", "--attention", "--heads"];
    let output = run(&mut encode(folder, &full), 0);
    let file = folder.join("out/all.safetensors");
    let tensors = lxmert_spec::loading::read(&file).unwrap();
    let mut shapes = vec![
        ("ids", vec![5, 20]),
        ("mask", vec![5, 20]),
        ("boxes", vec![5, BOXES, 4]),
        ("lang", vec![5, 20, 8]),
        ("visn", vec![5, BOXES, 8]),
        ("pooled", vec![5, 8]),
        ("heads.mask_positions", vec![3, 2]),
        ("heads.words", vec![3, WORDS.len()]),
        ("heads.matched", vec![5, 2]),
        ("heads.obj", vec![5, BOXES, 11]),
        ("heads.attr", vec![5, BOXES, 4]),
        ("heads.feat", vec![5, BOXES, 6]),
        ("heads.answer", vec![5, ANSWERS]),
    ];
    for name in ["lang.0", "lang.1", "cross_lang_self.0", "cross_lang_self.1"] {
        shapes.push((name, vec![5, 2, 20, 20]));
    }
    for (name, queries, keys) in [
        ("visn.0", BOXES, BOXES),
        ("cross_visn_self.0", BOXES, BOXES),
        ("cross_visn_self.1", BOXES, BOXES),
        ("cross_lang.0", 20, BOXES),
        ("cross_lang.1", 20, BOXES),
        ("cross_visn.0", BOXES, 20),
        ("cross_visn.1", BOXES, 20),
    ] {
        shapes.push((name, vec![5, 2, queries, keys]));
    }
    assert_eq!(tensors.len(), shapes.len());
    for (name, shape) in shapes {
        let tensor = tensors.get(name).or_else(|| tensors.get(&format!("attention.{name}"))).unwrap();
        assert_eq!(tensor.shape, shape, "{name}");
    }
    assert_eq!(whole(&tensors["ids"])[20..29], [2, 5, 4, 5, 4, 9, 3, 0, 0]);
    assert_eq!(whole(&tensors["heads.mask_positions"]), [1, 2, 1, 4, 3, 1], "the sixth was cut off");
    assert!(stderr(&output).contains("1 sentences have more than 18 word pieces"), "{}", stderr(&output));
    let said = about(&file);
    assert_eq!(said["pairs"][1], json!({"id": 1, "img_ids": ["img1"], "sent": "A [MASK] a [MASK] ?"}));
    assert_eq!(said["checkpoint"]["file"], "model_LXRT.pth");
    assert_eq!(said["checkpoint"]["sha256"], base::files::sha256(&folder.join("model_LXRT.pth")).unwrap());
    assert_eq!(said["model"]["config"]["num_attention_heads"], 2);

    let lines = lines(&output);
    assert_eq!(lines.len(), 5);
    let scores = numbers(&tensors, "heads.words");
    let best = (0..WORDS.len()).max_by(|&a, &b| scores[WORDS.len() + a].total_cmp(&scores[WORDS.len() + b])).unwrap();
    let mask = &lines[1]["masks"][1];
    assert_eq!((&mask["position"], &mask["top"][0][0]), (&json!(4), &json!(WORDS[best])));
    let sum: f64 = mask["top"].as_array().unwrap().iter().map(|top| top[1].as_f64().unwrap()).sum();
    assert!(mask["top"].as_array().unwrap().len() == 5 && sum <= 1.0 + 1e-6);
    let matched = numbers(&tensors, "heads.matched");
    let wanted = 1.0 / (1.0 + f64::from(matched[0] - matched[1]).exp());
    assert!((lines[0]["matching"][0].as_f64().unwrap() - wanted).abs() < 1e-6);
    assert!(lines[0].get("masks").is_none() && lines[0]["answers"].as_array().unwrap().len() == 5);

    // The same model as a folder of Hugging Face's and as a file that describes itself: both say how many heads there are.
    std::fs::write(folder.join("config.json"), serde_json::to_string(&config()).unwrap()).unwrap();
    run(repro(folder).args("convert --from model_LXRT.pth --to port --config config.json".split(' ')), 0);
    let state = lxmert_spec::loading::read(&folder.join("model_LXRT.pth")).unwrap();
    let described = json!({"config": config(), "answers": ANSWERS}).to_string();
    let metadata = BTreeMap::from([("lxmert_repro.pretraining".to_owned(), described)]);
    checkpoint::write_safetensors(&folder.join("ours_LXRT.safetensors"), &state, &metadata).unwrap();
    for model in ["port", "ours"] {
        let mut command = repro(folder);
        command.args("encode --features features.tsv --threads 1 --workspace . --pairs pairs.jsonl".split(' '));
        run(command.args(["--load", model, "--output", "same.safetensors", "--attention", "--heads"]), 0);
        assert!(lxmert_spec::loading::read(&folder.join("same.safetensors")).unwrap() == tensors, "{model}");
    }

    let half = ["--pairs", "pairs.jsonl", "--output", "half.safetensors", "--half", "--batch-size", "2"];
    assert_eq!(stdout(&run(&mut encode(folder, &half), 0)), "half.safetensors\n");
    let half = lxmert_spec::loading::read(&folder.join("half.safetensors")).unwrap();
    for (wide, narrow) in numbers(&tensors, "lang").iter().zip(numbers(&half, "lang")) {
        // 2^-11 from f16, the rest from batches of another size.
        assert!((wide - narrow).abs() <= wide.abs() * 5e-4 + 1e-5, "{wide} {narrow}");
    }
}

#[test]
fn shards_are_the_whole_and_are_made_once() {
    let place = place();
    let folder = place.path();
    let with = |output: &str, more: &[&str]| {
        let mut all = vec!["--pairs", "pairs.jsonl", "--heads", "--batch-size", "1", "--output", output];
        all.extend(more);
        encode(folder, &all)
    };
    let one = run(&mut with("all.safetensors", &[]), 0);
    let parts = run(&mut with("parts", &["--shard-size", "2"]), 0);
    assert_eq!(lines(&one), lines(&parts));
    let manifest = fixtures::json(&folder.join("parts/manifest.json"));
    assert_eq!((&manifest["pairs"], &manifest["shards"][2]["pairs"]), (&json!(5), &json!(1)));
    let whole_file = lxmert_spec::loading::read(&folder.join("all.safetensors")).unwrap();
    let shards: Vec<StateDict> = manifest["shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| lxmert_spec::loading::read(&folder.join("parts").join(s["file"].as_str().unwrap())).unwrap())
        .collect();
    for (name, tensor) in whole_file.iter().filter(|(name, _)| *name != "heads.mask_positions") {
        let together: Vec<u8> = shards.iter().flat_map(|shard| shard[name].data.to_vec()).collect();
        assert!(tensor.data == together, "{name}");
    }

    // As if it had been stopped in the second shard, with the third lost later.
    let bytes = |n: usize| std::fs::read(folder.join(format!("parts/shard-0000{n}.safetensors"))).unwrap();
    let before = [bytes(0), bytes(1), bytes(2)];
    let first = std::fs::metadata(folder.join("parts/shard-00000.safetensors")).unwrap().modified().unwrap();
    for gone in ["shard-00001.safetensors", "shard-00002.safetensors", "manifest.json"] {
        std::fs::remove_file(folder.join("parts").join(gone)).unwrap();
    }
    let again = run(&mut with("parts", &["--shard-size", "2"]), 0);
    assert!(stderr(&again).contains("kept: 1 of 3 files"), "{}", stderr(&again));
    assert_eq!([bytes(0), bytes(1), bytes(2)], before);
    assert_eq!(std::fs::metadata(folder.join("parts/shard-00000.safetensors")).unwrap().modified().unwrap(), first);
    assert_eq!(lines(&one), lines(&again));
    assert_eq!(fixtures::json(&folder.join("parts/manifest.json")), manifest);

    for other in [&["--shard-size", "2", "--attention"][..], &["--shard-size", "3"], &["--shard-size", "2", "--half"]] {
        let refused = run(&mut with("parts", other), 2);
        assert!(stderr(&refused).contains("belongs to another run"), "{}", stderr(&refused));
    }
    assert_eq!([bytes(0), bytes(1), bytes(2)], before);
}

#[test]
fn a_run_that_was_asked_to_stop_can_be_resumed() {
    let place = place();
    let folder = place.path();
    let pairs: Vec<String> = (0..400).map(|n| format!("img{}\t{}", n % 5, ["a dog", "cats ?"][n % 2])).collect();
    std::fs::write(folder.join("many.tsv"), pairs.join("\n")).unwrap();
    let shards = ["--pairs", "many.tsv", "--output", "parts", "--shard-size", "1", "--batch-size", "1"];
    let mut child = encode(folder, &shards).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !folder.join("parts/shard-00001.safetensors").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let code = child.wait().unwrap().code();
    let whole = folder.join("parts/manifest.json").exists();
    // It may have been through before it heard.
    assert!((code == Some(130) && !whole) || (code == Some(0) && whole), "{code:?}");
    let left = || std::fs::read_dir(folder.join("parts")).unwrap().count();
    let (before, output) = (left(), run(&mut encode(folder, &shards), 0));
    assert!(stderr(&output).contains(&format!("{} of 400 files", before - usize::from(whole))), "{}", stderr(&output));
    assert_eq!(left(), 401, "nothing but the shards and the manifest");
    let one = ["--pairs", "many.tsv", "--output", "one.safetensors", "--batch-size", "1"];
    run(&mut encode(folder, &one), 0);
    let one = numbers(&lxmert_spec::loading::read(&folder.join("one.safetensors")).unwrap(), "pooled");
    let shard = |n: usize| lxmert_spec::loading::read(&folder.join(format!("parts/shard-{n:05}.safetensors"))).unwrap();
    assert_eq!((0..400).flat_map(|n| numbers(&shard(n), "pooled")).collect::<Vec<_>>(), one);
}

#[test]
fn a_fine_tuned_model_answers_about_the_split_of_its_task() {
    let place = place();
    let folder = place.path();
    std::fs::create_dir_all(folder.join("data/nlvr2")).unwrap();
    std::fs::create_dir_all(folder.join("data/nlvr2_imgfeat")).unwrap();
    std::fs::copy(folder.join("features.tsv"), folder.join("data/nlvr2_imgfeat/valid_obj36.tsv")).unwrap();
    let statement = |n: usize| json!({"identifier": format!("dev-{n}-0-0"), "img0": format!("img{n}"), "img1": "img4", "label": 1, "sent": "cats ?", "uid": format!("nlvr2_dev_{n}")});
    std::fs::write(folder.join("data/nlvr2/valid.json"), json!([statement(0), statement(1), statement(2)]).to_string())
        .unwrap();
    let mut command = repro(folder);
    command.args(
        "encode --load nlvr2 --attention-heads 2 --task nlvr2 --split valid --heads --output o --device cpu".split(' '),
    );
    let output = run(command.args(["--workspace", "."]), 0);
    let tensors = lxmert_spec::loading::read(&folder.join("o")).unwrap();
    assert_eq!((&tensors["pooled"].shape[..], &tensors["heads.answer"].shape[..]), (&[6, 8][..], &[3, 2][..]));
    assert!(!tensors.contains_key("heads.words") && stderr(&output).contains("a fine-tuned model"));
    let lines = lines(&output);
    assert_eq!(lines[2]["id"], "dev-2-0-0");
    let answers: Vec<&Value> = lines[2]["answers"].as_array().unwrap().iter().map(|a| &a["answer"]).collect();
    assert!(answers == ["True", "False"] || answers == ["False", "True"], "{answers:?}");
    let mut command = repro(folder);
    command.args("encode --load nlvr2 --attention-heads 2 --features features.tsv --image img0 --heads".split(' '));
    let refused = run(command.args(["--sentence", "cats", "--output", "p", "--workspace", "."]), 2);
    assert!(stderr(&refused).contains("2 images"), "{}", stderr(&refused));
}

#[test]
fn inputs_that_do_not_fit_the_model_are_named() {
    let place = place();
    let folder = place.path();
    std::fs::write(folder.join("empty.tsv"), "img0\ta dog\nimg1\t \n").unwrap();
    std::fs::write(folder.join("unknown.tsv"), "img0\ta dog\nimg9\ta dog\n").unwrap();
    for (more, code, words) in [
        (&["--pairs", "empty.tsv"][..], 5, "the sentence of pair 1 is empty"),
        (&["--pairs", "unknown.tsv"], 5, "1 of 2 pairs have images without features (1 images, such as img9)"),
        (&["--pairs", "absent.tsv"], 5, "absent.tsv"),
        (&["--image", "img0"], 2, "--sentence"),
        (
            &["--image", "img0", "--image", "img1", "--sentence", "a", "--sentence", "a", "--sentence", "a"],
            2,
            "2 images cannot be paired with 3 sentences",
        ),
        (&[], 2, "nothing to encode"),
        (&["--image", "img0", "--sentence", "a", "--vocab", "none.txt"], 2, "none.txt"),
        (&["--image", "img0", "--sentence", "a", "--shard-size", "0"], 2, "--shard-size"),
        (&["--image", "img0", "--sentence", "a", "--top", "3"], 2, "--heads"),
    ] {
        let refused = run(encode(folder, &["--output", "o.safetensors"]).args(more), code);
        assert!(stderr(&refused).contains(words), "{more:?}: {}", stderr(&refused));
    }
    let bare = ["encode", "--load", "model", "--image", "img0", "--sentence", "a", "--output", "o.safetensors"];
    let refused = run(repro(folder).args(bare).args(["--workspace", "."]), 2);
    assert!(stderr(&refused).contains("--features"), "{}", stderr(&refused));
    let refused = run(repro(folder).args(bare).args(["--workspace", ".", "--features", "features.tsv"]), 2);
    assert!(stderr(&refused).contains("--attention-heads"), "{}", stderr(&refused));
    assert!(!folder.join("o.safetensors").exists());

    let left = ["--pairs", "unknown.tsv", "--allow-missing-images", "--output", "o.safetensors"];
    let output = run(&mut encode(folder, &left), 0);
    assert!(stderr(&output).contains("skipped: 1"), "{}", stderr(&output));
    assert_eq!(about(&folder.join("o.safetensors"))["pairs"].as_array().unwrap().len(), 1);
}

#[test]
fn the_full_model_s_outputs_are_the_original_s() {
    let (Some(meta), Some(outputs), Some(tsv), Some(vocab)) = (
        fixtures::lxrt("full/full_vqa.json"),
        fixtures::lxrt("full/full_outputs.safetensors"),
        fixtures::beside("real/golden/train2014_obj36.tsv"),
        fixtures::beside("vocab/vocab.txt"),
    ) else {
        return;
    };
    let meta = fixtures::json(&meta);
    let outputs = lxmert_spec::loading::read(&outputs).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let answers = meta["num_answers"].as_u64().unwrap() as usize;
    let model = TaskModel::new(&Config::lxr955(), 1, answers, Device::Cpu).unwrap();
    let weights = formula::weights(model.parameters());
    drop(model);
    checkpoint::write_safetensors(&folder.join("BEST.safetensors"), &weights, &BTreeMap::new()).unwrap();
    drop(weights);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |key: &str| meta[key].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    let pairs: Vec<String> =
        list("img_ids").iter().zip(list("sents")).map(|(id, sent)| format!("{id}\t{sent}")).collect();
    std::fs::write(folder.join("pairs.tsv"), pairs.join("\n")).unwrap();
    let mut command = repro(folder);
    command
        .args("encode --load BEST --pairs pairs.tsv --output o.safetensors --heads --device cpu --features".split(' '));
    let output = run(command.arg(tsv).arg("--vocab").arg(vocab), 0);
    assert!(stderr(&output).contains("12 attention heads"), "{}", stderr(&output));
    let got = lxmert_spec::loading::read(&folder.join("o.safetensors")).unwrap();
    assert_eq!(got["ids"].data, outputs["input_ids"].data);
    let [lang, visn, pooled, logits] = ["lang", "visn", "pooled", "heads.answer"].map(|name| numbers(&got, name));
    let row = |values: &[f32], width: usize, each: usize| {
        values.chunks(width * each).flat_map(|chunk| chunk[..each].to_vec()).collect::<Vec<f32>>()
    };
    for (what, got, want) in [
        ("pooled", pooled, "pooled_output"),
        ("logits", logits, "vqa_logits"),
        ("lang of the first", lang[..20 * 768].to_vec(), "lang_output_0"),
        ("visn of the first", visn[..36 * 768].to_vec(), "visn_output_0"),
        ("lang at [CLS]", row(&lang, 20, 768), "lang_output_cls_all"),
        ("visn at box 0", row(&visn, 36, 768), "visn_output_box0_all"),
    ] {
        let want = numbers(&outputs, want);
        assert_eq!(got.len(), want.len(), "{what}");
        let far = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // The fixtures' bound for the full size.
        assert!(far <= 5e-5, "{what}: {far} apart");
    }
}
