//! `repro all`, `repro check` and `repro regrade` give the same verdict on the same evidence: the rows of their reports are
//! compared as JSON.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base::exit::{DATA, FAIL, INCONCLUSIVE, INTERRUPTED, PASS};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::world::World;
use crate::common::{recipe, repro, run, stderr, stdout};

/// The rows that `repro COMMAND RUN` prints.
#[track_caller]
fn judged(folder: &Path, command: &str, more: &[&str]) -> Value {
    let output = repro(folder).arg(command).args(more).args(["--format", "json"]).output().unwrap();
    let text = stdout(&output);
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command} {more:?}: {e}\n{text}{}", stderr(&output)));
    assert!(!report["rows"].as_array().unwrap().is_empty(), "{report}");
    report["rows"].clone()
}

/// Compares the rows of the report that `repro all` left with those of both other commands.
#[track_caller]
fn same_by_all_three(folder: &Path, more: &[&str]) -> Value {
    let text = fs::read_to_string(folder.join("workspace/runs/latest/report.json")).unwrap();
    let all = serde_json::from_str::<Value>(&text).unwrap()["rows"].clone();
    let words: Vec<&str> = ["workspace"].iter().chain(more).copied().collect();
    for command in ["check", "regrade"] {
        assert_eq!(judged(folder, command, &words), all, "{command}");
    }
    all
}

fn evidence(row: &Value) -> &str {
    row["evidence"][0].as_str().unwrap()
}

#[test]
fn every_run_folder_is_judged_alike_by_check_and_regrade() {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs");
    let mut seen = 0;
    for entry in fs::read_dir(&runs).unwrap() {
        let folder = entry.unwrap().path();
        if !["run.json", "result.json"].iter().any(|name| folder.join(name).is_file()) {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap();
        let mut goldens = vec![vec![name, "--golden", "golden.toml"], vec![name]];
        if folder.join("result.json").is_file() {
            goldens.push(vec![name, "--golden", "golden-biased.toml"]);
        }
        for words in goldens {
            let again: Vec<&str> = words.iter().copied().chain(["--allow-missing-predictions"]).collect();
            assert_eq!(judged(&runs, "check", &words), judged(&runs, "regrade", &again), "{words:?}");
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

fn demo(folder: &Path, recipe: &str) -> Command {
    fs::write(folder.join("recipe.toml"), recipe).unwrap();
    let mut command = repro(folder);
    command.args(["all", "--profile", "demo", "--recipe", "recipe.toml", "--threads", "1"]);
    command
}

#[test]
fn the_demo_is_judged_alike_also_by_golden_values_that_it_recorded() {
    let place = tempfile::tempdir().unwrap();
    let (folder, recipe) = (place.path(), recipe::small());
    run(&mut demo(folder, &recipe), INCONCLUSIVE);
    let rows = same_by_all_three(folder, &[]);
    assert!(evidence(&rows[0]).contains("another recipe than the recorded runs'"), "{rows}");
    assert!(rows[2]["evidence"].to_string().contains("consistency "), "{rows}");

    run(demo(folder, &recipe).args(["--seeds", "2", "--record", "own.toml"]), PASS);
    // So short a training learns nothing, which is told apart from too few recorded runs.
    run(demo(folder, &recipe).args(["--golden", "own.toml"]), FAIL);
    let rows = same_by_all_three(folder, &["--golden", "own.toml"]);
    assert_eq!(rows[0]["recorded"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&rows[0]["observed"], &rows[0]["runs"][0]["state"]),
        (&rows[0]["recorded"][0], &"not-converged".into())
    );
}

#[test]
fn a_demo_that_was_stopped_in_a_stage_is_judged_alike() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut child = demo(folder, &recipe::recipe([[30, 10, 5], [30, 10, 10], [6, 3, 3]], [2, 400, 1]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A signal before the training listens ends the program at once, and nothing is judged.
    let (stage, since) = (folder.join("workspace/cache/stages/train-gqa"), Instant::now());
    let trained = |part: fs::DirEntry| fs::read(part.path().join("log.log")).is_ok_and(|log| !log.is_empty());
    while !fs::read_dir(&stage).into_iter().flatten().flatten().any(trained) {
        let waits = since.elapsed() < Duration::from_secs(300) && child.try_wait().unwrap().is_none();
        assert!(waits, "GQA is not trained");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED.into()));
    let rows = same_by_all_three(folder, &[]);
    assert!(rows[0]["observed"].is_number(), "{rows}");
    for row in [&rows[1], &rows[2]] {
        assert!(
            evidence(row).contains("no result: stage train-gqa failed (INTERRUPTED): stopped after step "),
            "{row}"
        );
    }
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("workspace/runs/latest/report.json")).unwrap()).unwrap();
    assert_eq!(
        report["failure"]["cause"],
        serde_json::json!({ "kind": "interrupted", "signal": 15, "spurious": true })
    );
}

#[test]
fn the_papers_small_world_is_judged_alike_also_where_it_stops_in_a_stage() {
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path(), World::publish(place.path()));
    world.pretrain();
    let paper = |words: &[&str]| {
        let mut command = repro(folder);
        command.args(["all", "--profile", "paper", "--manifest", "assets.toml", "--model", "tiny"]);
        command.args(["--device", "cpu", "--threads", "1"]).args(words);
        command
    };
    run(&mut paper(&[]), INCONCLUSIVE);
    let rows = same_by_all_three(folder, &[]);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    for row in rows.as_array().unwrap() {
        let told = row["evidence"].to_string();
        assert!(told.contains("files of a different manifest") && told.contains("checksum nobody knows: "), "{row}");
    }
    // Only some features are taken.
    run(&mut paper(&["--tiny", "--task", "nlvr2"]), INCONCLUSIVE);
    assert!(evidence(&same_by_all_three(folder, &[])[0]).contains("--tiny"));

    // The same run again, whose weights are none: what it left before is no evidence of it any more.
    fs::write(world.weights(), "weights").unwrap();
    fs::remove_file(folder.join("workspace/snap/pretrained/model_LXRT.pth")).unwrap();
    run(&mut paper(&[]), DATA);
    for row in same_by_all_three(folder, &[]).as_array().unwrap() {
        assert!(evidence(row).contains("no result: stage train-vqa failed (DATA): "), "{row}");
        assert_eq!(row["observed"], Value::Null);
    }
}
