//! Ctrl-C, SIGTERM, SIGHUP and SIGUSR1.
//!
//! The program hears them from its first moment ([`listen`]). A first signal ends it in order: where work has to be brought to
//! an end (a training writes a snapshot, containers are stopped and removed: [`AtWork`]), that work hears of it; where none
//! does, half-written files are removed ([`crate::cleanup`]) and the program ends at once with exit code 130. Further signals
//! change nothing, since batch systems send several; only a second Ctrl-C, counted from the start, or SIGKILL ends the program
//! at once. Signals that were ignored at the start, as `nohup` does, stay ignored.
//!
//! A process that only uses the library does not listen until containers run in it, and dies of a signal as it did before when
//! none does.

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

/// What ends a program politely: Ctrl-C, `kill`, a closed terminal, and Slurm's warning before a time limit
/// (`--signal=USR1@120`).
const ASKING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];
/// What a shell's job control sends: Ctrl-Z, and `fg` or `bg`.
const OF_JOBS: [i32; 2] = [SIGTSTP, SIGCONT];
/// What is said at the first signal unless the work has words of its own.
const STOPPING: &str = "stopping …";
/// How long removing half-written files and saying so may take before the program ends without.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the program may go on after all work was brought to its end, to write down how it ended.
const LAST_STEPS: Duration = Duration::from_secs(30);

/// Why work cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// This signal has come already.
    Asked(i32),
    /// Signals cannot be heard; why.
    Deaf(String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Asked(signal) => stopped(signal),
            Refused::Deaf(why) => Self::infra("cannot listen for Ctrl-C and SIGTERM").because(why),
        }
    }
}

/// The error of work that a signal stopped.
pub fn stopped(signal: i32) -> Error {
    Error::interrupted(format!("stopped on request (signal {signal})"))
        .with_cause(Cause::Interrupted { signal: Some(signal) })
}

/// How a program that listens speaks.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    /// Says what a person should know at once.
    pub say: fn(&str),
    /// Says the last word, where the program is ended at once.
    pub end: fn(Error),
}

struct State {
    /// Pieces of work that must be brought to an end.
    at_work: usize,
    /// What the newest of them says at the first signal.
    words: Option<String>,
    /// The signal that asked them to stop. It is never taken back: the program is about to end.
    asked: watch::Sender<Option<i32>>,
    /// Ctrl-C so far.
    interrupts: u32,
    /// Of a program that listens.
    voice: Option<Voice>,
    /// Processes that hear every signal too.
    others: Vec<i32>,
}

/// One piece of work that must be brought to an end. While there are any, a first signal does not end the program but is heard
/// by all of them.
pub struct AtWork {
    asked: watch::Receiver<Option<i32>>,
}

impl AtWork {
    /// Announces work; the first of the process installs the handler.
    ///
    /// # Errors
    /// Where a signal has come already.
    pub fn begin() -> Result<Self, Refused> {
        install()?;
        let mut state = lock();
        if let Some(signal) = *state.asked.borrow() {
            return Err(Refused::Asked(signal));
        }
        state.at_work += 1;
        Ok(Self { asked: state.asked.subscribe() })
    }

    /// Sets what a person is told at the first signal; nothing where the words are empty.
    pub fn announce(&self, words: impl Into<String>) {
        lock().words = Some(words.into());
    }

    /// The signal that asks to stop, if one has come.
    pub fn asked_by(&self) -> Option<i32> {
        *self.asked.borrow()
    }

    /// Waits until the program is asked to stop; the signal.
    pub async fn asked(&mut self) -> i32 {
        match self.asked.wait_for(Option::is_some).await.map(|asked| *asked) {
            Ok(Some(signal)) => signal,
            // The sender lives as long as the process.
            _ => std::future::pending().await,
        }
    }
}

/// Whether nothing has asked the program to stop; for loops of those who hold an [`AtWork`].
///
/// # Errors
/// The signal that has.
pub fn check() -> Result<(), Refused> {
    let asked = *lock().asked.borrow();
    asked.map_or(Ok(()), |signal| Err(Refused::Asked(signal)))
}

/// Sleeps, but not on when the program is asked to stop.
///
/// # Errors
/// The signal that asked.
pub fn sleep(time: Duration) -> Result<(), Refused> {
    const LOOK: Duration = Duration::from_millis(50);
    let start = Instant::now();
    loop {
        check()?;
        let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else { return Ok(()) };
        std::thread::sleep(left.min(LOOK));
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut state = lock();
        state.at_work -= 1;
        state.words = None;
        bound_last_steps(&state);
    }
}

/// Bounds what the program may still do once it was asked to stop and all its work has ended.
fn bound_last_steps(state: &State) {
    let asked = *state.asked.borrow();
    if let (0, Some(signal), Some(_)) = (state.at_work, asked, state.voice) {
        // What follows should write down how it ended and no more. Nobody can begin work any more, and further signals
        // change nothing, so this is all that bounds it.
        let end = move || {
            std::thread::sleep(LAST_STEPS);
            end_at_once(signal, lock().voice);
        };
        let _ = std::thread::Builder::new().name("last steps".into()).spawn(end);
    }
}

