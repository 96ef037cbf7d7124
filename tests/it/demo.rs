//! `repro all --profile demo` on a small recipe: cached, explained, killed and resumed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use judge::report::{Report, json};

use crate::common::{recipe, repro, run, stderr, stdout};

const INCONCLUSIVE: i32 = 3;

fn demo(folder: &Path) -> Command {
    std::fs::write(folder.join("recipe.toml"), recipe::small()).unwrap();
    let mut command = repro(folder);
    command.args(["all", "--profile", "demo", "--recipe", "recipe.toml", "--threads", "1"]);
    command
}

fn report(folder: &Path) -> Report {
    json::read(&folder.join("workspace/runs/latest/report.json")).unwrap().without_times()
}

#[test]
fn a_second_run_does_nothing_and_explains_why() {
    let place = tempfile::tempdir().unwrap();
    let first = run(&mut demo(place.path()), INCONCLUSIVE);
    assert!(stdout(&first).starts_with("INCONCLUSIVE"), "{}", stdout(&first));
    let before = report(place.path());
    let latest = place.path().join("workspace/runs/latest");
    let files = || -> BTreeMap<_, _> {
        let entries = std::fs::read_dir(&latest).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.symlink_metadata().unwrap().is_file());
        files
            .map(|path| {
                let time = path.metadata().unwrap().modified().unwrap();
                (path.clone(), (time, std::fs::read(path).unwrap()))
            })
            .collect()
    };
    let left = files();
    let second = run(demo(place.path()).arg("--resume"), INCONCLUSIVE);
    let lines = stderr(&second);
    assert_eq!(lines.matches(": cached (").count(), 10, "{lines}");
    assert!(!lines.contains("done in"), "{lines}");
    let finished = json::read(&latest.join("report.json")).unwrap().times.finished.unwrap();
    let stands = format!("nothing to do: every stage is up to date; the report of {finished} is unchanged: ");
    assert!(lines.contains(&stands), "{lines}");
    assert!(files() == left, "a run in which nothing was done changed the run's folder");
    assert_eq!(stdout(&second), stdout(&first));

    // What is missing of the report is made again, with the times of the run that did the work.
    for name in ["report.html", "report.md", "junit.xml", "attestation.intoto.json", "report.json"] {
        std::fs::remove_file(latest.join(name)).unwrap();
        let again = run(&mut demo(place.path()), INCONCLUSIVE);
        assert!(stderr(&again).contains("missing files of the report of "), "{}", stderr(&again));
        assert_eq!(stdout(&again), stdout(&first));
        let took = |report: &Report| (report.times.started.clone(), report.times.seconds.map(f64::round));
        let [then, now] = [&left[&latest.join("report.json")].1, &std::fs::read(latest.join("report.json")).unwrap()]
            .map(|bytes| serde_json::from_slice::<Report>(bytes).unwrap());
        assert_eq!((took(&then), &then.stages), (took(&now), &now.stages), "{name}");
    }
    assert_eq!(report(place.path()), before);
    for file in ["report.html", "report.md", "report.json", "junit.xml", "run.json", "events.jsonl"] {
        assert!(place.path().join("workspace/runs/latest").join(file).exists(), "{file}");
    }

    // What the run left is judged alike elsewhere, and once more.
    for command in ["check", "regrade"] {
        let judged = run(repro(place.path()).args([command, "workspace", "--format", "json"]), INCONCLUSIVE);
        std::fs::write(place.path().join("judged.json"), stdout(&judged)).unwrap();
        let judged = json::read(&place.path().join("judged.json")).unwrap();
        let of = |report: &Report| -> Vec<_> {
            report.rows.iter().map(|row| (row.name.clone(), row.verdict, row.n, row.observed)).collect()
        };
        assert_eq!(of(&judged), of(&before));
        assert_eq!((&judged.golden, judged.golden.len()), (&before.golden, 1));
        if let Some(earlier) = judged.before {
            assert_eq!((earlier.verdict, earlier.changes.as_slice()), (before.verdict, &[] as &[String]));
        }
    }

    let explained = run(demo(place.path()).arg("--explain"), 0);
    assert_eq!(stdout(&explained).matches(" skip ").count(), 10, "{}", stdout(&explained));
    let changed = run(demo(place.path()).args(["--explain", "--seed", "1"]), 0);
    assert!(stdout(&changed).contains("`seed` 9595 -> 1"), "{}", stdout(&changed));

    let printed = run(demo(place.path()).args(["--format", "json"]), INCONCLUSIVE);
    std::fs::write(place.path().join("printed.json"), stdout(&printed)).unwrap();
    assert_eq!(json::read(&place.path().join("printed.json")).unwrap().without_times(), before);
}

#[test]
fn after_kills_at_any_moment_it_ends_with_the_same_report() {
    let whole = tempfile::tempdir().unwrap();
    run(&mut demo(whole.path()), INCONCLUSIVE);
    let killed = tempfile::tempdir().unwrap();
    // Wherever these moments fall, before, in or after any stage, the end is the same.
    for milliseconds in [30, 250, 600, 1000, 1600, 2500, 400] {
        let mut child = demo(killed.path())
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(&mut demo(killed.path()), INCONCLUSIVE);
    assert_eq!(report(killed.path()), report(whole.path()));
    let weights =
        |folder: &Path| std::fs::read(folder.join("workspace/runs/latest/train-vqa/LAST.safetensors")).unwrap();
    assert!(weights(killed.path()) == weights(whole.path()), "weights differ after kills");
}

#[test]
fn mistakes_are_usage_errors() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("bad.toml"), "seed = 1").unwrap();
    let wrong = run(repro(place.path()).args(["all", "--profile", "demo", "--recipe", "bad.toml"]), 2);
    assert!(stderr(&wrong).contains("cannot read the demo's recipe"), "{}", stderr(&wrong));
    run(repro(place.path()).args(["all", "--profile", "thesis"]), 2);
    run(repro(place.path()).args(["all", "--profile", "demo", "--threads", "0"]), 2);
}
