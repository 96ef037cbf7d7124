//! Orderly shutdown on Ctrl-C, SIGTERM, SIGHUP and SIGUSR1.
//!
//! A program handles signals from its start ([`listen`]). Work that must end in order (a training writes a snapshot, containers
//! are stopped and removed) holds a [`ShutdownGuard`] and learns of the first signal through it. Without such work, the first
//! signal removes half-written files ([`crate::cleanup`]) and ends the program at once with exit code 130. Further signals
//! change nothing, since batch systems send several; only a second Ctrl-C, counted from the start, or SIGKILL ends the program
//! at once. Signals that were ignored at the start, as by `nohup`, stay ignored.
//!
//! A process that only uses the library installs no handler before the first [`ShutdownGuard`]. While no guard is held, a
//! signal kills it as by default.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::watch;

use crate::cause::Cause;
use crate::error::Error;
use crate::{cleanup, exit};

/// Signals that ask the program to stop: Ctrl-C, `kill`, a closed terminal, and Slurm's warning before a time limit
/// (`--signal=USR1@120`).
const STOP_SIGNALS: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];
/// Signals of a shell's job control: Ctrl-Z, and `fg` or `bg`.
const JOB_SIGNALS: [i32; 2] = [SIGTSTP, SIGCONT];
/// The message at the first signal unless the work has set its own.
const STOPPING: &str = "stopping …";
/// Time for removing half-written files and printing messages before the program ends anyway.
const CLEANUP_TIME: Duration = Duration::from_secs(2);
/// Time for recording how the run ended, after all work has ended.
const RECORD_TIME: Duration = Duration::from_secs(30);

/// Why work cannot begin or continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalError {
    /// This signal has asked the program to stop.
    Stopping(i32),
    /// Signals cannot be handled, for this reason.
    NoHandler(String),
}

impl From<SignalError> for Error {
    fn from(refused: SignalError) -> Self {
        match refused {
            SignalError::Stopping(signal) => stopped(signal),
            SignalError::NoHandler(why) => Self::infra("cannot listen for Ctrl-C and SIGTERM")
                .because(why)
                .next("check the limits of this shell: ulimit -u"),
        }
    }
}

/// Returns the error of work that a signal stopped.
pub fn stopped(signal: i32) -> Error {
    Error::interrupted(format!("stopped on request (signal {signal})"))
        .with_cause(Cause::Interrupted { signal: Some(signal) })
}

/// How a program that listens reports a signal.
#[derive(Debug, Clone, Copy)]
pub struct SignalReporter {
    /// Prints a message for the user.
    pub say: fn(&str),
    /// Prints the last message before the program ends at once.
    pub end: fn(Error),
}

struct State {
    /// Number of guards.
    guards: usize,
    /// The message at the first signal, as the newest guard set it.
    message: Option<String>,
    /// The signal that asked to stop. It is never reset: the program is about to end.
    stop: watch::Sender<Option<i32>>,
    /// Number of Ctrl-C so far.
    interrupts: u32,
    /// `None` unless the program listens.
    reporter: Option<SignalReporter>,
    /// Processes to which every signal is forwarded.
    children: Vec<i32>,
}

/// Held by work that must end in order. While there is a guard, the first signal does not end the program; every guard reports
/// it.
pub struct ShutdownGuard {
    stop: watch::Receiver<Option<i32>>,
}

impl ShutdownGuard {
    /// Registers work; the first guard of the process installs the handler.
    ///
    /// # Errors
    /// If a signal has already asked to stop.
    pub fn begin() -> Result<Self, SignalError> {
        install()?;
        let mut state = lock();
        if let Some(signal) = *state.stop.borrow() {
            return Err(SignalError::Stopping(signal));
        }
        state.guards += 1;
        Ok(Self { stop: state.stop.subscribe() })
    }

    /// Sets the message that is printed at the first signal; an empty one prints nothing.
    pub fn set_stop_message(&self, message: impl Into<String>) {
        lock().message = Some(message.into());
    }

    /// Returns the signal that asked to stop, if any.
    pub fn stop_signal(&self) -> Option<i32> {
        *self.stop.borrow()
    }

    /// Waits until a signal asks to stop, and returns it.
    pub async fn wait_for_stop(&mut self) -> i32 {
        match self.stop.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The sender lives as long as the process.
            _ => std::future::pending().await,
        }
    }
}

/// Checks that no signal has asked the program to stop; for loops under a [`ShutdownGuard`].
///
/// # Errors
/// The signal.
pub fn check() -> Result<(), SignalError> {
    let stop = *lock().stop.borrow();
    stop.map_or(Ok(()), |signal| Err(SignalError::Stopping(signal)))
}

/// Sleeps until the time is over or a signal asks the program to stop.
///
/// # Errors
/// The signal.
pub fn sleep(time: Duration) -> Result<(), SignalError> {
    const POLL: Duration = Duration::from_millis(50);
    let start = Instant::now();
    loop {
        check()?;
        let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else { return Ok(()) };
        std::thread::sleep(left.min(POLL));
    }
}

impl Drop for ShutdownGuard {
    fn drop(&mut self) {
        let mut state = lock();
        state.guards -= 1;
        state.message = None;
        limit_record_time(&state);
    }
}

/// Ends the program after [`RECORD_TIME`] if it was asked to stop and all its work has ended.
fn limit_record_time(state: &State) {
    let stop = *state.stop.borrow();
    if let (0, Some(signal), Some(_)) = (state.guards, stop, state.reporter) {
        // The program should only record how the run ended. No new work can begin, and further signals change nothing, so
        // nothing else would end a program that hangs here.
        let end = move || {
            std::thread::sleep(RECORD_TIME);
            end_at_once(signal, lock().reporter);
        };
        let _ = std::thread::Builder::new().name("signals: limit".into()).spawn(end);
    }
}

