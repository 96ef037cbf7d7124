use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::super::result;
use super::super::training::tests::outcome;
use super::folder::*;
use crate::evidence::{journal, training};
use data::dataset::Task;

/// A folder of `repro all` whose plan evaluates VQA.
fn of_all(folder: &Path, events: &[Value]) {
    fs::create_dir_all(folder).unwrap();
    let environment = json!({ "program": "0.1.0", "commit": null, "versions": {}, "os": "", "cpu": "", "cpus": 2,
        "memory": null, "threads": 2, "seeds": [1, 9595] });
    let run = json!({ "schema": 1, "run": "demo-1", "profile": "demo", "environment": environment,
        "plan": { "stages": [{ "name": "evaluate-vqa", "parameters": { "seed": 9595 } }] } });
    fs::write(folder.join(journal::RUN), run.to_string()).unwrap();
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    fs::write(folder.join(journal::EVENTS), lines).unwrap();
}

#[test]
fn a_run_of_all_stages() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("runs/demo-1");
    of_all(&folder, &[json!({ "time": "t", "event": "run-started" })]);
    std::os::unix::fs::symlink("demo-1", place.path().join("runs/latest")).unwrap();
    let stage = place.path().join("cache/x");
    fs::create_dir_all(&stage).unwrap();
    std::os::unix::fs::symlink("../../cache/x", folder.join("evaluate-vqa")).unwrap();
    result::tests::sample().write(&stage).unwrap();
    for given in [place.path(), &place.path().join("runs/latest"), &folder] {
        let run = read(given).unwrap();
        assert_eq!((run.name.as_str(), run.seed(Task::Vqa)), ("demo-1", Some(9595)));
        assert_eq!(run.task(Task::Vqa).unwrap().as_ref().unwrap().record, result::tests::sample());
        assert_eq!(run.task(Task::Gqa), None);
        let journal = run.journal.unwrap();
        assert_eq!(
            (journal.profile.as_str(), &journal.parameters("evaluate-vqa").unwrap()["seed"]),
            ("demo", &json!(9595))
        );
    }
    fs::remove_dir_all(&stage).unwrap();
    let run = read(&folder).unwrap();
    assert!(run.task(Task::Vqa).unwrap().as_ref().unwrap_err().sentence.contains("leads nowhere"));
}

#[test]
fn a_run_that_stopped_says_where() {
    let place = tempfile::tempdir().unwrap();
    let started = json!({ "time": "noon", "event": "stage-started", "stage": "train-vqa" });
    let failed = json!({ "time": "noon", "event": "stage-failed", "stage": "fetch", "class": "NETWORK",
        "message": "no source answers\n  caused by: timeout\n  next: look at the network", "seconds": 1.0 });
    for (name, events, sentence, class, next) in [
        ("killed", vec![started], "the run was cut off in stage train-vqa, last heard of noon", None, "start it again"),
        (
            "failed",
            vec![failed],
            "stage fetch failed (NETWORK): no source answers: timeout",
            Some("NETWORK"),
            "look at the network",
        ),
    ] {
        let folder = place.path().join(name);
        of_all(&folder, &events);
        let run = read(&folder).unwrap();
        let why = run.task(Task::Vqa).unwrap().as_ref().unwrap_err();
        assert_eq!((why.sentence.as_str(), why.class.as_deref()), (sentence, class));
        assert!(why.next.starts_with(next), "{}", why.next);
        assert_eq!(run.seed(Task::Vqa), Some(9595));
    }
}

#[test]
fn a_training_counts_by_its_best_validation() {
    let place = tempfile::tempdir().unwrap();
    let write = |value: Value| fs::write(place.path().join(training::OUTCOME), value.to_string()).unwrap();
    write(outcome(Some(0.625), 7));
    let run = read(place.path()).unwrap();
    let record = &run.task(Task::Vqa).unwrap().as_ref().unwrap().record;
    assert_eq!((record.accuracy, record.n, record.splits.as_str(), record.seed), (62.5, 30, "minival", Some(7)));
    let mut without = outcome(None, 7);
    without["identity"]["run"]["validation data"] = Value::Null;
    write(without);
    let run = read(place.path()).unwrap();
    assert!(run.task(Task::Vqa).unwrap().as_ref().unwrap_err().sentence.contains("not validated"));
}

#[test]
fn a_training_that_was_stopped_says_how_far_it_came() {
    let place = tempfile::tempdir().unwrap();
    for step in [0, 40, 20] {
        let about = json!({ "edition": 1, "step": step, "position": null,
            "identity": { "run": { "task": "nlvr2", "--seed": 3 }, "machine": {} } });
        let metadata = [("lxmert_repro.snapshot".to_owned(), about.to_string())].into();
        let path = place.path().join(format!("snapshots/step-{step:012}.safetensors"));
        checkpoint::write_safetensors(&path, &Default::default(), &metadata).unwrap();
    }
    let run = read(place.path()).unwrap();
    let why = run.task(Task::Nlvr2).unwrap().as_ref().unwrap_err();
    assert!(why.sentence.ends_with("of step 40") && why.next.contains("--resume"), "{why:?}");
    assert_eq!(run.seed(Task::Nlvr2), Some(3));
}

#[test]
fn anything_else_is_no_run() {
    let place = tempfile::tempdir().unwrap();
    let error = read(place.path()).unwrap_err();
    assert_eq!(error.kind(), base::error::Kind::Data);
    assert!(error.to_string().contains("neither run.json nor result.json nor outcome.json"), "{error}");
    assert!(read(&place.path().join("none")).unwrap_err().to_string().contains("there is no folder"));
}
