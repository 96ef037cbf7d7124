//! `repro` and its worker: either may be killed, stopped or replaced, and the message tells what happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use engines::private::write_script;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::killing;
use crate::common::small_training;
use crate::common::terminal::Terminal;
use crate::common::{repro, run, stderr, stdout};

const USAGE: i32 = 2;
const INFRA: i32 = 4;
const INTERRUPTED: i32 = 130;

/// A training in `folder` of 37 steps an epoch, whose results go into `out` there.
fn train(folder: &Path, more: &str) -> Command {
    small_training::train(folder, 1, more)
}

/// Steps in the log of a training.
fn steps(folder: &Path) -> usize {
    fs::read_to_string(folder.join("out/metrics.jsonl")).unwrap_or_default().matches(r#""kind":"step""#).count()
}

/// Waits until something is so, while a program runs.
#[track_caller]
fn until(what: &str, child: &mut Child, so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none(), "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The state of a process as the kernel says it; `None` if it has ended.
fn state(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.parse().ok()?);
    // What nobody waits for has ended all the same.
    (state != 'Z').then_some((state, parent))
}

/// The worker that a program has started.
fn worker_of(harness: u32) -> u32 {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let of_it: Vec<u32> = all.filter(|pid| state(*pid).is_some_and(|(_, parent)| parent == harness)).collect();
    assert_eq!(of_it.len(), 1, "the processes that {harness} started");
    of_it[0]
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// A training that has taken some steps.
fn at_work(folder: &Path, more: &str) -> (Child, u32) {
    let mut child = killing::start(&mut train(folder, more));
    until("a training", &mut child, || steps(folder) > 3);
    let worker = worker_of(child.id());
    (child, worker)
}

/// Resumes what was broken off; it ends as `whole` did.
fn ends_like((whole, told): (&Path, &Output), broken: &Path, more: &str) {
    let end = run(&mut train(broken, &format!("{more} --resume")), 0);
    assert!(stderr(&end).contains("resuming after step"), "{}", stderr(&end));
    assert_eq!(stdout(&end), stdout(told));
    let (whole, broken) = (killing::results(whole), killing::results(broken));
    assert_eq!(whole.keys().collect::<Vec<_>>(), broken.keys().collect::<Vec<_>>());
    for (name, bytes) in whole {
        assert!(bytes == broken[&name], "{name} differs: {}", stderr(&end));
    }
}

#[test]
fn killed_the_harness_takes_its_worker_with_it_and_resumes_to_the_same_bytes() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let more = "--epochs 3 --snapshot-every never";
    let told = run(&mut train(whole.path(), more), 0);
    let (mut harness, worker) = at_work(broken.path(), more);
    harness.kill().unwrap();
    let killed = Instant::now();
    while state(worker).is_some() {
        assert!(killed.elapsed() < Duration::from_secs(5), "its worker is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    harness.wait().unwrap();
    // It ended in order: with a snapshot of its last step.
    ends_like((whole.path(), &told), broken.path(), more);
}

#[test]
fn a_killed_worker_is_named_and_resumes_to_the_same_bytes() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let more = "--epochs 3 --snapshot-every 1";
    let told = run(&mut train(whole.path(), more), 0);
    let (harness, worker) = at_work(broken.path(), more);
    signal(worker, Signal::KILL);
    let end = harness.wait_with_output().unwrap();
    let text = stderr(&end);
    assert_eq!(end.status.code(), Some(INFRA), "{text}");
    assert!(
        text.contains("ended by signal 9 (SIGKILL)") && text.contains("next: ") && text.contains("--resume"),
        "{text}"
    );
    ends_like((whole.path(), &told), broken.path(), more);
}

/// So many steps that what is said of them does not fit into a pipe: it must not wait for whoever does not listen.
#[test]
fn a_training_ends_while_its_harness_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut harness, worker) = at_work(folder, "--epochs 60 --snapshot-every never");
    signal(harness.id(), Signal::STOP);
    until("a stopped harness", &mut harness, || matches!(state(worker_parent(worker)), Some(('T', _))));
    let before = steps(folder);
    until("the outcome", &mut harness, || folder.join("out/outcome.json").exists());
    assert!(steps(folder) > before + 1000, "{before} of {}", steps(folder));
    signal(harness.id(), Signal::CONT);
    let end = harness.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(0), "{}", stderr(&end));
    let outcome: Value = serde_json::from_str(&stdout(&end)).unwrap();
    assert_eq!(outcome["steps"], 60 * 37);
    // Progress may be left out; epochs are not.
    assert_eq!(stderr(&end).matches(": Train ").count(), 60, "{}", stderr(&end));
}

