//! Stops trainings at many moments, and resumes them.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{killing, mini, repro, run, small_training, stderr, stdout};

pub(super) const INTERRUPTED: i32 = 130;
/// Steps an epoch: 37 examples in batches of 4.
pub(super) const STEPS: usize = 9;
const EPOCHS: usize = 8;

/// A training in `folder`, whose results go into `out` there.
pub(super) fn train(folder: &Path, more: &str) -> Command {
    small_training::train(folder, 4, &format!("--snapshot-every never {more}"))
}

/// A program at work, and what it has said.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) errors: BufReader<ChildStderr>,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = killing::start(command);
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, errors }
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a moment; `false` if the program ended first.
    pub(super) fn reaches(&mut self, moment: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !moment() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the moment does not come");
            sleep(Duration::from_millis(1));
        }
        true
    }

    /// Waits until SIGTERM is among the signals that the kernel tells it of (`SigCgt`).
    pub(super) fn wait_until_it_hears(&mut self) {
        let place = format!("/proc/{}/status", self.child.id());
        let is_in = || {
            let status = fs::read_to_string(&place).unwrap_or_default();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
                .is_some_and(|mask| mask >> (15 - 1) & 1 == 1)
        };
        let start = Instant::now();
        while !is_in() {
            assert!(start.elapsed() < Duration::from_secs(60) && self.child.try_wait().unwrap().is_none());
            sleep(Duration::from_millis(1));
        }
    }

    /// Reads until a line has `words` in it; that line.
    pub(super) fn says(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.errors.read_line(&mut line).unwrap() > 0, "it ended before it said {words:?}");
            if line.contains(words) {
                return line.trim().to_owned();
            }
        }
    }

    /// How it ended, and what else it said.
    pub(super) fn end(mut self) -> (ExitStatus, String) {
        let mut told = String::new();
        self.errors.read_to_string(&mut told).unwrap();
        (self.child.wait().unwrap(), told)
    }
}

/// Files below a folder that their writer had not finished.
fn half_written(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(".writing-") || name.starts_with(".building-") || name.ends_with(".part") {
            found.push(path.clone());
        }
        found.extend(half_written(&path));
    }
    found
}

pub(super) fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("out/snapshots")) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|of| of == "safetensors"));
    found.sort();
    found
}

/// Bytes of TensorBoard's events, which are flushed after each step.
pub(super) fn events(folder: &Path) -> u64 {
    fs::metadata(folder.join("out/events.out.tfevents.0000000001.repro")).map_or(0, |file| file.len())
}

/// The same training without a break: its folder and what it printed.
fn undisturbed() -> &'static (tempfile::TempDir, Output) {
    static WHOLE: OnceLock<(tempfile::TempDir, Output)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let told = run(&mut train(folder.path(), &format!("--epochs {EPOCHS}")), 0);
        (folder, told)
    })
}

type Moment<'a> = Box<dyn Fn() -> bool + 'a>;

/// Two signals, 20 ms apart, at ten moments of one training, which is resumed after each.
fn a_pair_of_signals_at_ten_moments(first: Signal, second: Signal) {
    let (whole, told) = undisturbed();
    let step = (events(whole.path()) - 100) / (STEPS * EPOCHS) as u64;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let store = || fs::read_dir(folder.join("workspace/stores")).is_ok_and(|entries| entries.count() > 0);
    let after = |steps: u64| move || events(folder) > steps * step;
    let moments: [(&str, Moment); 10] = [
        ("it can hear", Box::new(|| true)),
        ("features are being read", Box::new(store)),
        ("the output folder is there", Box::new(|| folder.join("out").exists())),
        ("its first snapshot is there", Box::new(|| !snapshots(folder).is_empty())),
        ("a step is done", Box::new(after(1))),
        ("an epoch is almost done", Box::new(after(STEPS as u64 - 1))),
        ("it validates", Box::new(after(2 * STEPS as u64))),
        ("its first epochs are scored", Box::new(|| folder.join("out/BEST.safetensors").exists() && after(30)())),
        ("its last steps", Box::new(after((STEPS * EPOCHS) as u64 - 3))),
        ("its last weights are written", Box::new(|| folder.join("out/LAST.safetensors").exists())),
    ];
    let mut ended = 0;
    for (name, moment) in &moments {
        let mut running = Running::start(&mut train(folder, &format!("--epochs {EPOCHS} --resume")));
        running.wait_until_it_hears();
        if running.reaches(moment) {
            running.signal(first);
            sleep(Duration::from_millis(20));
            // It may be gone already.
            let _ = kill_process(Pid::from_child(&running.child), second);
        }
        let (status, said) = running.end();
        let finished = status.code() == Some(0) && folder.join("out/outcome.json").exists();
        ended += usize::from(finished);
        assert!(status.code() == Some(INTERRUPTED) || finished, "{name}: {status}: {said}");
        assert!(finished || said.contains("stopped"), "{name}: {said}");
        assert!(half_written(folder).is_empty(), "{name}: {:?}", half_written(folder));
        let newest = snapshots(folder).pop().and_then(|path| Some(path.file_name()?.to_owned()));
        eprintln!("{first:?}, {second:?}: {name}: {status}, {newest:?}");
    }
    assert!(ended <= 4, "{ended} of 10 came to their end: nothing was tested");
    let again = run(&mut train(folder, &format!("--epochs {EPOCHS} --resume")), 0);
    let (expected, found) = (killing::results(whole.path()), killing::results(folder));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, bytes) in expected {
        assert!(bytes == found[&name], "{name} differs: {}", stderr(&again));
    }
    assert_eq!(stdout(told), stdout(&again));
}