/// Makes the whole program hear signals from now on; `voice` says what a person should know at once.
///
/// # Errors
/// Where the system does not let it, or a signal has come already.
pub fn listen(voice: Voice) -> Result<(), Refused> {
    // First: a signal may come as soon as one can be heard, and without a voice it would kill the program.
    lock().voice = Some(voice);
    install()?;
    check()
}

/// A process that hears the signals of this one too: what asks to end, and what stops and continues a job of a shell
/// (SIGTSTP, SIGCONT). It must be in a process group of its own, or a terminal's Ctrl-C would reach it twice.
pub struct Forwarding(i32);

impl Forwarding {
    /// Forwards signals to a child from now on.
    ///
    /// # Errors
    /// Where signals cannot be heard.
    pub fn to(pid: u32) -> Result<Self, Refused> {
        install()?;
        let pid = i32::try_from(pid).map_err(|_| Refused::Deaf("there is no such process".into()))?;
        lock().others.push(pid);
        Ok(Self(pid))
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        lock().others.retain(|pid| *pid != self.0);
    }
}

fn lock() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    let new = || State {
        at_work: 0,
        words: None,
        asked: watch::Sender::new(None),
        interrupts: 0,
        voice: None,
        others: Vec::new(),
    };
    STATE.get_or_init(|| Mutex::new(new())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that hears signals, once in a process.
fn install() -> Result<(), Refused> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        // nohup and shells without job control ignore some on purpose.
        let asking = ASKING.into_iter().chain(OF_JOBS).filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let mut signals = Signals::new(asking).map_err(|e| e.to_string())?;
        let listen = move || signals.forever().for_each(hear);
        std::thread::Builder::new().name("signals".into()).spawn(listen).map_err(|e| e.to_string())?;
        Ok(())
    });
    installed.clone().map_err(Refused::Deaf)
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// All work is asked to end.
    Ask,
    /// Nothing is at work: the program ends.
    End,
    /// The program is killed by it.
    Kill,
    /// What was begun goes on.
    Nothing,
}

fn meaning(at_work: usize, asked: bool, interrupts: u32) -> Meaning {
    match (at_work, asked) {
        _ if interrupts > 1 => Meaning::Kill,
        (_, true) => Meaning::Nothing,
        (0, false) => Meaning::End,
        (_, false) => Meaning::Ask,
    }
}

fn hear(signal: i32) {
    let mut state = lock();
    // Under the lock: whoever holds one of these has not waited for its end yet, so the number is still its own.
    for pid in state.others.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = kill_process(pid, signal);
        }
    }
    if OF_JOBS.contains(&signal) {
        drop(state);
        // Stops this process as it would have been; to go on is its default already.
        let _ = emulate_default_handler(signal);
        return;
    }
    state.interrupts += u32::from(signal == SIGINT);
    let asked = state.asked.borrow().is_some();
    match (meaning(state.at_work, asked, state.interrupts), state.voice) {
        (Meaning::Ask, voice) => {
            let words = state.words.clone().unwrap_or_else(|| STOPPING.to_owned());
            drop(state);
            // Said first: the work may end as soon as it is asked to, and the program with it.
            if let Some(voice) = voice.filter(|_| !words.is_empty()) {
                within(PATIENCE, move || (voice.say)(&words));
            }
            let state = lock();
            state.asked.send_replace(Some(signal));
            // It may have ended while that was said.
            bound_last_steps(&state);
        }
        // Under the lock: no work may begin between the decision and the end.
        (Meaning::End, Some(voice)) => end_at_once(signal, Some(voice)),
        // What is left behind is removed at the next start.
        (Meaning::End, None) | (Meaning::Kill, _) => drop(emulate_default_handler(signal)),
        (Meaning::Nothing, _) => {}
    }
}

/// Ends the process with exit code 130, without destructors: other threads are still at work.
fn end_at_once(signal: i32, voice: Option<Voice>) {
    within(PATIENCE, move || {
        cleanup::run_all();
        if let Some(voice) = voice {
            (voice.end)(stopped(signal));
        }
    });
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(i32::from(exit::INTERRUPTED)) }
}

/// Waits until `action` is done, but no longer than `time`: a file system may hang, and a pipe that nobody reads may be full.
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

/// The set of ignored signals in `/proc/PID/status`, bit 0 being signal 1; none where it is not there.
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
        for at_work in [0, 1, 8] {
            let first = if at_work == 0 { Meaning::End } else { Meaning::Ask };
            for interrupts in [0, 1] {
                assert_eq!(meaning(at_work, false, interrupts), first);
                assert_eq!(meaning(at_work, true, interrupts), Meaning::Nothing);
            }
            assert_eq!(meaning(at_work, true, 2), Meaning::Kill);
        }
    }
}
