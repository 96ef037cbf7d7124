//! Fine-tuning that is killed or stopped resumes and gives the same bytes. `REPRO_TEST_KILLS` sets the number of kills.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::killing;
use crate::common::mini;
use crate::common::{repro, run, stderr, stdout};

const INTERRUPTED: i32 = 130;
const USAGE: i32 = 2;
const DATA: i32 = 5;
/// 9 steps an epoch, with dropout.
const EPOCHS: u32 = 4;

struct World {
    data: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        mini::data_root(data.path(), 37, 10);
        Self { data }
    }

    /// A run in `folder`, whose results go into `out` there.
    fn train(&self, folder: &Path, task: &str, more: &str) -> Command {
        let mut command = repro(folder);
        command.env("GOMP_SPINCOUNT", "1000").args(["train", task, "--data-root"]).arg(self.data.path());
        let fixed = format!(
            "--train train --valid valid --model tiny --fromScratch --batchSize 4 --eval-batch-size 4 --threads 1 --device cpu --lr 1e-3 --output out --epochs {EPOCHS}"
        );
        command.args(fixed.split(' ')).args(more.split_whitespace());
        command
    }
}

fn same((whole, told): (&Path, &Output), (broken, again): (&Path, &Output)) {
    let (whole, broken) = (killing::results(whole), killing::results(broken));
    assert_eq!(whole.keys().collect::<Vec<_>>(), broken.keys().collect::<Vec<_>>());
    assert_eq!(whole.len(), 6, "{:?}", whole.keys());
    for (name, bytes) in whole {
        assert!(bytes == broken[&name], "{name} differs: {}", stderr(again));
    }
    assert_eq!(stdout(told), stdout(again));
}

fn killed(task: &str, seed: u64, more: &str) {
    let world = World::new();
    killing::survives_kills(
        killing::kills(3),
        seed,
        |folder, resume| {
            let more = format!("{more} {}", if resume { "--resume" } else { "" });
            world.train(folder, task, &more)
        },
        same,
    );
}

#[test]
fn vqa_survives_kills() {
    killed("vqa", 1, "--snapshot-every 1");
}

#[test]
fn gqa_survives_kills() {
    killed("gqa", 2, "--snapshot-every 2 --mceLoss --optim adam");
}

#[test]
fn nlvr2_survives_kills() {
    killed("nlvr2", 3, "--snapshot-every 5");
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("out/snapshots")) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Starts, sends a signal once its first snapshot is there or it has said that it goes on, and demands that it leaves a snapshot.
/// False where it had come to its end before the signal came.
fn stopped(command: &mut Command, folder: &Path, signal: Signal) -> bool {
    let began = snapshots(folder).is_empty();
    let mut child = killing::start(command);
    let errors = BufReader::new(child.stderr.take().unwrap());
    if began {
        let deadline = Instant::now() + Duration::from_secs(120);
        while snapshots(folder).is_empty() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "no training began");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let mut lines = errors.lines().map(Result::unwrap);
    if !began {
        assert!(lines.any(|line| line.contains("resuming after step")));
    }
    if child.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let told: Vec<String> = lines.collect();
    let (code, told) = (child.wait().unwrap().code(), told.join("\n"));
    if code == Some(0) && folder.join("out/outcome.json").exists() {
        return false;
    }
    assert_eq!(code, Some(INTERRUPTED), "{told}");
    assert!(told.contains("stopped after step") && told.contains("--resume"), "{told}");
    assert!(!snapshots(folder).last().unwrap().ends_with("step-000000000000.safetensors"), "{told}");
    true
}

