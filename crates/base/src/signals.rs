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

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::watch;

use crate::error::Error;
use crate::{cleanup, exit};

/// What ends a program politely: Ctrl-C, `kill`, a closed terminal, and Slurm's warning before a time limit
/// (`--signal=USR1@120`).
const ASKING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];
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
}

/// What a program that listens does with what there is to say.
pub type Say = fn(&str);

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
    say: Option<Say>,
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

    /// Sets what a person is told at the first signal.
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
    if let (0, Some(signal), Some(_)) = (state.at_work, asked, state.say) {
        // What follows should write down how it ended and no more. Nobody can begin work any more, and further signals
        // change nothing, so this is all that bounds it.
        let end = move || {
            std::thread::sleep(LAST_STEPS);
            end_at_once(signal, lock().say);
        };
        let _ = std::thread::Builder::new().name("last steps".into()).spawn(end);
    }
}

/// Keeps signals pending until the program listens: for the moments in which nobody can, such as while it starts itself over.
pub fn hold() {
    mask(libc::SIG_BLOCK);
}

/// Makes the whole program hear signals from now on; `say` hears what a person should know at once.
///
/// # Errors
/// Where the system does not let it, or a signal has come already.
pub fn listen(say: Say) -> Result<(), Refused> {
    install()?;
    lock().say = Some(say);
    mask(libc::SIG_UNBLOCK);
    check()
}

/// Blocks or unblocks what [`ASKING`] names in this thread and those that it starts.
fn mask(how: i32) {
    // SAFETY: the set is initialised by sigemptyset before anything reads it; blocking signals touches no memory.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in ASKING {
            libc::sigaddset(&raw mut set, signal);
        }
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}

fn lock() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    let new = || State { at_work: 0, words: None, asked: watch::Sender::new(None), interrupts: 0, say: None };
    STATE.get_or_init(|| Mutex::new(new())).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that hears signals, once in a process.
fn install() -> Result<(), Refused> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        // nohup and shells without job control ignore some on purpose.
        let asking = ASKING.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
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
    state.interrupts += u32::from(signal == SIGINT);
    let asked = state.asked.borrow().is_some();
    match (meaning(state.at_work, asked, state.interrupts), state.say) {
        (Meaning::Ask, say) => {
            let words = state.words.clone();
            drop(state);
            // Said first: the work may end as soon as it is asked to, and the program with it.
            if let Some(say) = say {
                within(PATIENCE, move || say(words.as_deref().unwrap_or(STOPPING)));
            }
            let state = lock();
            state.asked.send_replace(Some(signal));
            // It may have ended while that was said.
            bound_last_steps(&state);
        }
        // Under the lock: no work may begin between the decision and the end.
        (Meaning::End, Some(say)) => end_at_once(signal, Some(say)),
        // What is left behind is removed at the next start.
        (Meaning::End, None) | (Meaning::Kill, _) => drop(emulate_default_handler(signal)),
        (Meaning::Nothing, _) => {}
    }
}

/// Ends the process with exit code 130, without destructors: other threads are still at work.
fn end_at_once(signal: i32, say: Option<Say>) {
    within(PATIENCE, move || {
        cleanup::run_all();
        if let Some(say) = say {
            say(&stopped(signal).to_string());
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