#[test]
fn sigterm_and_sigusr1_at_ten_moments_cost_nothing_egoverse_621() {
    a_pair_of_signals_at_ten_moments(Signal::TERM, Signal::USR1);
}

#[test]
fn sigusr1_twice_at_ten_moments_costs_nothing_submitit_1615() {
    a_pair_of_signals_at_ten_moments(Signal::USR1, Signal::USR1);
}

#[test]
fn sigusr1_and_sigterm_at_ten_moments_cost_nothing() {
    a_pair_of_signals_at_ten_moments(Signal::USR1, Signal::TERM);
}

/// One step of it takes longer than signals need.
fn slow(folder: &Path, more: &str) -> Running {
    let root = folder.join("data");
    mini::data_root(&root, 2048, 4);
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000");
    let line = format!(
        "train vqa --data-root data --train train --valid valid --model tiny --from-scratch --batch-size 1024 --threads 1 --device cpu --epochs 40 \
         --snapshot-every never --output out {more}"
    );
    command.args(line.split_whitespace());
    let mut running = Running::start(&mut command);
    assert!(running.reaches(|| !snapshots(folder).is_empty()));
    running
}

#[test]
fn after_sigterm_one_interrupt_changes_nothing_and_what_is_written_is_said_with_its_size() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut running = slow(folder, "");
    running.signal(Signal::TERM);
    let said = running.says("writing a snapshot (");
    for signal in [Signal::USR1, Signal::TERM, Signal::HUP, Signal::INT, Signal::HUP, Signal::TERM, Signal::USR1] {
        let _ = kill_process(Pid::from_child(&running.child), signal);
    }
    let (status, rest) = running.end();
    assert_eq!(status.code(), Some(INTERRUPTED), "{rest}");
    assert!(rest.contains("stopped after step") && rest.contains("; resume with: "), "{rest}");
    assert!(!rest.contains("error:"), "{rest}");
    let newest = snapshots(folder).pop().unwrap();
    assert!(!newest.ends_with("step-000000000000.safetensors"), "{newest:?}");
    let (number, unit) = said.split_once('(').unwrap().1.split_once(')').unwrap().0.split_once(' ').unwrap();
    let unit = [("kB", 1e3), ("MB", 1e6)].into_iter().find(|(name, _)| *name == unit).unwrap().1;
    let (expected, real) = (number.parse::<f64>().unwrap() * unit, fs::metadata(newest).unwrap().len() as f64);
    assert!((expected / real - 1.0).abs() < 0.06, "{said}: it has {real} bytes");
}

#[test]
fn two_interrupts_end_it_at_once_also_after_another_signal() {
    for signals in [&[Signal::INT, Signal::INT][..], &[Signal::TERM, Signal::INT, Signal::INT]] {
        let ends_at_once = |_| {
            let place = tempfile::tempdir().unwrap();
            let mut running = slow(place.path(), "");
            for (number, signal) in signals.iter().enumerate() {
                let _ = kill_process(Pid::from_child(&running.child), *signal);
                if number == 0 {
                    running.says("writing a snapshot (");
                }
                // The same signal twice at a time would be one.
                sleep(Duration::from_millis(5));
            }
            let (status, said) = running.end();
            // On a busy machine the snapshot may be written before the last signal is sent.
            assert!(status.signal() == Some(2) || status.code() == Some(INTERRUPTED), "{signals:?}: {status}: {said}");
            assert_eq!(snapshots(place.path()).len(), if status.signal().is_some() { 1 } else { 2 }, "{said}");
            status.signal() == Some(2)
        };
        assert!((0..10).any(ends_at_once), "{signals:?}");
    }
}

#[test]
fn the_command_that_is_told_resumes_it_to_the_same_end() {
    let (whole, _) = undisturbed();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("it's a $folder");
    fs::create_dir(&folder).unwrap();
    let output = folder.join("out");
    let line = |more: &str| {
        let mut command = train(&folder, &format!("--epochs {EPOCHS} {more}"));
        command.arg("--output").arg(&output);
        command
    };
    // One that is stopped before its end; how fast it is is the machine's affair.
    let told = (0..20).find_map(|_| {
        let mut running = Running::start(&mut line("--restart"));
        running.reaches(|| events(&folder) > 0 && !snapshots(&folder).is_empty());
        let _ = kill_process(Pid::from_child(&running.child), Signal::INT);
        let (status, told) = running.end();
        (status.code() == Some(INTERRUPTED)).then_some(told)
    });
    let told = told.expect("a run that hears a signal before it ends");
    let last = told.trim_end().lines().last().unwrap();
    let (stopped, command) = last.split_once("; resume with: ").unwrap_or_else(|| panic!("{told}"));
    assert!(stopped.starts_with("stopped after step "), "{told}");
    assert!(command.ends_with("--resume") && !command.contains("--restart"), "{command}");
    let mut shell = Command::new("/bin/sh");
    shell.current_dir(&folder).args(["-c", command]).env("GOMP_SPINCOUNT", "1000");
    let resumed = run(fixtures::hearing::hearing(&mut shell), 0);
    assert!(stderr(&resumed).contains("resuming after step"), "{}", stderr(&resumed));
    assert!(killing::results(&folder) == killing::results(whole.path()), "{}", stderr(&resumed));
}

