//! Ctrl-C, SIGTERM and SIGKILL, sent to a real process: this test program, started again to run containers.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use engines::test_engine::{TestEngine, folder};
use engines::test_on_both;
use fixtures::hearing::hearing;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Engine, Mount, Sandbox};

test_on_both!(
    a_signal_stops_the_container,
    a_signal_stops_eight_containers,
    a_second_signal_ends_at_once,
    without_containers_signals_have_their_default_effect,
    a_signal_at_any_moment_leaves_nothing,
    leftovers_of_a_killed_process_are_removed,
    a_lifeline_ends_with_its_process,
    containers_of_live_processes_and_others_are_not_touched,
    containers_of_unknown_owners_stay_while_they_run,
);

/// This test program as a child process that runs containers with a script.
struct Runner {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Runner {
    fn start(fixture: &TestEngine, script: &str, containers: usize, out: &Path) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        let mut child = hearing(&mut program)
            .args(["--exact", "signals::runner", "--nocapture"])
            .env("REPRO_TEST_HOST", fixture.engine.host())
            .env("REPRO_TEST_RUN", &fixture.run)
            .env("REPRO_TEST_SCRIPT", script)
            .env("REPRO_TEST_CONTAINERS", containers.to_string())
            .env("REPRO_TEST_OUT", out)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Reads its output until `times` lines contain a word.
    fn wait_for(&mut self, word: &str, times: usize) {
        let mut seen = 0;
        while seen < times {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended before it printed {word}");
            seen += usize::from(line.contains(word));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; returns its exit status and the rest of its output.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

/// Runs the containers of a [`Runner`], in the process that it starts.
#[test]
fn runner() {
    let Ok(host) = std::env::var("REPRO_TEST_HOST") else { return };
    let value = |name: &str| std::env::var(format!("REPRO_TEST_{name}")).unwrap();
    let engine = Engine::connect_to(&host, &value("RUN")).unwrap();
    let image = engine.image(engines::test_engine::BASE).unwrap();
    let mut sandbox = Sandbox::new("runner", &image, ["sh", "-c", &value("SCRIPT")]);
    sandbox.mounts = vec![Mount::write(Path::new(&value("OUT")), "/out")];
    sandbox.lifeline = value("SCRIPT").contains("lifeline");
    println!("starting");
    std::thread::scope(|scope| {
        for _ in 0..value("CONTAINERS").parse().unwrap() {
            scope.spawn(|| match engine.run(&sandbox, &mut |line| println!("said {}", line.text)) {
                Ok(_) => println!("result: fine"),
                Err(failure) => println!("result: {:?}", failure.cause),
            });
        }
    });
    println!("after: {:?}", engine.run(&sandbox, &mut |_| ()).map_err(|failure| failure.cause));
    println!("idle");
    if value("SCRIPT").contains("then idle") {
        std::thread::sleep(Duration::from_secs(600));
    }
}

const SLEEP: &str = "echo ready; exec sleep 1000";

fn a_signal_stops_the_container(fixture: &TestEngine) {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        let out = folder();
        let script = "trap 'echo end > /out/end; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
        let mut runner = Runner::start(fixture, script, 1, out.path());
        runner.wait_for("ready", 1);
        runner.signal(signal);
        let (status, said) = runner.end();
        let interrupted = format!("Interrupted {{ signal: {number} }}");
        assert!(status.success() && said.contains(&format!("result: {interrupted}")), "{status}: {said}");
        assert!(said.contains(&format!("after: Err({interrupted})")), "no new run starts: {said}");
        assert!(fixture.containers().is_empty());
        assert!(out.path().join("end").exists(), "it got SIGTERM first");
        assert_eq!(fs::metadata(out.path().join("end")).unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

fn a_signal_stops_eight_containers(fixture: &TestEngine) {
    let out = folder();
    let mut runner = Runner::start(fixture, SLEEP, 8, out.path());
    runner.wait_for("ready", 8);
    assert_eq!(fixture.containers().len(), 8);
    runner.signal(Signal::INT);
    let (_, said) = runner.end();
    assert_eq!(said.matches("result: Interrupted { signal: 2 }").count(), 8, "{said}");
    assert!(fixture.containers().is_empty());
}

fn a_second_signal_ends_at_once(fixture: &TestEngine) {
    let out = folder();
    let ignoring = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done";
    let mut runner = Runner::start(fixture, ignoring, 1, out.path());
    runner.wait_for("ready", 1);
    runner.signal(Signal::INT);
    runner.wait_for("asked", 1);
    runner.signal(Signal::INT);
    let (status, said) = runner.end();
    assert_eq!(status.signal(), Some(2), "{said}");
    fixture.engine.remove_leftovers().unwrap();
    assert!(fixture.containers().is_empty());
    assert_eq!(fs::metadata(out.path()).unwrap().uid(), rustix::process::geteuid().as_raw());
}

fn without_containers_signals_have_their_default_effect(fixture: &TestEngine) {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
        let out = folder();
        let mut runner = Runner::start(fixture, "true; # then idle", 1, out.path());
        runner.wait_for("idle", 1);
        runner.signal(signal);
        assert_eq!(runner.end().0.signal(), Some(number));
    }
    assert!(fixture.containers().is_empty());
}

/// A signal before, while or after the container is created and started leaves nothing behind.
fn a_signal_at_any_moment_leaves_nothing(fixture: &TestEngine) {
    for step in 0..12 {
        let out = folder();
        let mut runner = Runner::start(fixture, SLEEP, 2, out.path());
        runner.wait_for("starting", 1);
        std::thread::sleep(Duration::from_millis(step * 25));
        runner.signal(Signal::TERM);
        let (status, said) = runner.end();
        // The signal itself ends the process if no run has started.
        assert!(status.signal() == Some(15) || said.matches("result: Interrupted").count() == 2, "{status}: {said}");
        assert_eq!(fixture.containers(), Vec::<String>::new(), "step {step}");
        assert_eq!(fs::metadata(out.path()).unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

fn a_lifeline_ends_with_its_process(fixture: &TestEngine) {
    let out = folder();
    // It never gets any input, only the end of stdin.
    let script = "echo ready; cat >/out/read; echo ended >/out/lifeline";
    let mut runner = Runner::start(fixture, script, 1, out.path());
    runner.wait_for("ready", 1);
    // Stdin stays open while the process lives, even if it is suspended.
    runner.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!out.path().join("lifeline").exists());
    runner.signal(Signal::KILL);
    engines::test_engine::wait_until("the end of the lifeline", || out.path().join("lifeline").exists());
    assert_eq!(fs::read(out.path().join("read")).unwrap(), b"");
    runner.end();
    fixture.engine.remove_leftovers().unwrap();
    // Without a lifeline, stdin is empty from the start.
    let (ended, lines) = fixture.run_lines(&fixture.sandbox("cat; echo ended"));
    assert!(ended.is_ok() && lines == ["ended"], "{ended:?} {lines:?}");
}

fn leftovers_of_a_killed_process_are_removed(fixture: &TestEngine) {
    let out = folder();
    let mut runner = Runner::start(fixture, "echo x > /out/rows; echo ready; exec sleep 1000", 2, out.path());
    runner.wait_for("ready", 2);
    runner.signal(Signal::KILL);
    runner.end();
    assert_eq!(fixture.containers().len(), 2, "nothing has removed them yet");
    let removed = fixture.engine.remove_leftovers().unwrap();
    assert!(removed.iter().filter(|name| name.starts_with("lxmert-repro-runner-")).count() >= 2, "{removed:?}");
    assert!(fixture.containers().is_empty());
    for path in [out.path(), &out.path().join("rows")] {
        assert_eq!(fs::metadata(path).unwrap().uid(), rustix::process::geteuid().as_raw(), "{path:?}");
    }
    assert!(!fixture.engine.remove_leftovers().unwrap().iter().any(|name| removed.contains(name)));
}

fn containers_of_live_processes_and_others_are_not_touched(fixture: &TestEngine) {
    let out = folder();
    let mut runner = Runner::start(fixture, SLEEP, 1, out.path());
    runner.wait_for("ready", 1);
    let foreign = fixture.cli(&["create", "--label", "lxmert-repro.run=not-ours", engines::test_engine::BASE, "true"]);
    fixture.engine.remove_leftovers().unwrap();
    assert_eq!(fixture.containers().len(), 1);
    assert_eq!(fixture.cli(&["inspect", "-f", "{{.State.Status}}", &foreign]), "created");
    fixture.cli(&["rm", &foreign]);
    runner.signal(Signal::INT);
    runner.end();
    assert!(fixture.containers().is_empty());
}

/// The owning process is of another machine, boot or namespace: its container stays while it runs, and for a while after.
fn containers_of_unknown_owners_stay_while_they_run(fixture: &TestEngine) {
    let run = format!("lxmert-repro.run={}", fixture.run);
    let labels = ["--label", "lxmert-repro.owner=0123456789ab-1-1", "--label", &run];
    let mut create = vec!["create", "--network", "none"];
    create.extend(labels);
    create.extend([engines::test_engine::BASE, "sleep", "1000"]);
    let container = fixture.cli(&create);
    fixture.engine.remove_leftovers().unwrap();
    fixture.cli(&["start", &container]);
    fixture.engine.remove_leftovers().unwrap();
    assert_eq!(fixture.cli(&["inspect", "-f", "{{.State.Status}}", &container]), "running");
    fixture.cli(&["rm", "-f", &container]);
}
