//! `repro check` and `repro report` on small run folders: output and exit code. They need neither libtorch nor data.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Output, Stdio};

use base::exit::{CHECKSUM, FAIL, INCONCLUSIVE, INFRA, PASS, USAGE};
use data::dataset::TaskData;
use data::features::bench::generated_rows;
use data::features::tsv::TsvWriter;
use judge::report::json;
use serde_json::{Value, json};

use crate::common::evaluations::{EvaluationSpec, answers, evaluation, faithful, nlvr2, seed};
use crate::common::{repro, run, stderr, stdout};

fn check(folder: &Path, words: &[&str], code: u8) -> Output {
    run(repro(folder).arg("check").args(words), code)
}

/// The first line, and what says of each row what happened.
fn said(output: &Output) -> String {
    let text = stdout(output);
    let is_row = |line: &&str| line.starts_with("nlvr2 ") || line.starts_with("  nlvr2 ") && line.contains(": ");
    let lines: Vec<&str> = text.lines().take(1).chain(text.lines().skip(1).filter(is_row)).collect();
    lines.join("\n")
}

/// Three faithful seeds.
fn seeds(folder: &Path, data: &TaskData) {
    for (at, accuracy) in [(1, 74.3), (2, 74.5), (3, 74.2)] {
        seed(&folder.join(format!("s{at}")), data, at, accuracy);
    }
}

#[test]
fn seeds_are_judged_together_and_odd_ones_are_named() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), nlvr2());
    seeds(folder, &data);
    let mut all = Vec::new();
    let mut note = |title: &str, words: &[&str], code| {
        all.push(format!("# {title}: {}\n{}\n", words.join(" "), said(&check(folder, words, code))));
    };
    note("three seeds", &["s1", "s2", "s3"], PASS);
    seed(&folder.join("again"), &data, 1, 74.3);
    note("a seed twice", &["s1", "s2", "again"], INCONCLUSIVE);
    note("a seed without a run", &["--seeds", "1,2,9", "s1", "s2"], INFRA);

    let leave =
        |name: &str, data: &TaskData, wrong: usize, left_out: usize, edit: fn(&mut Value), not_loaded: &[&str]| {
            let mut options = faithful(4);
            edit(&mut options);
            let predictions = answers(data, wrong, 5, 7919);
            let predictions = &predictions[..predictions.len() - left_out];
            evaluation(&folder.join(name), &EvaluationSpec { data, predictions, left_out, options, not_loaded });
        };
    leave("weights", &data, 1790, 0, |_| (), &["lxrt_encoder.model.bert.encoder.x_layers.4.lang_inter.dense.weight"]);
    note("one weight not loaded", &["s1", "s2", "weights"], INCONCLUSIVE);
    leave("truncated", &data, 1790, 12, |_| (), &[]);
    note("features cut short", &["truncated"], INCONCLUSIVE);
    let other = TaskData { splits: vec!["test".into()], ..data.clone() };
    leave("split", &other, 1790, 0, |_| (), &[]);
    note("another split", &["split"], INCONCLUSIVE);
    leave("rate", &data, 1790, 0, |options| options["--lr"] = json!(1e-3), &[]);
    note("another learning rate", &["rate"], INCONCLUSIVE);
    leave("worse", &data, 2100, 0, |_| (), &[]);
    note("too low", &["worse"], FAIL);
    let mut constant = answers(&data, 0, 0, 1);
    constant.iter_mut().for_each(|prediction| prediction.answer = "True".into());
    let left =
        EvaluationSpec { data: &data, predictions: &constant, left_out: 0, options: faithful(5), not_loaded: &[] };
    evaluation(&folder.join("collapsed"), &left);
    note("collapsed", &["s1", "s2", "collapsed"], FAIL);

    fs::create_dir(folder.join("killed")).unwrap();
    let environment = json!({ "program": "0.1.0", "commit": null, "versions": {}, "os": "", "cpu": "", "cpus": 2,
        "memory": null, "threads": 2, "seeds": [7] });
    let of_all = json!({ "schema": 1, "run": "paper-1", "profile": "paper", "environment": environment,
        "plan": { "stages": [{ "name": "evaluate-nlvr2", "parameters": {} }] } });
    fs::write(folder.join("killed/run.json"), of_all.to_string()).unwrap();
    let started = json!({ "time": "2026-01-01T00:00:00Z", "event": "stage-started", "stage": "train-nlvr2", "title": "", "why": "" });
    fs::write(folder.join("killed/events.jsonl"), format!("{started}\n")).unwrap();
    note("killed", &["killed"], INFRA);
    let failed = json!({ "time": "t", "event": "stage-failed", "stage": "train-nlvr2", "class": "INFRA",
        "message": "there is no GPU 0\n  next: use --device cpu", "seconds": 1.0 });
    fs::write(folder.join("killed/events.jsonl"), format!("{started}\n{failed}\n")).unwrap();
    note("failed", &["killed"], INFRA);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn frozen_answers_are_compared_one_by_one() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), nlvr2());
    seeds(folder, &data);
    let same = check(folder, &["--against", "s1", "--allow-flips", "0", "s1"], PASS);
    assert!(stdout(&same).starts_with("PASS"), "{}", stdout(&same));
    // Three more are wrong.
    let mut predictions = answers(&data, 1794, 31, 7919);
    predictions
        .iter_mut()
        .take(3)
        .for_each(|one| one.answer = if one.answer == "True" { "False" } else { "True" }.into());
    let left =
        EvaluationSpec { data: &data, predictions: &predictions, left_out: 0, options: faithful(1), not_loaded: &[] };
    evaluation(&folder.join("after"), &left);
    let differ = check(folder, &["--against", "s1", "--allow-flips", "2", "after"], FAIL);
    assert!(stdout(&differ).contains("3 of 6982 answers differ from s1, only 2 allowed"), "{}", stdout(&differ));
    check(folder, &["--against", "s1", "--allow-flips", "3", "after"], PASS);

    let golden =
        check(folder, &["--record", "golden/n.toml", "--allow-flips", "1", "--reason", "same CPU", "s1"], PASS);
    let said = stdout(&golden);
    let items = said.strip_prefix("golden/n.toml\n").unwrap().trim_end().to_owned();
    assert!(items.starts_with("golden/n.") && items.ends_with(".items.jsonl"), "{said}");
    check(folder, &["--golden", "golden/n.toml", "s1"], PASS);
    let judged = check(folder, &["--golden", "golden/n.toml", "after", "s1", "--format", "json"], FAIL);
    let judged: Value = serde_json::from_str(&stdout(&judged)).unwrap();
    let row = &judged["rows"][0];
    assert_eq!(
        (&row["name"], &row["gate"], &row["paired"]["flips"]),
        (&json!("nlvr2 after"), &json!("eval"), &json!(3))
    );
    assert_eq!((&row["paired"]["clusters"], &row["paired"]["cluster"]), (&json!(1746), &json!("sentence")));
    assert_eq!((&judged["rows"][1]["verdict"], &judged["golden"][0]["edition"]), (&json!("PASS"), &json!(1)));

    fs::write(folder.join(items), "[\"1\",\"True\",1.0,\"a\"]\n").unwrap();
    let tampered = check(folder, &["--golden", "golden/n.toml", "s1"], CHECKSUM);
    assert!(stderr(&tampered).contains("is not the file that was recorded"), "{}", stderr(&tampered));
}

