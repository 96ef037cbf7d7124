//! Ctrl-C, SIGTERM and their like while something is at work that must be ended in order: containers are stopped and removed,
//! a training writes a snapshot.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::watch;

use crate::error::Error;

/// What ends a program politely: Ctrl-C, `kill`, a closed terminal, and Slurm's warning before a time limit
/// (`--signal=USR1@120`).
const ASKING: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];

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
            Refused::Asked(signal) => Self::interrupted(format!("stopped on request (signal {signal})")),
            Refused::Deaf(why) => Self::infra("cannot listen for Ctrl-C and SIGTERM").because(why),
        }
    }
}

struct State {
    /// Pieces of work that must be ended in order.
    at_work: usize,
    /// The signal that asked them to stop. It is never taken back: the program is about to end.
    asked: watch::Sender<Option<i32>>,
}

/// One piece of work. While there are any, a first signal does not end the program but is heard by all of them.
pub struct AtWork {
    asked: watch::Receiver<Option<i32>>,
}

impl AtWork {
    /// Announces work; the first of the process installs the handler.
    ///
    /// # Errors
    /// Where a signal has come already.
    pub fn begin() -> Result<Self, Refused> {
        let state = state();
        install()?;
        let mut state = lock(state);
        if let Some(signal) = *state.asked.borrow() {
            return Err(Refused::Asked(signal));
        }
        state.at_work += 1;
        Ok(Self { asked: state.asked.subscribe() })
    }

    /// The signal that asks to stop, if one has come.
    #[cfg(feature = "torch")]
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
    let asked = *lock(state()).asked.borrow();
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
        lock(state()).at_work -= 1;
    }
}

fn state() -> &'static Mutex<State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    STATE.get_or_init(|| Mutex::new(State { at_work: 0, asked: watch::Sender::new(None) }))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The first signal stops what is at work. With nothing at work, and for a second signal, the program ends by it at once;
/// what a second one leaves behind is removed at the next start.
fn hear(signal: i32) {
    let state = lock(state());
    if state.at_work == 0 || state.asked.borrow().is_some() {
        // Under the lock: no work may begin between the decision and the end.
        let _ = emulate_default_handler(signal);
        return;
    }
    state.asked.send_replace(Some(signal));
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
}