fn worker_parent(worker: u32) -> u32 {
    state(worker).map_or(0, |(_, parent)| parent)
}

#[test]
fn one_ctrl_c_in_a_terminal_writes_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let more = "--epochs 1000 --snapshot-every never";
    let (mut terminal, mut harness) = Terminal::start(&mut train(folder, more));
    until("a training", &mut harness, || steps(folder) > 3);
    terminal.ctrl_c();
    let (code, shown) = (harness.wait().unwrap().code(), terminal.shown());
    assert_eq!(code, Some(INTERRUPTED), "{shown}");
    assert_eq!(shown.matches("writing a snapshot").count(), 1, "{shown}");
    let last = shown.trim_end().lines().last().unwrap();
    assert!(
        last.contains("stopped after step") && last.contains("resume with: ") && last.contains("--resume"),
        "{shown}"
    );
    let snapshots = fs::read_dir(folder.join("out/snapshots")).unwrap().map(|entry| entry.unwrap().file_name());
    let of_steps = snapshots.filter(|name| !name.to_str().unwrap().contains("000000000000")).count();
    assert_eq!(of_steps, 1, "beside the one of the first step: {shown}");
}

/// The worker's own first line, changed.
fn hello(change: impl Fn(&mut Value)) -> String {
    let worker = Path::new(env!("CARGO_BIN_EXE_repro")).with_file_name("repro-worker");
    let said = Command::new(worker).arg("hello").output().unwrap();
    let mut hello: Value = serde_json::from_str(stdout(&said).lines().next().unwrap()).unwrap();
    change(&mut hello);
    hello.to_string()
}

/// A program that stands for the worker.
fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    write_script(&path, text);
    path
}

#[test]
fn a_worker_that_does_not_match_is_named_with_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = hello(|_| ());
    let says = |name: &str, line: &str, then: &str| script(folder, name, &format!("echo '{line}'\n{then}"));
    let done = json!({ "event": "done", "result": {}, "files": [] });
    // One that is refused need not be waited for.
    let stale = says("stale", &hello(|hello| hello["source"] = "0".into()), &format!("echo '{done}'; sleep 600"));
    let other = says("other", &hello(|hello| hello["schema"] = 9.into()), "");
    let rubbish = says("rubbish", "Segmentation fault", "sleep 600");
    let breaks = says("breaks", &good, "echo 'OMP: Error #100' >&2");
    let fails = says("fails", &good, "exit 7");
    let silent = script(folder, "silent", "echo 'error while loading shared libraries: libtorch.so' >&2; exit 127");
    let plain = folder.join("plain");
    fs::write(&plain, "text").unwrap();
    let misfit = "does not match this program";
    let rebuild = "run ci/repro in its folder, or ci/install PREFIX";
    for (worker, code, parts) in [
        (&stale, INFRA, [misfit, "it was built from different source: 0, not ", rebuild]),
        (&other, INFRA, [misfit, "it uses protocol 9, this program ", rebuild]),
        (&rubbish, INFRA, [misfit, "its first line is not a handshake but \"Segmentation fault\"", rebuild]),
        (&breaks, INFRA, ["ended with exit code 0 before it reported a result", "OMP: Error #100", "next: "]),
        (&fails, INFRA, ["ended with exit code 7 before it reported a result", "next: run it again", "report it"]),
        (&silent, INFRA, ["ended with exit code 127", "loading shared libraries: libtorch.so", rebuild]),
        (&plain, INFRA, ["cannot start the worker", "Permission denied", "next: make it executable"]),
        (&folder.join("none"), USAGE, ["REPRO_WORKER names", "which is not a file", "unset REPRO_WORKER"]),
        (
            &folder.to_owned(),
            USAGE,
            ["REPRO_WORKER names", "which is not a file", "next: set it to the path of a repro-worker"],
        ),
    ] {
        let end = run(train(folder, "--epochs 1").env("REPRO_WORKER", worker), code);
        let text = stderr(&end);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in what is said of {}:\n{text}", worker.display());
        }
        assert!(text.contains(worker.to_str().unwrap()), "{text}");
    }
}

