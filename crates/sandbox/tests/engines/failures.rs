//! Provokes every typed failure of a run, with each engine.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base::error::{Error, Kind};
use engines::test_engine::{TestEngine, folder};
use engines::test_on_both;
use sandbox::failure::TimeLimit;
use sandbox::{Cause, Failure, Mount, Sandbox, Stream};

test_on_both!(
    commands_that_cannot_run,
    exit_codes_and_crashes,
    mounts_that_cannot_be,
    images_that_are_gone,
    memory_runs_out,
    time_runs_out,
    disks_fill,
    commands_killed_from_outside,
    spurious_failures_are_retried,
    a_callback_may_panic,
    refused_by_the_engine,
);

/// Runs a sandbox that must fail and leave nothing behind, and returns the failure.
#[track_caller]
fn fails(fixture: &TestEngine, sandbox: &Sandbox) -> Failure {
    let failure = fixture.run_lines(sandbox).0.unwrap_err();
    assert!(fixture.containers().is_empty(), "{failure}");
    failure
}

fn commands_that_cannot_run(fixture: &TestEngine) {
    let mut sandbox = fixture.sandbox("");
    for (command, expected) in [
        ("nothing-there", Cause::CommandNotFound { command: "nothing-there".into() }),
        ("/nothing/there", Cause::CommandNotFound { command: "/nothing/there".into() }),
        ("/etc/passwd", Cause::NotExecutable { command: "/etc/passwd".into() }),
        ("/etc", Cause::NotExecutable { command: "/etc".into() }),
    ] {
        sandbox.command = vec![command.into()];
        assert_eq!(*fails(fixture, &sandbox).cause, expected);
        assert!(!expected.may_be_spurious());
    }
}

fn exit_codes_and_crashes(fixture: &TestEngine) {
    for (script, code) in [("exit 1", 1), ("exit 127", 127), ("python3 -c 'import os; os.abort()'", 134)] {
        let failure = fails(fixture, &fixture.sandbox(script));
        assert_eq!(*failure.cause, Cause::Exit { code });
        assert!(!failure.cause.may_be_spurious());
        assert_eq!(failure.to_string().contains("crashed"), code == 134, "{failure}");
    }
}

fn mounts_that_cannot_be(fixture: &TestEngine) {
    let folder = folder();
    let missing = folder.path().join("missing");
    let mut sandbox = fixture.sandbox("true");
    sandbox.mounts = vec![Mount::read(&missing, "/in")];
    let failure = fails(fixture, &sandbox);
    assert_eq!(*failure.cause, Cause::MountMissing { source: missing.clone() });
    assert_eq!(Error::from(failure).kind(), Kind::Data);
    assert!(!missing.exists(), "no engine created it");
    if rustix::process::geteuid().is_root() {
        fs::create_dir(&missing).unwrap();
        fs::set_permissions(&missing, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(*fails(fixture, &sandbox).cause, Cause::MountUnusable { .. }));
    }
}

fn images_that_are_gone(fixture: &TestEngine) {
    let absent = fixture.engine.image("lxmert-repro-test/absent:none").unwrap_err();
    assert!(matches!(*absent.cause, Cause::ImageMissing { .. }) && !absent.cause.may_be_spurious());
    // The image is removed after it was found and before it is run.
    let folder = folder();
    fs::write(folder.path().join("a"), fixture.run.as_bytes()).unwrap();
    let tar = folder.path().join("image.tar");
    let packed = Command::new("tar").arg("-C").arg(folder.path()).arg("-cf").arg(&tar).arg("a").status().unwrap();
    assert!(packed.success());
    let name = format!("lxmert-repro-test/{}:short-lived", fixture.run.replace('_', "-"));
    fixture.cli(&["import", tar.to_str().unwrap(), &name]);
    let image = fixture.engine.image(&name).unwrap();
    fixture.cli(&["rmi", &name]);
    let failure = fails(fixture, &Sandbox::new("test", &image, ["/a"]));
    assert_eq!(*failure.cause, Cause::ImageMissing { image: name });
}