#[test]
fn recorded_runs_judge_by_a_file() {
    let place = tempfile::tempdir().unwrap();
    let (folder, data) = (place.path(), nlvr2());
    let recorded: Vec<String> =
        (1..=10).map(|seed| format!("{{ seed = {seed}, accuracy = {} }}", 74.0 + f64::from(seed) / 20.0)).collect();
    let text = format!(
        "schema = 1\nedition = 1\nprofile = \"own\"\n[rule]\nname = \"prediction-interval\"\nconfidence = 0.99\nsd_floor = 0.1\n\
         decimals = 2\nreason = \"r\"\n[[task]]\nname = \"nlvr2\"\nmetric = \"accuracy\"\nn = 6982\nrecorded = [{}]\n",
        recorded.join(", ")
    );
    fs::write(folder.join("own.toml"), text).unwrap();
    seeds(folder, &data);
    check(folder, &["--golden", "own.toml", "s1", "s2", "s3"], PASS);
    seed(&folder.join("s4"), &data, 4, 73.0);
    let low = check(folder, &["--golden", "own.toml", "s4", "--output", "verdict"], FAIL);
    assert!(stdout(&low).contains("below the band"), "{}", stdout(&low));
    let report = json::read(&folder.join("verdict/report.json")).unwrap();
    assert_eq!((report.golden[0].name.as_str(), report.run.as_str()), ("own.toml", "s4"));
    let inputs: Vec<&str> = report.provenance.inputs.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(inputs, ["s4/result.json", "s4/items.jsonl", "s4/valid_predict.csv"]);
    assert!(report.provenance.inputs.iter().all(|file| file.sha256.is_some()));
    for file in ["report.html", "report.md", "junit.xml"] {
        assert!(folder.join("verdict").join(file).is_file(), "{file}");
    }
    let again = run(repro(folder).args(["report", "verdict"]), FAIL);
    assert_eq!(stdout(&again), stdout(&low));
    let markdown = run(repro(folder).args(["report", "verdict/report.json", "--format", "markdown"]), FAIL);
    assert_eq!(stdout(&markdown).trim_end(), fs::read_to_string(folder.join("verdict/report.md")).unwrap().trim_end());
}