/// A harness without a worker, such as `cargo install` leaves.
#[test]
fn without_a_worker_the_harness_does_what_it_can_and_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let alone = folder.join("repro");
    fs::copy(env!("CARGO_BIN_EXE_repro"), &alone).unwrap();
    let command = |words: &[&str]| {
        let mut command = Command::new(&alone);
        command.args(words).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder);
        // In place of the folder that it was built in.
        command.env("CARGO_TARGET_DIR", folder.join("nowhere"));
        command
    };
    let train = "train vqa --model tiny --from-scratch --train train --valid valid --data-root";
    let train: Vec<&str> = train.split(' ').chain(small_training::data().to_str()).collect();
    let text = stderr(&run(&mut command(&train), INFRA));
    for part in ["the program repro-worker is missing", "both programs with ci/repro", "--engine docker"] {
        assert!(text.contains(part), "{text}");
    }
    let version = stdout(&run(&mut command(&["--version", "--verbose"]), 0));
    let last = version.lines().last().unwrap();
    assert!(
        last.starts_with("worker: none: the program repro-worker is missing") && last.contains("ci/install"),
        "{version}"
    );
    assert!(version.starts_with("repro 0.1.0\ncommit: "), "{version}");
    let doctor = run(&mut command(&["doctor", "--for", "demo"]), INFRA);
    assert!(stdout(&doctor).contains("demo  not ready: worker"), "{}", stdout(&doctor));
}

#[test]
fn the_version_names_the_worker_and_its_libtorch_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let version = |words: &[&str]| stdout(&run(repro(folder).args(words), 0));
    let said: Value = serde_json::from_str(&hello(|_| ())).unwrap();
    let text = version(&["--version", "--verbose"]);
    for line in [
        format!("source: {}", said["source"].as_str().unwrap()),
        format!("libtorch: {}", said["versions"]["libtorch"].as_str().unwrap()),
        format!("gpus: {}", said["gpus"]),
        format!("protocol: {}", said["schema"]),
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert_eq!(version(&["-V", "--verbose"]), text);
    // The version alone starts nothing.
    let touches = script(folder, "touches", "touch started");
    let plain = run(repro(folder).arg("--version").env("REPRO_WORKER", &touches), 0);
    assert_eq!((stdout(&plain).as_str(), folder.join("started").exists()), ("repro 0.1.0\n", false));
}

/// One build serves libtorch for CPUs and for GPUs: what lies beside it decides, and a damaged library is no reason to stop.
#[test]
fn a_cuda_library_that_cannot_be_loaded_is_named_and_the_cpu_still_computes() {
    let place = tempfile::tempdir().unwrap();
    let (bin, libraries) = (place.path().join("bin"), place.path().join("lib/lxmert-repro"));
    fs::create_dir_all(&bin).unwrap();
    for program in ["repro", "repro-worker"] {
        let built = Path::new(env!("CARGO_BIN_EXE_repro")).with_file_name(program);
        fs::copy(built, bin.join(program)).unwrap();
    }
    let torch = std::env::var("LIBTORCH").expect("ci/setup makes cargo set it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/libtorch");
    assert!(Command::new(script).args(["libraries", torch.as_str()]).arg(&libraries).status().unwrap().success());
    let cuda = libraries.join("libtorch_cuda.so");
    let _ = fs::remove_file(&cuda);
    fs::write(&cuda, "no library").unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(bin.join("repro"));
        command.args(words).env_remove("REPRO_WORKER").current_dir(place.path()).output().unwrap()
    };
    let output = run(&["bench", "train", "--model", "tiny", "--steps", "1", "--device", "cuda"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(INFRA), "{said}");
    assert!(said.contains("--device cuda: libtorch's CUDA library cannot be loaded"), "{said}");
    assert!(said.contains("libtorch_cuda.so") && said.contains("repro doctor"), "{said}");
    let output = run(&["bench", "train", "--model", "tiny", "--steps", "1", "--batch-size", "2", "--device", "cpu"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
