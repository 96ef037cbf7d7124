//! A worker as a process of this machine.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use super::find;
use super::request::request;
use super::talk::{Ending, Speaker, Talk};
use super::work::Asked;
use base::cause::Cause;
use base::error::{Error, Result};
use base::openmp;
use base::signals::{self, ShutdownGuard, SignalForwarder};
use protocol::{Device, Event, Hello};

/// What makes a worker that fits.
const REPLACE: &str =
    "build both programs from one source: ci/repro in its folder does it, ci/install PREFIX for installed ones";
/// How long a worker may take to say who it is, and what it can compute on: a libtorch with CUDA on a cold disk.
const INTRODUCTION: Duration = Duration::from_secs(60);

/// Workers of this machine.
#[derive(Debug, Clone, Default)]
pub struct Host;

/// What comes out of a worker.
enum Line {
    Event(String),
    Stderr(String),
}

impl Host {
    /// Does the work; its result.
    ///
    /// # Errors
    /// As [`Placement::run`](super::Placement::run).
    pub fn run(&self, asked: &Asked, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        let worker = find::worker()?;
        let request = request(asked)?;
        let words = ["run".into(), request.path().as_os_str().to_owned()];
        // From here on a first signal is the worker's to answer: it says what it does, and ends.
        let at_work = ShutdownGuard::begin()?;
        at_work.set_stop_message("");
        let mut running = Running::start(&worker, &words)?;
        let _forwarding = SignalForwarder::to(running.child.id())?;
        if signals::check().is_err() {
            running.end();
        }
        running.talk(None, hear)
    }

    /// Who the worker is.
    ///
    /// # Errors
    /// As [`Placement::hello`](super::Placement::hello).
    pub fn hello(&self) -> Result<Hello> {
        let result = introduce(&["hello".into()], &mut |_| {})?;
        serde_json::from_value(result).map_err(|e| Error::bug("the worker does not say who it is").because(e))
    }

    /// The device of a name, described.
    ///
    /// # Errors
    /// As [`Placement::device`](super::Placement::device).
    pub fn device(&self, name: &str) -> Result<Device> {
        let mut found = None;
        introduce(&["devices".into(), name.into()], &mut |event| {
            if let Event::Device(device) = event {
                found = Some(device);
            }
        })?;
        found.ok_or_else(|| Error::bug(format!("the worker does not say what {name} is")))
    }
}

/// What a worker answers that is to take no time.
fn introduce(words: &[std::ffi::OsString], hear: &mut dyn FnMut(Event)) -> Result<Value> {
    Running::start(&find::worker()?, words)?.talk(Some(INTRODUCTION), hear)
}

/// A worker that runs. Dropped, it is no more.
struct Running {
    child: Child,
    speaker: Speaker,
    /// Open while this program lives.
    stdin: Option<ChildStdin>,
    lines: std::sync::mpsc::Receiver<Line>,
    readers: Vec<JoinHandle<()>>,
    /// Whether its end was waited for.
    ended: bool,
}

impl Running {
    fn start(worker: &Path, words: &[std::ffi::OsString]) -> Result<Self> {
        let mut command = Command::new(worker);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Of its own, so that one Ctrl-C does not reach it twice.
        command.process_group(0);
        command.envs(openmp::default_env());
        let failed = |e: std::io::Error| cannot_start(worker, &e);
        let mut child = command.spawn().map_err(failed)?;
        let (sender, lines) = channel();
        let stdin = child.stdin.take();
        let (events, stderr) = (child.stdout.take(), child.stderr.take());
        let speaker = Speaker { who: format!("the worker {}", worker.display()), replace: REPLACE };
        let mut running = Self { child, speaker, stdin, lines, readers: Vec::new(), ended: false };
        if let (Some(events), Some(stderr)) = (events, stderr) {
            running.readers.push(reader(events, sender.clone(), Line::Event).map_err(failed)?);
            running.readers.push(reader(stderr, sender, Line::Stderr).map_err(failed)?);
        }
        Ok(running)
    }

    /// Hears it to its end, which must come within `limit`.
    fn talk(mut self, limit: Option<Duration>, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        let mut talk = Talk::with(self.speaker.clone());
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            let line = match deadline {
                Some(deadline) => self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match line {
                Ok(Line::Event(text)) => {
                    if let Some(event) = talk.line(&text) {
                        hear(event);
                    }
                }
                Ok(Line::Stderr(text)) => {
                    talk.heard(&text);
                    hear(Event::Said { text });
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.silent(limit.unwrap_or_default())),
            }
            if talk.is_refused() {
                self.kill();
                break;
            }
        }
        let ended = self.child.wait().map_err(|e| Error::infra("cannot wait for the worker").because(e))?;
        self.ended = true;
        let ending = match (ended.code(), ended.signal()) {
            (Some(code), _) => Some(Ending::Exit(code)),
            (None, signal) => signal.map(Ending::Signal),
        };
        talk.end(ending)
    }

    fn silent(&self, limit: Duration) -> Error {
        let seconds = limit.as_secs();
        Error::infra(format!("{} does not say who it is within {seconds} s", self.speaker.who))
            .next(REPLACE)
            .with_cause(Cause::WorkerSilent { seconds })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Asks it to end.
    fn end(&mut self) {
        let _ = self.pid().map(|pid| kill_process(pid, Signal::TERM));
    }

    /// Ends it, and what it started.
    fn kill(&mut self) {
        let _ = self.pid().map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if !self.ended {
            self.kill();
            let _ = self.child.wait();
        }
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

fn reader(
    from: impl Read + Send + 'static,
    to: Sender<Line>,
    of: fn(String) -> Line,
) -> std::io::Result<JoinHandle<()>> {
    let read = move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { return };
            if to.send(of(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("worker's lines".into()).spawn(read)
}

fn cannot_start(worker: &Path, error: &std::io::Error) -> Error {
    Error::infra(format!("cannot start the worker {}", worker.display()))
        .because(error)
        .next(format!("see that it may be executed, or name another one with {}", find::VARIABLE))
}
