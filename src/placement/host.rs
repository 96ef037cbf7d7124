//! A worker as a process of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use base::error::{Error, Result};
use base::openmp;
use base::signals::{self, AtWork, Forwarding};
use protocol::{Device, Event, Hello, Request, SCHEMA};
use serde_json::Value;

use super::talk::{Ending, SOURCE, Talk};
use super::{Asked, find};

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
        if let Some(folder) = &asked.touched.folder {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, &e))?;
        }
        let request = request(asked, true)?;
        let words = ["run".into(), request.path().as_os_str().to_owned()];
        // From here on a first signal is the worker's to answer: it says what it does, and ends.
        let at_work = AtWork::begin()?;
        at_work.announce("");
        let mut running = Running::start(&worker, &words)?;
        let _forwarding = Forwarding::to(running.child.id())?;
        if signals::check().is_err() {
            running.end();
        }
        running.talk(hear)
    }

    /// Who the worker is.
    ///
    /// # Errors
    /// As [`Placement::hello`](super::Placement::hello).
    pub fn hello(&self) -> Result<Hello> {
        let result = Running::start(&find::worker()?, &["hello".into()])?.talk(&mut |_| {})?;
        serde_json::from_value(result).map_err(|e| Error::bug("the worker does not say who it is").because(e))
    }

    /// The device of a name, described.
    ///
    /// # Errors
    /// As [`Placement::device`](super::Placement::device).
    pub fn device(&self, name: &str) -> Result<Device> {
        let mut found = None;
        Running::start(&find::worker()?, &["devices".into(), name.into()])?.talk(&mut |event| {
            if let Event::Device(device) = event {
                found = Some(device);
            }
        })?;
        found.ok_or_else(|| Error::bug(format!("the worker does not say what {name} is")))
    }
}

/// The request as a file that anybody may read: in a container, another user than this one does.
///
/// # Errors
/// Where it cannot be written.
pub fn request(asked: &Asked, lifeline: bool) -> Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let request = Request {
        schema: SCHEMA,
        source: SOURCE.to_owned(),
        device: asked.device.clone(),
        threads: u32::try_from(asked.threads).map_err(|_| Error::usage("too many threads"))?,
        record: asked.record.clone(),
        lifeline,
        job: asked.job.clone(),
    };
    let text = serde_json::to_vec_pretty(&request).map_err(|e| Error::bug("a request cannot be written").because(e))?;
    let failed = |e: std::io::Error| Error::io("write a request in", &std::env::temp_dir(), &e);
    let mut file = tempfile::Builder::new()
        .prefix("repro-request-")
        .permissions(PermissionsExt::from_mode(0o644))
        .tempfile()
        .map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    Ok(file)
}

/// A worker that runs. Dropped, it is no more.
struct Running {
    child: Child,
    /// Open while this program lives.
    stdin: Option<ChildStdin>,
    lines: std::sync::mpsc::Receiver<Line>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(worker: &Path, words: &[std::ffi::OsString]) -> Result<Self> {
        let mut command = Command::new(worker);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Of its own, so that one Ctrl-C does not reach it twice.
        command.process_group(0);
        if !openmp::CHOICES.iter().any(|name| std::env::var_os(name).is_some()) {
            command.env(openmp::SPINS.0, openmp::SPINS.1);
        }
        let failed = |e: std::io::Error| cannot_start(worker, &e);
        let mut child = command.spawn().map_err(failed)?;
        let (sender, lines) = channel();
        let stdin = child.stdin.take();
        let mut readers = Vec::new();
        if let (Some(events), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            readers.push(reader(events, sender.clone(), Line::Event).map_err(failed)?);
            readers.push(reader(stderr, sender, Line::Stderr).map_err(failed)?);
        }
        Ok(Self { child, stdin, lines, readers })
    }

    /// Hears it to its end.
    fn talk(mut self, hear: &mut dyn FnMut(Event)) -> Result<Value> {
        let mut talk = Talk::default();
        for line in &self.lines {
            match line {
                Line::Event(text) => {
                    if let Some(event) = talk.line(&text) {
                        hear(event);
                    }
                }
                Line::Stderr(text) => {
                    talk.heard(&text);
                    hear(Event::Said { text });
                }
            }
            if talk.is_refused() {
                let _ = self.child.kill();
                break;
            }
        }
        let ended = self.child.wait().map_err(|e| Error::infra("cannot wait for the worker").because(e))?;
        let ending = match (ended.code(), ended.signal()) {
            (Some(code), _) => Some(Ending::Exit(code)),
            (None, signal) => signal.map(Ending::Signal),
        };
        talk.end(ending)
    }

    /// Asks it to end.
    fn end(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Where it has ended, this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
