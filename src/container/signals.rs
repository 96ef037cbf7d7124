//! Ctrl-C and SIGTERM while containers are at work: the containers are stopped and removed before the program ends.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::watch;

use super::failure::{Cause, Failure};

/// What ends a program politely: Ctrl-C, `kill`, and a closed terminal.
const ASKING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

struct State {
    /// Runs between creating their container and having removed it.
    at_work: usize,
    /// The signal that asked them to stop. It is never taken back: the program is about to end.
    asked: watch::Sender<Option<i32>>,
}

/// One run at work. While there are any, a first signal does not end the program but is heard by all of them.
pub(super) struct AtWork {
    asked: watch::Receiver<Option<i32>>,
}

impl AtWork {
    /// Announces a run; the first one of the process installs the handler.
    ///
    /// # Errors
    /// [`Cause::Interrupted`] where a signal has come already.
    pub fn begin() -> Result<Self, Failure> {
        let state = state();
        install()?;
        let mut state = lock(state);
        if let Some(signal) = *state.asked.borrow() {
            return Err(Cause::Interrupted { signal }.into());
        }
        state.at_work += 1;
        Ok(Self { asked: state.asked.subscribe() })
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
fn install() -> Result<(), Failure> {
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
    installed.clone().map_err(|why| Cause::Engine { doing: "be watched for Ctrl-C".into(), why }.into())
}

/// The first signal stops what is at work. With nothing at work, and for a second signal, the program ends by it at once;
/// what a second one leaves behind is removed at the next start.
fn hear(signal: i32) {
    let state = lock(state());
    if state.at_work == 0 || state.asked.borrow().is_some() {
        // Under the lock: no run may begin between the decision and the end.
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
