//! `repro runs`: what it lists of run folders and trainings in every state.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{copy_folder, repro, run, stderr, stdout};

fn fixture(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

/// Gives a file or folder a time of its own, days after the fixtures' runs: copies have the time of the copy.
fn dated(path: &Path, day: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_083_200 + day * 86_400);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// A workspace with runs and trainings in every state.
fn workspace(folder: &Path) {
    for name in ["good-1", "crashed", "infra", "collapsed", "weight-not-loaded"] {
        copy_folder(&fixture("runs").join(name), &folder.join("workspace/runs").join(name));
    }
    for name in ["done", "broken"] {
        copy_folder(&fixture("old-workspace/snap").join(name), &folder.join("workspace/snap").join(name));
    }
    let at = |path: &str| folder.join("workspace").join(path);
    fs::create_dir_all(at("runs/torn")).unwrap();
    fs::write(at("runs/torn/run.json"), "{\"schema\": 1, \"ru").unwrap();
    fs::create_dir_all(at("snap/pretrain")).unwrap();
    let outcome = json!({ "outcome": { "steps": 9, "train_loss": 1.5, "valid_loss": null, "best": null },
        "identity": { "run": { "--seed": 7 }, "machine": {} } });
    fs::write(at("snap/pretrain/outcome.json"), outcome.to_string()).unwrap();
    // A stage of a run, which is no run of its own, and what another program wrote.
    copy_folder(&fixture("runs/collapsed"), &at("cache/stages/evaluate-vqa/0123"));
    fs::create_dir_all(at("data/vqa")).unwrap();
    fs::write(at("data/vqa/train.json"), "[]").unwrap();
    std::os::unix::fs::symlink("good-1", at("runs/latest")).unwrap();
    for (day, path) in [
        "runs/collapsed/result.json",
        "runs/weight-not-loaded/result.json",
        "snap/done/outcome.json",
        "snap/broken/snapshots",
        "snap/broken/metrics.jsonl",
        "runs/torn",
        "snap/pretrain/outcome.json",
    ]
    .into_iter()
    .enumerate()
    {
        dated(&at(path), day as u64);
    }
}

#[test]
fn runs_and_trainings_in_every_state_are_listed() {
    let place = tempfile::tempdir().unwrap();
    workspace(place.path());
    let text = stdout(&run(repro(place.path()).arg("runs"), 0));
    let place_of = place.path().canonicalize().unwrap().display().to_string();
    let known = |text: &str| text.replace(&place_of, "PLACE");
    assert_snapshot!("text", known(&text));
    let is_wide = |line: &&str| line.chars().count() > 80 && line.trim().contains(' ');
    assert_eq!(text.lines().find(is_wide), None, "only a word that is longer than a line may stick out");
    assert_snapshot!("json", known(&stdout(&run(repro(place.path()).args(["runs", "--format", "json"]), 0))));
}

#[test]
fn named_folders_are_looked_through_and_nothing_is_listed_twice() {
    let place = tempfile::tempdir().unwrap();
    workspace(place.path());
    let folders = |words: &[&str]| -> Vec<String> {
        let output = run(repro(place.path()).args(["runs", "--format", "json"]).args(words), 0);
        let list: Value = serde_json::from_str(&stdout(&output)).unwrap();
        list["runs"].as_array().unwrap().iter().map(|run| run["folder"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(folders(&["workspace/snap/done"]), ["workspace/snap/done"]);
    assert_eq!(folders(&["workspace/snap", "workspace/snap/done"]).len(), 3);
    let missing = stderr(&run(repro(place.path()).args(["runs", "nowhere"]), 5));
    assert!(missing.contains("there is no folder nowhere") && missing.contains("next: "), "{missing}");
    fs::create_dir(place.path().join("empty")).unwrap();
    let none = stdout(&run(repro(place.path()).args(["runs", "empty"]), 0));
    assert_eq!(none, "no runs in empty; next: repro all --profile demo\n");
}

/// The lock of a training is that of its folder.
#[test]
fn a_training_at_work_is_told_from_one_that_stopped() {
    let place = tempfile::tempdir().unwrap();
    workspace(place.path());
    let state = || {
        let output = run(repro(place.path()).args(["runs", "--format", "json", "workspace/snap/broken"]), 0);
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()["runs"][0]["state"]["name"].clone()
    };
    assert_eq!(state(), "stopped");
    let folder = fs::File::open(place.path().join("workspace/snap/broken")).unwrap();
    folder.lock().unwrap();
    assert_eq!(state(), "running");
}
