//! Runs a worker as a process of this machine.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use super::conversation::{Conversation, ProcessEnd, Program};
use super::request::request;
use super::worker_job::WorkerJob;
use super::worker_program;
use base::cause::Cause;
use base::error::{Error, Result};
use base::signals::{self, ShutdownGuard, SignalForwarder};
use base::status;
use base::worker_env;
use protocol::{Device, Event, Hello};
use sandbox::StopToken;

/// How to get a worker that matches this program.
const ADVICE: &str =
    "build both programs from the same source: run ci/repro in its folder, or ci/install PREFIX for installed programs";
/// How long the handshake and the list of devices may take: loading libtorch with CUDA from a cold disk is slow.
const INTRODUCTION: Duration = Duration::from_secs(60);
/// How often it is asked whether a worker should end early.
const LOOK: Duration = Duration::from_millis(250);

/// Runs workers as processes of this machine.
#[derive(Debug, Clone, Default)]
pub struct Host;

/// A line that a worker wrote.
enum Line {
    Event(String),
    Stderr(String),
}

impl Host {
    /// Does the work and returns its result.
    ///
    /// # Errors
    /// Those of [`Placement::run`](super::Placement::run).
    pub fn run(&self, asked: &WorkerJob, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        let worker = worker_program::find()?;
        let request = request(asked)?;
        let words = ["run".into(), request.path().as_os_str().to_owned()];
        // From here on the worker handles a first signal: it reports what it does, and ends.
        let at_work = ShutdownGuard::begin()?;
        at_work.set_stop_message("");
        let mut running = WorkerProcess::start(&worker, &words)?;
        let _forwarding = SignalForwarder::to(running.child.id())?;
        if signals::check().is_err() {
            running.end();
        }
        running.converse(None, asked.stop.as_ref(), hear)
    }

    /// Returns the handshake of the worker.
    ///
    /// # Errors
    /// Those of [`Placement::hello`](super::Placement::hello).
    pub fn hello(&self) -> Result<Hello> {
        let result = introduce(&["hello".into()], &mut |_| {})?;
        serde_json::from_value(result).map_err(|e| Error::bug("the worker's handshake cannot be read").because(e))
    }

    /// Describes a device by name.
    ///
    /// # Errors
    /// Those of [`Placement::device`](super::Placement::device).
    pub fn device(&self, name: &str) -> Result<Device> {
        let mut found = None;
        introduce(&["devices".into(), name.into()], &mut |event| {
            if let Event::Device(device) = event {
                found = Some(device);
            }
        })?;
        found.ok_or_else(|| Error::bug(format!("the worker does not describe device {name}")))
    }
}

/// Starts a worker for a question that takes no time, and returns its result.
fn introduce(words: &[std::ffi::OsString], hear: &mut dyn FnMut(Event)) -> Result<Value> {
    WorkerProcess::start(&worker_program::find()?, words)?.converse(Some(INTRODUCTION), None, hear)
}

/// A running worker, killed when dropped.
struct WorkerProcess {
    child: Child,
    program: Program,
    /// The worker ends when this is closed.
    stdin: Option<ChildStdin>,
    lines: std::sync::mpsc::Receiver<Line>,
    readers: Vec<JoinHandle<()>>,
    /// Whether it has been waited for.
    ended: bool,
}

impl WorkerProcess {
    fn start(worker: &Path, words: &[std::ffi::OsString]) -> Result<Self> {
        status::detail(format_args!("worker: {}", worker.display()));
        let mut command = Command::new(worker);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // In a process group of its own, so that one Ctrl-C does not reach it twice.
        command.process_group(0);
        command.envs(worker_env::defaults());
        let failed = |e: std::io::Error| cannot_start(worker, &e);
        let mut child = command.spawn().map_err(failed)?;
        let (sender, lines) = channel();
        let stdin = child.stdin.take();
        let (events, stderr) = (child.stdout.take(), child.stderr.take());
        let program = Program { who: format!("the worker {}", worker.display()), advice: ADVICE };
        let mut running = Self { child, program, stdin, lines, readers: Vec::new(), ended: false };
        if let (Some(events), Some(stderr)) = (events, stderr) {
            running.readers.push(reader(events, sender.clone(), Line::Event).map_err(failed)?);
            running.readers.push(reader(stderr, sender, Line::Stderr).map_err(failed)?);
        }
        Ok(running)
    }

    /// Processes its output until it ends, which must be within `limit`. Asks it to end if `stop` is requested.
    fn converse(
        mut self,
        limit: Option<Duration>,
        mut stop: Option<&StopToken>,
        hear: &mut dyn FnMut(Event),
    ) -> Result<Value> {
        let mut conversation = Conversation::with(self.program.clone());
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            if stop.is_some_and(StopToken::is_requested) {
                self.end();
                stop = None;
            }
            let line = match deadline {
                Some(deadline) => self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None if stop.is_some() => match self.lines.recv_timeout(LOOK) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    line => line,
                },
                None => self.lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match line {
                Ok(Line::Event(text)) => {
                    if let Some(event) = conversation.line(&text) {
                        hear(event);
                    }
                }
                Ok(Line::Stderr(text)) => {
                    conversation.heard(&text);
                    hear(Event::Message { text });
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.silent(limit.unwrap_or_default())),
            }
            if conversation.is_refused() {
                self.kill();
                break;
            }
        }
        let ended = self.child.wait().map_err(|e| Error::infra("cannot wait for the worker").because(e))?;
        self.ended = true;
        let ending = match (ended.code(), ended.signal()) {
            (Some(code), _) => Some(ProcessEnd::Exit(code)),
            (None, signal) => signal.map(ProcessEnd::Signal),
        };
        conversation.end(ending)
    }

    fn silent(&self, limit: Duration) -> Error {
        let seconds = limit.as_secs();
        Error::infra(format!("{} did not answer within {seconds} s", self.program.who))
            .next(ADVICE)
            .with_cause(Cause::WorkerSilent { seconds })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Asks it to end with SIGTERM.
    fn end(&mut self) {
        let _ = self.pid().map(|pid| kill_process(pid, Signal::TERM));
    }

    /// Kills it and its children.
    fn kill(&mut self) {
        let _ = self.pid().map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

impl Drop for WorkerProcess {
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
        .next(format!("make it executable, or name a different one with {}", worker_program::VARIABLE))
}