/// Handles signals for the whole program from now on; `reporter` prints messages about them.
///
/// # Errors
/// If the handler cannot be installed, or a signal has already asked to stop.
pub fn listen(reporter: SignalReporter) -> Result<(), SignalError> {
    // Set first: a signal may come as soon as the handler is installed, and without a reporter it would kill the program.
    lock().reporter = Some(reporter);
    install()?;
    check()
}

/// Forwards this process's signals to a child until it is dropped: those that ask to stop, and those of a shell's job control
/// (SIGTSTP, SIGCONT). The child must have a process group of its own, or a terminal's Ctrl-C would reach it twice.
pub struct SignalForwarder(i32);

impl SignalForwarder {
    /// Forwards signals to a child from now on.
    ///
    /// # Errors
    /// If the handler cannot be installed.
    pub fn to(pid: u32) -> Result<Self, SignalError> {
        install()?;
        let pid = i32::try_from(pid).map_err(|_| SignalError::NoHandler("there is no such process".into()))?;
        lock().children.push(pid);
        Ok(Self(pid))
    }
}

impl Drop for SignalForwarder {
    fn drop(&mut self) {
        lock().children.retain(|pid| *pid != self.0);
    }
}

fn lock() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    let new = || State {
        guards: 0,
        message: None,
        stop: watch::Sender::new(None),
        interrupts: 0,
        reporter: None,
        children: Vec::new(),
    };
    STATE.get_or_init(|| Mutex::new(new())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that handles signals, once per process.
fn install() -> Result<(), SignalError> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        // nohup and shells without job control ignore some signals on purpose.
        let handled = STOP_SIGNALS.into_iter().chain(JOB_SIGNALS).filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = Signals::new(handled).map_err(|e| e.to_string())?;
        let listen = move || signals.forever().for_each(handle);
        std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(|e| e.to_string())?;
        Ok(())
    });
    installed.clone().map_err(SignalError::NoHandler)
}

/// The reaction to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// Asks all work to end.
    Stop,
    /// Ends the program: there is no work that must end in order.
    End,
    /// Lets the signal kill the program.
    Kill,
    /// Changes nothing: the program is already stopping.
    Ignore,
}

fn reaction(guards: usize, stopping: bool, interrupts: u32) -> Reaction {
    match (guards, stopping) {
        _ if interrupts > 1 => Reaction::Kill,
        (_, true) => Reaction::Ignore,
        (0, false) => Reaction::End,
        (_, false) => Reaction::Stop,
    }
}

fn handle(signal: i32) {
    let mut state = lock();
    // Under the lock: the owner of a `SignalForwarder` has not waited for the child yet, so the number is still the child's.
    for pid in state.children.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(pid, signal);
        }
    }
    if JOB_SIGNALS.contains(&signal) {
        drop(state);
        // Stops this process as without a handler; continuing is the default already.
        let _ = emulate_default_handler(signal);
        return;
    }
    state.interrupts += u32::from(signal == SIGINT);
    let stopping = state.stop.borrow().is_some();
    match (reaction(state.guards, stopping, state.interrupts), state.reporter) {
        (Reaction::Stop, reporter) => {
            let message = state.message.clone().unwrap_or_else(|| STOPPING.to_owned());
            drop(state);
            // Printed first: the work may end as soon as it is asked to, and the program with it.
            if let Some(reporter) = reporter.filter(|_| !message.is_empty()) {
                within(CLEANUP_TIME, move || (reporter.say)(&message));
            }
            let state = lock();
            state.stop.send_replace(Some(signal));
            // The work may have ended while the message was printed.
            limit_record_time(&state);
        }
        // Under the lock: no work may begin between the decision and the end.
        (Reaction::End, Some(reporter)) => end_at_once(signal, Some(reporter)),
        // Leftovers are removed at the next start.
        (Reaction::End, None) | (Reaction::Kill, _) => drop(emulate_default_handler(signal)),
        (Reaction::Ignore, _) => {}
    }
}

/// Ends the process with exit code 130, without destructors: other threads are still running.
fn end_at_once(signal: i32, reporter: Option<SignalReporter>) {
    within(CLEANUP_TIME, move || {
        cleanup::run_all();
        if let Some(reporter) = reporter {
            (reporter.end)(stopped(signal));
        }
    });
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(i32::from(exit::INTERRUPTED)) }
}

/// Runs `action` and waits for it, but no longer than `time`: a file system may hang, or a pipe without a reader may be full.
fn within(time: Duration, action: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let act = move || {
        action();
        let _ = done.send(());
    };
    if std::thread::Builder::new().name("signals: bounded".into()).spawn(act).is_ok() {
        let _ = ended.recv_timeout(time);
    }
}

/// Parses the set of ignored signals in `/proc/PID/status`, bit 0 being signal 1; 0 if the line is missing.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_ignored() {
        assert_eq!(ignored("Name:\ta\nSigIgn:\t0000000000000003\nSigCgt:\t0\n"), 0b11);
        assert_eq!(ignored(""), 0);
    }

    #[test]
    fn only_the_second_interrupt_kills() {
        for guards in [0, 1, 8] {
            let first = if guards == 0 { Reaction::End } else { Reaction::Stop };
            for interrupts in [0, 1] {
                assert_eq!(reaction(guards, false, interrupts), first);
                assert_eq!(reaction(guards, true, interrupts), Reaction::Ignore);
            }
            assert_eq!(reaction(guards, true, 2), Reaction::Kill);
        }
    }
}