/// Files of the same rows, each feature larger by so much.
fn features(folder: &Path, files: &[(&str, f32)]) {
    for (name, more) in files {
        let mut writer = TsvWriter::new(fs::File::create(folder.join(name)).unwrap());
        for mut row in generated_rows(12, 4, 8) {
            row.features.iter_mut().for_each(|feature| *feature += more);
            writer.write_row(&row).unwrap();
        }
        writer.finish().unwrap();
    }
}

#[test]
fn features_are_judged() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    features(folder, &[("a_obj36.tsv", 0.0), ("b_obj36.tsv", 0.25)]);
    let same = check(folder, &["--features", "a_obj36.tsv", "a_obj36.tsv"], PASS);
    assert!(stdout(&same).contains("a_obj36.tsv"), "{}", stdout(&same));
    let other = check(folder, &["--features", "a_obj36.tsv", "b_obj36.tsv", "--format", "json"], FAIL);
    let other: Value = serde_json::from_str(&stdout(&other)).unwrap();
    assert_eq!((&other["golden"][0]["name"], &other["rows"][0]["gate"]), (&json!("features"), &json!("features")));
    assert!(other["rows"][0]["spreads"][0]["counts"].as_array().unwrap().len() <= 24);
}

#[test]
fn mistakes_are_usage_errors() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    seed(&folder.join("s1"), &nlvr2(), 1, 74.3);
    for words in [
        &["check"][..],
        &["check", "s1", "--allow-flips", "1"],
        &["check", "s1", "--against", "s1"],
        &["check", "s1", "--record", "x.txt", "--allow-flips", "1", "--reason", "r"],
        &["check", "s1", "--golden", "features"],
    ] {
        run(repro(folder).args(words), USAGE);
    }
    for words in [&["check", "none"][..], &["check", "."], &["report", "s1"], &["check", "s1", "--golden", "none.toml"]]
    {
        run(repro(folder).args(words), 5);
    }
}

/// Nobody reads what is told, or the disk of a log is full: the verdict and the results are as ever.
#[test]
fn a_stderr_that_cannot_be_written_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    seed(&folder.join("s1"), &nlvr2(), 1, 74.3);
    seed(&folder.join("s2"), &nlvr2(), 2, 74.3);
    features(folder, &[("a_obj36.tsv", 0.0), ("b_obj36.tsv", 0.25)]);
    for words in [
        &["check", "s1", "s2", "--output", "verdict"][..],
        &["check", "nowhere"],
        &["features", "compare", "a_obj36.tsv", "b_obj36.tsv"],
    ] {
        let heard = repro(folder).args(words).output().unwrap();
        assert!(heard.status.code().is_some() && !heard.stderr.is_empty(), "{words:?}: {}", stderr(&heard));
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let (reader, deaf) = std::io::pipe().unwrap();
        drop(reader);
        for unheard in [Stdio::from(full), Stdio::from(deaf)] {
            let output = repro(folder).args(words).stderr(unheard).output().unwrap();
            assert_eq!((output.status.code(), stdout(&output)), (heard.status.code(), stdout(&heard)), "{words:?}");
        }
    }
    assert!(folder.join("verdict/report.json").is_file());
}

#[test]
fn what_is_given_is_not_written_over() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for name in ["s1", "s2"] {
        seed(&folder.join(name), &nlvr2(), 1, 74.3);
        repro(folder).args(["check", name, "--output", name]).output().unwrap();
    }
    features(folder, &[("a_obj36.tsv", 0.0), ("b_obj36.tsv", 0.25)]);
    let given = ["a_obj36.tsv", "b_obj36.tsv", "s1/report.json", "s2/report.json"];
    let contents = || given.map(|name| fs::read(folder.join(name)).unwrap());
    let before = contents();
    for words in [
        &["check", "s2", "s1", "--output", "./s1"][..],
        &["check", "s1", "--against", "s2", "--allow-flips", "9", "--output", "s2"],
        &["regrade", "s1", "--output", "s1"],
        &["features", "compare", "a_obj36.tsv", "b_obj36.tsv", "--out", "./b_obj36.tsv"],
    ] {
        let refused = run(repro(folder).args(words), USAGE);
        assert!(stderr(&refused).contains("another"), "{}", stderr(&refused));
        assert!(contents() == before, "{words:?}");
    }
    let name = OsStr::from_bytes(b"\xff.toml");
    let words = ["check", "s1", "--allow-flips", "1", "--reason", "r", "--record"];
    let refused = run(repro(folder).args(words).arg(name), USAGE);
    assert!(stderr(&refused).contains("is not UTF-8"), "{}", stderr(&refused));
}