fn memory_runs_out(fixture: &TestEngine) {
    let mut sandbox = fixture.sandbox("exec python3 -c 'x = bytearray(500 << 20)'");
    sandbox.limits.memory = Some(100 << 20);
    let failure = fails(fixture, &sandbox);
    assert_eq!(*failure.cause, Cause::OutOfMemory { limit: Some(100 << 20) });
    assert!(!failure.cause.may_be_spurious() && failure.used.is_some());
    // Slower, so that the peak is sampled.
    let grow = "exec python3 -c 'import time\nx = []\nwhile True: x.append(bytearray(4 << 20)); time.sleep(0.01)'";
    sandbox.command[2] = grow.into();
    let failure = fails(fixture, &sandbox);
    assert_eq!(*failure.cause, Cause::OutOfMemory { limit: Some(100 << 20) });
    let peak = failure.used.unwrap().peak_memory.unwrap();
    assert!((90 << 20..=100 << 20).contains(&peak), "{peak}");
    // One of its processes is killed, while the command itself succeeds: the result cannot be trusted.
    sandbox.command[2] = "python3 -c 'x = bytearray(500 << 20)'; sleep 1; exit 0".into();
    assert_eq!(*fails(fixture, &sandbox).cause, Cause::OutOfMemory { limit: Some(100 << 20) });
}

fn time_runs_out(fixture: &TestEngine) {
    let out = folder();
    // It gets SIGTERM first, and can still write.
    let mut sandbox = fixture
        .sandbox("trap 'echo asked; echo asked > /out/asked; exit 0' TERM; while :; do echo on; sleep 0.1; done");
    sandbox.mounts = vec![Mount::write(out.path(), "/out")];
    sandbox.timeouts.total = Some(Duration::from_secs(5));
    sandbox.timeouts.silence = Some(Duration::from_secs(3));
    let failure = fails(fixture, &sandbox);
    let total = Cause::TimedOut { limit: TimeLimit::Total, after: Duration::from_secs(5) };
    assert_eq!(*failure.cause, total);
    assert_eq!(failure.last_lines.last().map(String::as_str), Some("asked"));
    assert!(out.path().join("asked").exists() && !total.may_be_spurious());
    // A silent command, one that ignores SIGTERM, and one with its output closed.
    for script in ["echo one; sleep 1000", "trap '' TERM; echo one; sleep 1000", "echo one; exec >&- 2>&-; sleep 1000"]
    {
        let mut sandbox = fixture.sandbox(script);
        sandbox.timeouts.silence = Some(Duration::from_secs(3));
        let start = Instant::now();
        let failure = fails(fixture, &sandbox);
        let silence = Cause::TimedOut { limit: TimeLimit::Silence, after: Duration::from_secs(3) };
        assert_eq!((&*failure.cause, failure.last_lines.as_slice()), (&silence, &["one".to_owned()][..]));
        assert!(silence.may_be_spurious() && start.elapsed() < Duration::from_secs(60));
    }
}

