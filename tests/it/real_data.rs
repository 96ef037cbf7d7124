//! The real mini data set: a small model memorises each task, and the real NLVR2 dev set is scored as by the official script.

use std::path::Path;

use serde_json::Value;

use crate::common::{repro, run, stderr, stdout};

#[track_caller]
fn fits(task: &str) {
    let (Some(data), Some(vocab)) = (fixtures::beside("real/data"), fixtures::beside("vocab/vocab.txt")) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let output = run(
        repro(place.path())
            .args([
                "train",
                task,
                "--tiny",
                "--model",
                "small",
                "--dropout",
                "0",
                "--from-scratch",
                "--train",
                "train",
                "--valid",
                "",
            ])
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

/// The pre-trained answer head: as many answers load as the original says, through the whole command.
#[test]
fn answers_of_the_pretrained_head_load_for_vqa_and_gqa() {
    let (Some(data), Some(checkpoint), Some(vocab), Some(manifest)) = (
        fixtures::beside("real/data"),
        fixtures::lxrt("answers/micro9500_LXRT.pth"),
        fixtures::support("ckpt/micro_bert/vocab.txt"),
        fixtures::support("ckpt/manifest.json"),
    ) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let mut config = serde_json::to_value(lxmert_spec::Config::lxr955()).unwrap();
    for (key, value) in fixtures::json(&manifest)["config"].as_object().unwrap() {
        if let Some(entry) = config.get_mut(key) {
            *entry = value.clone();
        }
    }
    std::fs::write(place.path().join("micro.json"), config.to_string()).unwrap();
    for (task, answers) in [("vqa", "3124 answers loaded, 5 zeroed"), ("gqa", "1736 answers loaded, 106 zeroed")] {
        let mut command = repro(place.path());
        command.args(["train", task, "--config", "micro.json", "--llayers", "1", "--xlayers", "1", "--rlayers", "1"]);
        command.args(["--epochs", "1", "--train", "train", "--valid", "", "--loadLXMERTQA"]);
        command.arg(absolute(&checkpoint).with_file_name("micro9500")).arg("--data-root").arg(absolute(&data));
        let output = run(command.arg("--vocab").arg(absolute(&vocab)), 0);
        assert!(stderr(&output).contains(answers), "{}", stderr(&output));
    }
}
