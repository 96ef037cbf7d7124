//! The real mini data set: a small model learns each task by heart, and the real NLVR2 dev set is scored officially.
#![cfg(feature = "torch")]

mod common;

use std::path::Path;

use common::{fixtures, repro, run, stdout};
use serde_json::Value;

#[track_caller]
fn fits(task: &str) {
    let (Some(data), Some(vocab)) = (fixtures::beside("real/data"), fixtures::beside("vocab/vocab.txt")) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let output = run(
        repro(place.path())
            .args(["train", task, "--tiny", "--model", "small", "--dropout", "0", "--from-scratch", "--valid", ""])
            .args(["--lr", "5e-4", "--batch-size", "8", "--epochs", "40"])
            .arg("--data-root")
            .arg(absolute(&data))
            .arg("--vocab")
            .arg(absolute(&vocab)),
        0,
    );
    let outcome: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let accuracy = outcome["train"].as_f64().unwrap();
    assert!(accuracy > 95.0, "{task}: training accuracy {accuracy}");
}

fn absolute(path: &Path) -> std::path::PathBuf {
    path.canonicalize().unwrap()
}

#[test]
fn a_small_model_fits_vqa() {
    fits("vqa");
}

#[test]
fn a_small_model_fits_gqa() {
    fits("gqa");
}

#[test]
fn a_small_model_fits_nlvr2() {
    fits("nlvr2");
}

#[test]
fn the_real_nlvr2_dev_set_is_scored_as_officially() {
    let (Some(dev), Some(predictions), Some(expected)) = (
        fixtures::beside("nlvr2/dev.json"),
        fixtures::lxrt("data/eval/nlvr2_valid_predict.csv"),
        fixtures::lxrt("data/data.json"),
    ) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let output = run(
        repro(place.path())
            .args(["evaluate", "nlvr2", "--format", "json", "--predictions"])
            .arg(absolute(&predictions))
            .arg("--examples")
            .arg(absolute(&dev)),
        0,
    );
    let got: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let text = std::fs::read_to_string(expected).unwrap();
    for key in ["accuracy", "consistency"] {
        let value = got[key].as_f64().unwrap();
        assert!(text.contains(&value.to_string()), "the official {key} is not {value}");
    }
    assert_eq!((got["examples"].as_u64(), got["groups"].as_u64()), (Some(6982), Some(2018)));
}