/// A file system of a small size in a new folder. `new` returns `None` if this machine does not allow to mount it.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(options: &str) -> Option<Self> {
        let folder = folder();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path()).output().unwrap();
        if !mounted.status.success() {
            eprintln!("skipped: no small disk: {}", String::from_utf8_lossy(&mounted.stderr));
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn disks_fill(fixture: &TestEngine) {
    let Some(disk) = SmallDisk::new("size=1m,mode=755") else { return };
    let mut sandbox = fixture.sandbox("head -c 3000000 /dev/zero > /out/rows || { echo gave up; exit 3; }");
    sandbox.mounts = vec![Mount::write(disk.path(), "/out")];
    let failure = fails(fixture, &sandbox);
    assert!(
        matches!(&*failure.cause, Cause::DiskFull { why } if why.contains("No space left on device")),
        "{failure:?}"
    );
    assert_eq!(Error::from(failure).kind(), Kind::Disk);
    // The disk of the log.
    let mut sandbox = fixture.sandbox("while :; do echo 0123456789012345678901234567890123456789; done");
    fs::remove_file(disk.path().join("rows")).unwrap();
    sandbox.log = Some(disk.path().join("log"));
    let failure = fails(fixture, &sandbox);
    assert!(matches!(&*failure.cause, Cause::DiskFull { why } if why.contains("/log")), "{failure:?}");
}

/// Runs a sandbox, kills its container once it has printed `ready`, and returns the failure.
fn killed(fixture: &TestEngine, sandbox: &Sandbox, signal: &str) -> Failure {
    let mut result = None;
    std::thread::scope(|scope| {
        let (ready, hear) = mpsc::channel();
        let run = scope.spawn(move || fixture.engine.run(sandbox, &mut |line| drop(ready.send(line.text.clone()))));
        assert_eq!(hear.recv().unwrap(), "ready");
        for container in fixture.containers() {
            fixture.cli(&["kill", "-s", signal, &container]);
        }
        result = Some(run.join().unwrap().unwrap_err());
    });
    assert!(fixture.containers().is_empty());
    result.unwrap()
}

fn commands_killed_from_outside(fixture: &TestEngine) {
    let mut sandbox = fixture.sandbox("echo ready; exec sleep 1000");
    for (signal, number) in [("KILL", 9), ("TERM", 15)] {
        let failure = killed(fixture, &sandbox, signal);
        assert_eq!(*failure.cause, Cause::Killed { signal: number });
        assert!(failure.cause.may_be_spurious());
    }
    // A limit that was not nearly reached is not the reason.
    sandbox.limits.memory = Some(1 << 30);
    assert_eq!(*killed(fixture, &sandbox, "KILL").cause, Cause::Killed { signal: 9 });
}

fn spurious_failures_are_retried(fixture: &TestEngine) {
    let out = folder();
    let mut sandbox =
        fixture.sandbox("echo attempt; if [ -e /out/tried ]; then echo done; else touch /out/tried; sleep 1000; fi");
    sandbox.mounts = vec![Mount::write(out.path(), "/out")];
    let silence = Some(Duration::from_secs(3));
    sandbox.timeouts.silence = silence;
    let mut lines = Vec::new();
    fixture.engine.run_with_retries(&sandbox, 3, &mut |line| lines.push((line.stream, line.text.clone()))).unwrap();
    let texts: Vec<_> =
        lines.iter().filter(|(stream, _)| *stream != Stream::Note).map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["attempt", "attempt", "done"]);
    let notes: Vec<_> = lines.iter().filter(|(stream, _)| *stream == Stream::Note).collect();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].1.starts_with("attempt 1 of 3 failed: test: stopped after"), "{notes:?}");
    // The number of attempts is limited, and a failure that would only repeat is not retried.
    for (script, silence, attempts) in [("echo attempt; sleep 1000", silence, 2), ("echo attempt; exit 5", None, 1)] {
        let mut seen = 0;
        sandbox.timeouts.silence = silence;
        sandbox.command[2] = script.into();
        fixture
            .engine
            .run_with_retries(&sandbox, 2, &mut |line| seen += u32::from(line.text == "attempt"))
            .unwrap_err();
        assert_eq!(seen, attempts, "{script}");
    }
    assert!(fixture.containers().is_empty());
}

fn a_callback_may_panic(fixture: &TestEngine) {
    let sandbox = fixture.sandbox("echo ready; exec sleep 1000");
    let run = || fixture.engine.run(&sandbox, &mut |_| panic!("on purpose"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    assert!(fixture.containers().is_empty());
}

fn refused_by_the_engine(fixture: &TestEngine) {
    let mut sandbox = fixture.sandbox("true");
    sandbox.limits.memory = Some(1);
    let failure = fixture.run_lines(&sandbox);
    // Docker refuses so little memory; with Podman the container does not start, or runs out of memory at once.
    let failure = failure.0.unwrap_err();
    assert!(!failure.cause.may_be_spurious() || matches!(*failure.cause, Cause::Killed { .. }), "{failure:?}");
    assert!(fixture.containers().is_empty());
}

/// The folder exists for this process, but not for the engine, which runs in another mount namespace.
#[test]
fn mounts_that_the_engine_does_not_see() {
    let Some(fixture) = engines::test_engine::docker("unseen") else { return };
    let inside = std::env::var_os("REPRO_TEST_UNSEEN");
    let Some(folder) = inside.map(std::path::PathBuf::from) else {
        let folder = folder();
        let script =
            "mount --make-rprivate / && mount -t tmpfs -o mode=755 none \"$0\" && mkdir \"$0/in\" && exec \"$@\"";
        let again = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "failures::mounts_that_the_engine_does_not_see", "--nocapture"])
            .env("REPRO_TEST_UNSEEN", folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        std::io::stderr().write_all(&again.stderr).unwrap();
        assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("was unseen"));
        return;
    };
    let mut sandbox = fixture.sandbox("true");
    let source = folder.join("in");
    sandbox.mounts = vec![Mount::read(&source, "/in")];
    let failure = fails(&fixture, &sandbox);
    assert_eq!(*failure.cause, Cause::MountUnseen { source, host: fixture.engine.host().to_owned() });
    println!("was unseen");
}
