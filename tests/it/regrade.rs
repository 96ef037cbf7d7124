//! `repro regrade`: recomputes the verdict from the files of a run, and reports what differs from the original verdict.

use std::fs;
use std::path::Path;

use base::exit::{CHECKSUM, DATA, FAIL, PASS};
use data::dataset::{Label, TaskData};
use serde_json::{Value, json};

use crate::common::evaluations::{nlvr2, seed};
use crate::common::{repro, run, stderr, stdout};

/// A golden file that the run passes or, with other recorded runs, fails.
fn golden(path: &Path, mean: f64) {
    let recorded: Vec<String> =
        (1..=10).map(|seed| format!("{{ seed = {seed}, accuracy = {} }}", mean + f64::from(seed) / 20.0)).collect();
    let text = format!(
        "schema = 1\nedition = 1\nprofile = \"own\"\n[rule]\nname = \"prediction-interval\"\nconfidence = 0.99\nsd_floor = 0.1\n\
         decimals = 2\nreason = \"r\"\n[[task]]\nname = \"nlvr2\"\nmetric = \"accuracy\"\nn = 6982\nrecorded = [{}]\n",
        recorded.join(", ")
    );
    fs::write(path, text).unwrap();
}

/// A run with its report beside what it saved.
fn judged(folder: &Path) -> TaskData {
    let data = nlvr2();
    golden(&folder.join("own.toml"), 74.0);
    seed(&folder.join("s1"), &data, 1, 74.3);
    run(repro(folder).args(["check", "s1", "--golden", "own.toml", "--output", "s1"]), PASS);
    data
}

fn before(output: &std::process::Output) -> Value {
    serde_json::from_str::<Value>(&stdout(output)).unwrap()["before"].clone()
}

#[test]
fn the_same_golden_file_gives_the_same_verdict() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    judged(folder);
    let report = fs::read(folder.join("s1/report.json")).unwrap();
    let words = ["regrade", "s1", "--golden", "own.toml", "--format", "json", "--output", "again"];
    let again = before(&run(repro(folder).args(words), PASS));
    assert_eq!((&again["verdict"], &again["changes"]), (&json!("PASS"), &json!([])));
    assert_eq!(fs::read(folder.join("s1/report.json")).unwrap(), report, "the run's own report stays");
    assert!(folder.join("again/report.html").is_file());
}

#[test]
fn another_edition_or_another_verdict_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    judged(folder);
    let path = folder.join("s1/report.json");
    let mut report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    report["golden"][0]["edition"] = json!(7);
    fs::write(&path, report.to_string()).unwrap();
    golden(&folder.join("own.toml"), 80.0);
    let again = before(&run(repro(folder).args(["regrade", "s1", "--golden", "own.toml", "--format", "json"]), FAIL));
    assert_eq!(
        again["changes"],
        json!(["own.toml judges by edition 1, then by edition 7", "nlvr2 was PASS and is FAIL"])
    );
    assert_eq!(again["golden"][0]["edition"], 7);
}

#[test]
fn what_was_changed_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    judged(folder);
    let result = folder.join("s1/result.json");
    let text = fs::read_to_string(&result).unwrap();
    let mut other: Value = serde_json::from_str(&text).unwrap();
    other["accuracy"] = json!(74.9);
    fs::write(&result, other.to_string()).unwrap();
    let differs = run(repro(folder).args(["regrade", "s1"]), DATA);
    let said = stderr(&differs);
    assert!(said.contains("an accuracy of 74.9000 is recorded, its items.jsonl give 74.3054"), "{said}");
    fs::write(&result, text).unwrap();
    let items = folder.join("s1/items.jsonl");
    fs::write(&items, fs::read_to_string(&items).unwrap().replacen(",0.0,", ",1.0,", 1)).unwrap();
    let tampered = run(repro(folder).args(["regrade", "s1"]), CHECKSUM);
    assert!(stderr(&tampered).contains("items.jsonl is not the file that was recorded"), "{}", stderr(&tampered));
}

#[test]
fn predictions_are_scored_again_with_the_labels() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let data = judged(folder);
    let write = |flip: Option<usize>| {
        let examples: Vec<Value> = (data.examples.iter().enumerate())
            .map(|(at, example)| {
                let is_true = example.label == Some(Label::Class(1));
                json!({ "identifier": example.id, "img0": example.images[0], "img1": example.images[1], "sent": "s",
                    "uid": example.id, "label": usize::from(is_true != (flip == Some(at))) })
            })
            .collect();
        fs::create_dir_all(folder.join("data/nlvr2")).unwrap();
        fs::write(folder.join("data/nlvr2/valid.json"), json!(examples).to_string()).unwrap();
    };
    let words = ["regrade", "s1", "--golden", "own.toml", "--data-root", "data"];
    write(None);
    run(repro(folder).args(words), PASS);
    write(Some(0));
    let said = stderr(&run(repro(folder).args(words), DATA));
    assert!(said.contains("its predictions with the labels below data give"), "{said}");
}