#[test]
fn a_signal_is_heard_while_the_worker_starts() {
    let place = tempfile::tempdir().unwrap();
    // Loading libtorch takes a while.
    let mut running = Running::start(&mut train(place.path(), "--epochs 4"));
    let children = format!("/proc/{0}/task/{0}/children", running.child.id());
    assert!(running.reaches(|| fs::read_to_string(&children).is_ok_and(|children| !children.trim().is_empty())));
    running.signal(Signal::TERM);
    let (status, said) = running.end();
    assert_eq!(status.code(), Some(INTERRUPTED), "{status}: {said}");
    assert_eq!(said.trim().lines().last(), Some("stopped on request (signal 15)"), "{said}");
    assert!(!place.path().join("out").exists());
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut command = train(folder, "--epochs 4");
    let ignore = || {
        // SAFETY: it changes nothing but how this process takes the signal.
        unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
        Ok(())
    };
    // SAFETY: of the calls allowed between fork and exec it makes signal(2) only.
    unsafe { command.pre_exec(ignore) };
    let mut running = Running::start(&mut command);
    running.wait_until_it_hears();
    running.signal(Signal::HUP);
    running.reaches(|| !snapshots(folder).is_empty());
    let _ = kill_process(Pid::from_child(&running.child), Signal::HUP);
    let (status, said) = running.end();
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_store_that_is_being_built_leaves_nothing_half_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    mini::data_root(&folder.join("data"), 8, 4);
    // So many rows that building is seen: those of the tiny file over and over, under other names.
    let tsv = folder.join("data/mscoco_imgfeat/train2014_obj36.tsv");
    let rows = fs::read_to_string(&tsv).unwrap();
    let more: String = (0..400)
        .flat_map(|copy| rows.lines().map(move |row| format!("{}\n", row.replacen('\t', &format!("c{copy}\t"), 1))))
        .collect();
    fs::write(&tsv, rows.clone() + &more).unwrap();
    let stores = folder.join("workspace/stores");
    let building = || !half_written(&stores).is_empty();
    let caught = (0..20).any(|_| {
        let _ = fs::remove_dir_all(&stores);
        let line = "train vqa --train train --valid valid --from-scratch --model tiny --output out --data-root data \
                    --device cpu";
        let mut running = Running::start(repro(folder).env("GOMP_SPINCOUNT", "1000").args(line.split(' ')));
        if !running.reaches(building) {
            return false;
        }
        running.signal(Signal::STOP);
        // Held, it can neither finish the file nor hear.
        let caught = building();
        running.signal(Signal::TERM);
        running.signal(Signal::CONT);
        let (status, told) = running.end();
        assert!(half_written(folder).is_empty(), "{:?}", half_written(folder));
        if caught && status.code() == Some(INTERRUPTED) {
            assert_eq!(told.trim_end().lines().last(), Some("stopped on request (signal 15)"), "{told}");
            assert!(!folder.join("out").exists());
            return true;
        }
        false
    });
    assert!(caught, "no store was caught being built");
}

#[test]
fn a_batch_job_that_is_signalled_twice_is_requeued() {
    let Some(job) = fixtures::beside("cases/slurm/job.sh") else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    mini::data_root(&folder.join("scratch_job1"), 37, 10);
    fs::copy(folder.join("scratch_job1/vqa/valid.json"), folder.join("scratch_job1/vqa/minival.json")).unwrap();
    fs::create_dir(folder.join("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_repro"), folder.join("bin/repro")).unwrap();
    let mut command = Command::new("/bin/bash");
    let path = format!("{}:/usr/bin:/bin", folder.join("bin").display());
    command.current_dir(folder).arg(job).env_clear().env("PATH", path).env("GOMP_SPINCOUNT", "1000");
    let mut running = Running::start(fixtures::hearing::hearing(&mut command));
    let written = folder.join("k_out/snapshots/step-000000000000.safetensors");
    assert!(running.reaches(|| written.exists()));
    // Shell and step alike get it; the shell hands it on.
    let step = fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.child.id())).unwrap();
    for pid in step.split_whitespace() {
        let _ = kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::USR1);
    }
    running.signal(Signal::USR1);
    let output = running.child.wait_with_output().unwrap();
    let told = stdout(&output);
    assert!(told.contains("train ended with 130\nREQUEUE"), "{told}");
}
