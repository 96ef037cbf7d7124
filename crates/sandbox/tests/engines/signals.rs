//! Ctrl-C, SIGTERM, kill -9: through a real process, which is this test program started again as one that runs containers.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use engines::given::{Given, folder};
use engines::on_both;
use fixtures::hearing::hearing;
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Engine, Mount, Sandbox};

on_both!(
    asked_to_stop,
    eight_are_stopped,
    a_second_signal_ends_at_once,
    without_containers_signals_do_what_they_did,
    asked_at_any_moment,
    killed_without_warning,
    a_lifeline_ends_with_its_process,
    the_living_and_the_foreign_are_not_touched,
    nobody_can_say,
);

/// This program as a process that runs containers with a script.
struct Runner {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Runner {
    fn start(given: &Given, script: &str, containers: usize, out: &Path) -> Self {
        let mut program = Command::new(std::env::current_exe().unwrap());
        let mut child = hearing(&mut program)
            .args(["--exact", "signals::runner", "--nocapture"])
            .env("REPRO_TEST_HOST", given.engine.host())
            .env("REPRO_TEST_RUN", &given.run)
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

    /// Reads until so many lines contain a word.
    fn wait_for(&mut self, word: &str, times: usize) {
        let mut seen = 0;
        while seen < times {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended before it said {word}");
            seen += usize::from(line.contains(word));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ended, and what it said until then.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

/// The process that [`Runner`] starts.
#[test]
fn runner() {
    let Ok(host) = std::env::var("REPRO_TEST_HOST") else { return };
    let value = |name: &str| std::env::var(format!("REPRO_TEST_{name}")).unwrap();
    let engine = Engine::connect_to(&host, &value("RUN")).unwrap();
    let image = engine.image(engines::given::BASE).unwrap();
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

fn asked_to_stop(given: &Given) {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        let out = folder();
        let script = "trap 'echo end > /out/end; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
        let mut runner = Runner::start(given, script, 1, out.path());
        runner.wait_for("ready", 1);
        runner.signal(signal);
        let (status, said) = runner.end();
        let interrupted = format!("Interrupted {{ signal: {number} }}");
        assert!(status.success() && said.contains(&format!("result: {interrupted}")), "{status}: {said}");
        assert!(said.contains(&format!("after: Err({interrupted})")), "nothing new is begun: {said}");
        assert!(given.containers().is_empty());
        assert!(out.path().join("end").exists(), "it was asked to end first");
        assert_eq!(fs::metadata(out.path().join("end")).unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

fn eight_are_stopped(given: &Given) {
    let out = folder();
    let mut runner = Runner::start(given, SLEEP, 8, out.path());
    runner.wait_for("ready", 8);
    assert_eq!(given.containers().len(), 8);
    runner.signal(Signal::INT);
    let (_, said) = runner.end();
    assert_eq!(said.matches("result: Interrupted { signal: 2 }").count(), 8, "{said}");
    assert!(given.containers().is_empty());
}

fn a_second_signal_ends_at_once(given: &Given) {
    let out = folder();
    let deaf = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done";
    let mut runner = Runner::start(given, deaf, 1, out.path());
    runner.wait_for("ready", 1);
    runner.signal(Signal::INT);
    runner.wait_for("asked", 1);
    runner.signal(Signal::INT);
    let (status, said) = runner.end();
    assert_eq!(status.signal(), Some(2), "{said}");
    given.engine.remove_leftovers().unwrap();
    assert!(given.containers().is_empty());
    assert_eq!(fs::metadata(out.path()).unwrap().uid(), rustix::process::geteuid().as_raw());
}

fn without_containers_signals_do_what_they_did(given: &Given) {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15)] {
        let out = folder();
        let mut runner = Runner::start(given, "true; # then idle", 1, out.path());
        runner.wait_for("idle", 1);
        runner.signal(signal);
        assert_eq!(runner.end().0.signal(), Some(number));
    }
    assert!(given.containers().is_empty());
}

/// Before, while and after the container is created and started: whatever it hits, nothing is left.
fn asked_at_any_moment(given: &Given) {
    for step in 0..12 {
        let out = folder();
        let mut runner = Runner::start(given, SLEEP, 2, out.path());
        runner.wait_for("starting", 1);
        std::thread::sleep(Duration::from_millis(step * 25));
        runner.signal(Signal::TERM);
        let (status, said) = runner.end();
        // By the signal itself where no run had begun.
        assert!(status.signal() == Some(15) || said.matches("result: Interrupted").count() == 2, "{status}: {said}");
        assert_eq!(given.containers(), Vec::<String>::new(), "step {step}");
        assert_eq!(fs::metadata(out.path()).unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

fn a_lifeline_ends_with_its_process(given: &Given) {
    let out = folder();
    // What it reads it never gets; only the end comes.
    let script = "echo ready; cat >/out/read; echo ended >/out/lifeline";
    let mut runner = Runner::start(given, script, 1, out.path());
    runner.wait_for("ready", 1);
    // Open while the process lives, also while it is stopped.
    runner.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!out.path().join("lifeline").exists());
    runner.signal(Signal::KILL);
    engines::given::until("the end of the lifeline", || out.path().join("lifeline").exists());
    assert_eq!(fs::read(out.path().join("read")).unwrap(), b"");
    runner.end();
    given.engine.remove_leftovers().unwrap();
    // Without one, there is nothing to read from the start.
    let (ended, lines) = given.said(&given.sandbox("cat; echo ended"));
    assert!(ended.is_ok() && lines == ["ended"], "{ended:?} {lines:?}");
}

fn killed_without_warning(given: &Given) {
    let out = folder();
    let mut runner = Runner::start(given, "echo x > /out/rows; echo ready; exec sleep 1000", 2, out.path());
    runner.wait_for("ready", 2);
    runner.signal(Signal::KILL);
    runner.end();
    assert_eq!(given.containers().len(), 2, "nobody could remove them");
    let removed = given.engine.remove_leftovers().unwrap();
    assert!(removed.iter().filter(|name| name.starts_with("lxmert-repro-runner-")).count() >= 2, "{removed:?}");
    assert!(given.containers().is_empty());
    for path in [out.path(), &out.path().join("rows")] {
        assert_eq!(fs::metadata(path).unwrap().uid(), rustix::process::geteuid().as_raw(), "{path:?}");
    }
    assert!(!given.engine.remove_leftovers().unwrap().iter().any(|name| removed.contains(name)));
}

fn the_living_and_the_foreign_are_not_touched(given: &Given) {
    let out = folder();
    let mut runner = Runner::start(given, SLEEP, 1, out.path());
    runner.wait_for("ready", 1);
    let foreign = given.cli(&["create", "--label", "lxmert-repro.run=not-ours", engines::given::BASE, "true"]);
    given.engine.remove_leftovers().unwrap();
    assert_eq!(given.containers().len(), 1);
    assert_eq!(given.cli(&["inspect", "-f", "{{.State.Status}}", &foreign]), "created");
    given.cli(&["rm", &foreign]);
    runner.signal(Signal::INT);
    runner.end();
    assert!(given.containers().is_empty());
}

/// A process of another machine, start or namespace: its container stays while it runs, and for a while after.
fn nobody_can_say(given: &Given) {
    let run = format!("lxmert-repro.run={}", given.run);
    let labels = ["--label", "lxmert-repro.owner=0123456789ab-1-1", "--label", &run];
    let mut create = vec!["create", "--network", "none"];
    create.extend(labels);
    create.extend([engines::given::BASE, "sleep", "1000"]);
    let container = given.cli(&create);
    given.engine.remove_leftovers().unwrap();
    given.cli(&["start", &container]);
    given.engine.remove_leftovers().unwrap();
    assert_eq!(given.cli(&["inspect", "-f", "{{.State.Status}}", &container]), "running");
    given.cli(&["rm", "-f", &container]);
}
