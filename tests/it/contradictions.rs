//! Run folders whose files contradict each other or the golden file: none passes, and the contradiction is named.

use std::fs;
use std::path::{Path, PathBuf};

use base::exit::{CHECKSUM, DATA, FAIL, INCONCLUSIVE, PASS, USAGE};
use serde_json::{Value, json};

use crate::common::{copy_folder, repro, run, stderr, stdout};

/// A folder with some of the runs of `tests/fixtures/runs` and their golden file.
struct Runs(tempfile::TempDir);

impl Runs {
    fn of(names: &[&str]) -> Self {
        let runs = Self(tempfile::tempdir().unwrap());
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs");
        fs::copy(fixtures.join("golden.toml"), runs.path("golden.toml")).unwrap();
        for name in names {
            copy_folder(&fixtures.join(name), &runs.path(name));
        }
        runs
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// Changes a JSON file.
    fn edit(&self, below: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs::read(self.path(below)).unwrap()).unwrap();
        change(&mut value);
        fs::write(self.path(below), value.to_string()).unwrap();
    }

    /// Runs the program and demands an exit code; all that it printed.
    #[track_caller]
    fn says(&self, words: &str, code: u8) -> String {
        let output = run(repro(self.0.path()).args(words.split(' ')), code);
        stdout(&output) + &stderr(&output)
    }
}

#[track_caller]
fn holds(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is not in:\n{text}");
}

#[test]
fn a_result_is_of_its_task_and_its_seed() {
    let runs = Runs::of(&["good-1"]);
    let result = "good-1/evaluate-nlvr2/result.json";
    let whole = fs::read(runs.path(result)).unwrap();
    fs::copy(runs.path("good-1/evaluate-gqa/result.json"), runs.path(result)).unwrap();
    holds(&runs.says("check --golden golden.toml good-1", DATA), "evaluate-nlvr2 is a result of gqa");
    fs::write(runs.path(result), whole).unwrap();
    runs.edit(result, |record| record["seed"] = json!(99));
    holds(&runs.says("check --golden golden.toml good-1", DATA), "its seed is another one than its training's");
}

#[test]
fn the_same_weights_are_no_other_run() {
    let runs = Runs::of(&["good-1"]);
    copy_folder(&runs.path("good-1"), &runs.path("again"));
    for task in ["vqa", "gqa", "nlvr2"] {
        runs.edit(&format!("again/evaluate-{task}/result.json"), |record| {
            record["seed"] = json!(99);
            record["training"]["options"]["--seed"] = json!(99);
        });
    }
    let text = runs.says("check --golden golden.toml good-1 again", INCONCLUSIVE);
    holds(&text, "again: not comparable: its weights are those of good-1, which names another seed");
}

#[test]
fn every_run_is_named() {
    let runs = Runs::of(&["good-1", "collapsed"]);
    let record = "check --record v.toml --allow-flips 0 --reason same --task vqa good-1";
    runs.says(record, PASS);
    holds(&runs.says("check --golden v.toml good-1 collapsed", 4), "collapsed has no result of vqa");
    holds(&runs.says("check --golden v.toml --seeds 1,2 good-1", USAGE), "holds the answers of one run, not seeds");
    for plan in [json!({}), json!(null), json!({ "stages": [] })] {
        runs.edit("good-1/run.json", |run| run["plan"] = plan);
        holds(&runs.says("check --golden golden.toml good-1", DATA), "run.json");
    }
}

#[test]
fn the_order_of_runs_decides_nothing() {
    let runs = Runs::of(&["good-1", "good-2"]);
    runs.edit("good-2/baselines/baselines.json", |all| all["vqa"]["all"]["question_only"] = json!(0.99));
    for order in ["good-1 good-2", "good-2 good-1"] {
        holds(&runs.says(&format!("check --golden golden.toml {order}"), FAIL), "points above question-only");
    }
    fs::remove_file(runs.path("good-1/baselines/baselines.json")).unwrap();
    holds(&runs.says("check --golden golden.toml good-2 good-1", INCONCLUSIVE), "question-only was not measured");
}

#[test]
fn where_files_came_from_is_not_forgotten() {
    let runs = Runs::of(&["good-1"]);
    let stage = json!({ "name": "prepare", "parameters": null });
    runs.edit("good-1/run.json", |run| run["plan"]["stages"].as_array_mut().unwrap().push(stage));
    let check = "check --golden golden.toml good-1";
    holds(
        &runs.says(check, INCONCLUSIVE),
        "the record of where its files came from (prepare/assets.json) is not there",
    );
    fs::create_dir(runs.path("good-1/prepare")).unwrap();
    for (trust, code) in [("pinned", PASS), ("unpinned", INCONCLUSIVE), ("UNPINNED ", INCONCLUSIVE)] {
        let asset = json!([{ "name": "n", "bytes": 1, "sha256": "aa", "trust": trust, "used_by": ["vqa"] }]);
        fs::write(runs.path("good-1/prepare/assets.json"), asset.to_string()).unwrap();
        runs.says(check, code);
    }
}

#[test]
fn answers_are_scored_by_the_same_labels() {
    let runs = Runs::of(&["good-1"]);
    runs.says("check --record v.toml --allow-flips 0 --reason same --task vqa good-1", PASS);
    let items = runs.path("good-1/evaluate-vqa/items.jsonl");
    let text = fs::read_to_string(&items).unwrap().lines().fold(String::new(), |text, line| {
        let mut item: Value = serde_json::from_str(line).unwrap();
        item[2] = json!(0.0);
        text + &item.to_string() + "\n"
    });
    fs::write(&items, text).unwrap();
    let sha256 = base::files::sha256(&items).unwrap();
    runs.edit("good-1/evaluate-vqa/result.json", |record| {
        record["items"]["sha256"] = json!(sha256);
        record["accuracy"] = json!(0.0);
    });
    holds(&runs.says("check --golden v.toml good-1", INCONCLUSIVE), "were scored by other labels");
}

#[test]
fn regrading_checks_the_predictions_too() {
    let runs = Runs::of(&["good-1"]);
    fs::write(runs.path("good-1/evaluate-vqa/minival_predict.json"), "[]").unwrap();
    let text = runs.says("regrade good-1 --golden golden.toml", CHECKSUM);
    holds(&text, "minival_predict.json is not the file that was recorded");
}

#[test]
fn a_failed_recording_leaves_the_golden_file() {
    let runs = Runs::of(&["good-1", "good-2"]);
    runs.says("check --record v.toml --allow-flips 0 --reason same --task vqa good-1", PASS);
    runs.says("check --record v.toml --allow-flips 9999 --reason same --task vqa good-2", DATA);
    runs.says("check --golden v.toml good-1", PASS);
    let other = runs.says("check --record golden.toml --allow-flips 0 --reason same --task vqa good-1", USAGE);
    holds(&other, "golden.toml is there and holds no frozen answers");
    runs.says("check --golden golden.toml good-1", PASS);
}

#[test]
fn an_unknown_profile_is_named() {
    let runs = Runs::of(&["good-1"]);
    runs.edit("good-1/run.json", |run| run["profile"] = json!("demo2"));
    holds(&runs.says("check good-1", DATA), "this program has no profile \"demo2\"");
}