#[test]
fn after_stops_by_signals_it_ends_with_the_same_bytes() {
    let (world, whole) = (World::new(), tempfile::tempdir().unwrap());
    let whole = whole.path();
    let train =
        |folder: &Path, more: &str| world.train(folder, "vqa", &format!("--snapshot-every never --seed 5 {more}"));
    let told = run(&mut train(whole, ""), 0);
    // How far a run comes before a signal is the machine's affair: one that ends is tried again.
    let twice = |_| {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path();
        if !stopped(&mut train(broken, ""), broken, Signal::TERM) {
            return None;
        }
        let first = snapshots(broken);
        let refused = run(&mut train(broken, ""), USAGE);
        assert!(
            stderr(&refused).contains("--resume") && stderr(&refused).contains("--restart"),
            "{}",
            stderr(&refused)
        );
        let other = run(&mut train(broken, "--resume --lr 2e-3"), USAGE);
        assert!(stderr(&other).contains("--lr was 0.001 and is 0.002"), "{}", stderr(&other));
        assert_eq!(snapshots(broken), first);
        stopped(&mut train(broken, "--resume"), broken, Signal::USR1).then_some(folder)
    };
    let broken = (0..50).find_map(twice).expect("a run that hears a signal before it ends");
    let broken = broken.path();

    // The newest is damaged: the one before serves.
    let newest = snapshots(broken).pop().unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, [&bytes[..bytes.len() - 5], b"wrong"].concat()).unwrap();
    let end = run(&mut train(broken, "--resume"), 0);
    assert!(stderr(&end).contains("skipped a damaged snapshot"), "{}", stderr(&end));
    same((whole, &told), (broken, &end));

    // It has ended: the same is said at once, and nothing is touched.
    let times = |folder: &Path| {
        let entries = fs::read_dir(folder.join("out")).unwrap().map(Result::unwrap);
        entries.map(|e| (e.file_name(), e.metadata().unwrap().modified().unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = times(broken);
    let again = run(&mut train(broken, "--resume"), 0);
    assert_eq!((stdout(&again), times(broken)), (stdout(&told), before));
    assert!(stderr(&again).contains("already finished") && !stderr(&again).contains("examples"), "{}", stderr(&again));
    let other = run(&mut train(broken, "--resume --tiny"), USAGE);
    assert!(stderr(&other).contains("--tiny was false and is true"), "{}", stderr(&other));
}

#[test]
fn a_restart_leaves_nothing_of_the_earlier_run() {
    let (world, whole, broken) = (World::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (whole, broken) = (whole.path(), broken.path());
    let train = |folder: &Path, more: &str| world.train(folder, "nlvr2", more);
    let told = run(&mut train(whole, "--pth"), 0);
    assert!(whole.join("out/BEST.pth").exists() && whole.join("out/LAST.pth").exists());
    // So long that it cannot end before the signal comes.
    assert!(stopped(&mut train(broken, "--lr 7e-3 --epochs 1000"), broken, Signal::INT));
    run(&mut train(broken, "--resume --restart"), USAGE);
    fs::remove_file(broken.join("out/log.log")).unwrap();
    let again = run(&mut train(broken, "--restart --pth"), 0);
    for file in ["BEST.pth", "LAST.pth"] {
        let [whole, broken] = [whole, broken].map(|folder| folder.join("out").join(file));
        assert!(fs::read(&whole).unwrap() == fs::read(&broken).unwrap(), "{file}");
        fs::remove_file(whole).and_then(|()| fs::remove_file(broken)).unwrap();
    }
    same((whole, &told), (broken, &again));
}

#[test]
fn values_that_are_not_finite_stop_it_before_the_weights_are_lost() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let folder = folder.path();
    let broken = run(&mut world.train(folder, "vqa", "--optim sgd --lr 1e30 --snapshot-every 1"), DATA);
    let told = stderr(&broken);
    assert!(told.contains("training diverged at step") && told.contains("with ids"), "{told}");
    let step: u64 = told.split("at step ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    assert!(step > 1, "{told}");
    assert!(snapshots(folder).last().unwrap().ends_with(format!("step-{:012}.safetensors", step - 1)));
    assert!(!folder.join("out/LAST.safetensors").exists());
}
