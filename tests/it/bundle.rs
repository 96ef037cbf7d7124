//! Small real run folders, one per kind of outcome (made by `tests/fixtures/runs/make`): the whole text that is printed about them, and
//! that its first lines tell what happened and what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::exit::{CHECKSUM, DATA, FAIL, INCONCLUSIVE, INFRA, PASS};

use crate::common::{copy_folder, repro, run, stderr, stdout};

const GOLDEN: [&str; 2] = ["--golden", "golden.toml"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs")
}

/// The program where the folders lie.
fn command(words: &[&str]) -> Command {
    let mut command = repro(&folder());
    command.args(words);
    command
}

/// What is printed of runs, beside a golden file.
#[track_caller]
fn checked(golden: &str, runs: &[&str], code: u8) -> String {
    stdout(&run(command(&["check", "--golden", golden]).args(runs), code))
}

/// Demands the verdict, what was judged and, in the lines below, for each row that did not pass these words: what happened, what
/// to do.
#[track_caller]
fn says(text: &str, verdict: &str, rows: &[[&str; 2]]) {
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with(&format!("{verdict}  "))), "{text}");
    assert!(
        lines.next().is_some_and(|line| line.starts_with("  Judged: ") || line.starts_with("  Not judged: ")),
        "{text}"
    );
    for [happened, next] in rows {
        let line = lines.next().unwrap_or_default();
        let (before, after) = line.split_once(". Next: ").unwrap_or_default();
        assert!(before.contains(happened) && after.contains(next), "{happened} / {next}: {text}");
    }
    assert_eq!(lines.next(), Some(""), "{text}");
}

#[test]
fn good_runs_pass() {
    let one = checked("golden.toml", &["good-1"], PASS);
    says(&one, "PASS", &[]);
    insta::assert_snapshot!("good", one);
    let three = checked("golden.toml", &["good-1", "good-2", "good-3"], PASS);
    says(&three, "PASS", &[]);
    insta::assert_snapshot!("three-good", three);
}

#[test]
fn weights_that_were_not_loaded_are_named() {
    let text = checked("golden.toml", &["weight-not-loaded"], INCONCLUSIVE);
    says(
        &text,
        "INCONCLUSIVE",
        &[["1 of 89 weights was not loaded at the start: lxrt_encoder", "without --allow-missing"]],
    );
    insta::assert_snapshot!("weight-not-loaded", text);
}

#[test]
fn questions_without_features_are_counted() {
    let text = checked("golden.toml", &["truncated-features"], INCONCLUSIVE);
    says(&text, "INCONCLUSIVE", &[["examples left out for want of features", "complete the feature file"]]);
    insta::assert_snapshot!("truncated-features", text);
}

#[test]
fn another_split_is_named() {
    let text = checked("golden.toml", &["wrong-split"], INCONCLUSIVE);
    says(&text, "INCONCLUSIVE", &[["evaluated on valid, judged is testdev", "--split testdev"]]);
    insta::assert_snapshot!("wrong-split", text);
}

#[test]
fn a_seed_counts_once() {
    let text = checked("golden.toml", &["good-1", "good-2", "duplicate-seed"], INCONCLUSIVE);
    says(
        &text,
        "INCONCLUSIVE",
        &[[
            "VQA-like scenes, GQA-like scenes, NLVR2-like scenes INCONCLUSIVE: duplicate-seed: duplicate seed: good-1 has the same seed",
            "train another seed",
        ]],
    );
    insta::assert_snapshot!("duplicate-seed", text);
    // By itself it is as good as the other.
    says(&checked("golden.toml", &["duplicate-seed"], PASS), "PASS", &[]);
}

#[test]
fn one_answer_to_everything_fails() {
    let text = checked("golden-biased.toml", &["collapsed"], FAIL);
    says(&text, "FAIL", &[["50.86 is what always giving the most frequent answer earns", "did every weight load?"]]);
    insta::assert_snapshot!("collapsed", text);
}

#[test]
fn a_run_that_was_killed_says_where() {
    let text = checked("golden.toml", &["crashed"], INFRA);
    says(
        &text,
        "INFRA",
        &[[
            "GQA-like scenes, NLVR2-like scenes INFRA: crashed: no result: the run was cut off in stage train-gqa",
            "start it again",
        ]],
    );
    insta::assert_snapshot!("crashed", text);
    let with_others = checked("golden.toml", &["good-1", "good-2", "crashed"], INFRA);
    insta::assert_snapshot!("good-and-crashed", with_others);
}

#[test]
fn a_run_that_the_machine_stopped_says_why() {
    let text = checked("golden.toml", &["infra"], INFRA);
    says(
        &text,
        "INFRA",
        &[[
            "VQA-like scenes, GQA-like scenes, NLVR2-like scenes INFRA: infra: no result: stage scenes failed (DISK)",
            "free some space",
        ]],
    );
    insta::assert_snapshot!("infra", text);
}

#[test]
fn judging_again_gives_the_same() {
    let report = fs::read(folder().join("good-1/report.json")).unwrap();
    let text = stdout(&run(command(&["regrade", "good-1"]).args(GOLDEN), PASS));
    assert_eq!(
        text.lines().nth(2),
        Some("  was PASS under golden.toml edition 1; still PASS under golden.toml edition 1")
    );
    insta::assert_snapshot!("regraded", text);
    assert_eq!(fs::read(folder().join("good-1/report.json")).unwrap(), report);
}

#[test]
fn judging_again_by_other_numbers_says_so() {
    let place = tempfile::tempdir().unwrap();
    let other = place.path().join("golden.toml");
    let text = fs::read_to_string(folder().join("golden.toml")).unwrap();
    let lower = |line: &str| match line.strip_prefix("accuracy = ") {
        Some(accuracy) => format!("accuracy = {}\n", accuracy.parse::<f64>().unwrap() - 20.0),
        None => format!("{line}\n"),
    };
    fs::write(&other, text.lines().map(lower).collect::<String>()).unwrap();
    copy_folder(&folder().join("good-1"), &place.path().join("good-1"));
    let again = stdout(&run(repro(place.path()).args(["regrade", "good-1"]).args(GOLDEN), FAIL));
    insta::assert_snapshot!("regraded-by-other-numbers", again);
    fs::write(&other, text.replacen("edition = 1", "edition = 2", 1)).unwrap();
    let newer = stderr(&run(repro(place.path()).args(["regrade", "good-1"]).args(GOLDEN), DATA));
    insta::assert_snapshot!("regraded-by-another-edition", newer);
}

#[test]
fn changed_answers_are_refused() {
    let place = tempfile::tempdir().unwrap();
    copy_folder(&folder().join("good-1"), &place.path().join("good-1"));
    fs::copy(folder().join("golden.toml"), place.path().join("golden.toml")).unwrap();
    let items = place.path().join("good-1/evaluate-vqa/items.jsonl");
    fs::write(&items, fs::read_to_string(&items).unwrap().replacen(",0.0,", ",1.0,", 1)).unwrap();
    for judge in ["check", "regrade"] {
        let output = run(repro(place.path()).args([judge, "good-1"]).args(GOLDEN), CHECKSUM);
        let said = stderr(&output).replace(place.path().canonicalize().unwrap().to_str().unwrap(), "[place]");
        assert_eq!(stdout(&output), "", "no verdict on changed evidence");
        insta::assert_snapshot!("changed-answers", said);
    }
}
