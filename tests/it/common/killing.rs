//! Kills a run at random moments, resumes it, and compares its result with that of an uninterrupted run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns the number of kills: `REPRO_TEST_KILLS`, else `usual`.
pub(crate) fn kills(usual: usize) -> usize {
    std::env::var("REPRO_TEST_KILLS").map_or(usual, |text| text.parse().expect("REPRO_TEST_KILLS is a number"))
}

/// Runs the command to its end in one folder, then kills it `kills` times at random moments in other folders, each time starting it
/// again until it ends by itself. `same` compares folder and output of the uninterrupted run with those of each other run.
///
/// `command` gets the folder and whether to resume.
pub(crate) fn survives_kills(
    kills: usize,
    seed: u64,
    command: impl Fn(&Path, bool) -> Command,
    same: impl Fn((&Path, &Output), (&Path, &Output)),
) {
    let whole = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let printed = super::run(&mut command(whole.path(), false), 0);
    let length = started.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut made, mut ends) = (0, 0);
    while made < kills {
        let broken = tempfile::tempdir().unwrap();
        let mut resume = false;
        let end = loop {
            let child = start(&mut command(broken.path(), resume));
            resume = true;
            let mut child = Some(child);
            if made < kills {
                let moment = length.mul_f64(random.random_range(0.0..1.0));
                child = kill_after(moment, child.unwrap());
            }
            match child {
                Some(child) => break child.wait_with_output().unwrap(),
                None => made += 1,
            }
        };
        assert_eq!(end.status.code(), Some(0), "after {made} kills: {}", super::stderr(&end));
        same((whole.path(), &printed), (broken.path(), &end));
        ends += 1;
    }
    eprintln!("{made} kills, {ends} runs of {:.1} s brought to the same end", length.as_secs_f64());
}

/// Returns the content of `out` that must not depend on interruptions: without speeds and events of the worker; files of TensorBoard,
/// which contain times, only by length.
pub(crate) fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("out")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(path.is_file(), "{name} is left");
        if name == "events.jsonl" {
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        if name == "metrics.jsonl" {
            let text = String::from_utf8(bytes).unwrap();
            let line = |line: &str| line.split("\"examples_per_second\"").next().unwrap().to_owned();
            bytes = text.lines().map(line).collect::<Vec<_>>().join("\n").into_bytes();
        } else if name.contains("tfevents") {
            bytes = bytes.len().to_le_bytes().to_vec();
        }
        found.insert(name, bytes);
    }
    found
}

/// Starts a command and captures its output.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills the program after `moment`. Returns it if it ended before.
fn kill_after(moment: Duration, mut child: Child) -> Option<Child> {
    let deadline = Instant::now() + moment;
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(2).min(deadline.saturating_duration_since(Instant::now())));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    // It may have ended between the last look and the kill.
    if status.code().is_some() { Some(child) } else { None }
}
