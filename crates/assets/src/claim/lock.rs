//! Acquires, keeps and releases a claim.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::lockfile::{self, LockState, Lockfile};
use base::cleanup::{self, CleanupGuard};
use base::error::{Error, Result};
use base::signals;

/// Heartbeat interval of an owner, and the time after which an owner without heartbeat is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Interval between heartbeats. Other processes check the claim every 1/25 of it at first, later every 2/5 of it.
    pub heartbeat: Duration,
    /// Time without heartbeat after which an owner elsewhere is dead; many heartbeats.
    pub silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(5), silence: Duration::from_secs(60) }
    }
}

/// Result of an attempt to acquire a claim.
#[derive(Debug)]
pub enum Attempt {
    /// The claim was acquired.
    Acquired(Claim),
    /// Another owner holds it.
    Held {
        /// Description of the owner, for messages.
        by: String,
    },
}

/// A claim on a file, released on drop.
#[derive(Debug)]
pub struct Claim {
    lockfile: Lockfile,
    token: String,
    file: Arc<File>,
    heartbeat: Option<(Sender<()>, JoinHandle<()>)>,
    /// Releases the claim if a signal ends the program at once; dropped first.
    released: Option<CleanupGuard>,
}

/// Claims through the file `path` ([`super::super::paths::AssetPaths::claim`]) if no other owner holds it. A single attempt
/// cannot detect that an owner on another machine is dead; see [`claim`].
///
/// # Errors
/// [`Error::io`] if the folder cannot be created or written.
pub fn try_claim(path: &Path) -> Result<Attempt> {
    attempt(&mut Lockfile::new(path), Timing::default())
}

/// Waits while another owner is alive, and takes over from a dead one. `waiting` receives each new owner that it waits for.
///
/// # Errors
/// The errors of [`try_claim`].
pub fn claim(path: &Path, waiting: &mut dyn FnMut(&str)) -> Result<Claim> {
    claim_with(path, Timing::default(), waiting)
}

/// Claims like [`claim`], with chosen intervals.
///
/// # Errors
/// The errors of [`try_claim`].
pub fn claim_with(path: &Path, timing: Timing, waiting: &mut dyn FnMut(&str)) -> Result<Claim> {
    let mut lockfile = Lockfile::new(path);
    let mut told = String::new();
    let mut pause = timing.heartbeat / 25;
    loop {
        match attempt(&mut lockfile, timing)? {
            Attempt::Acquired(claim) => return Ok(claim),
            Attempt::Held { by } if by != told => {
                waiting(&by);
                told = by;
            }
            Attempt::Held { .. } => {}
        }
        signals::sleep(pause)?;
        pause = (pause * 5 / 4).min(timing.heartbeat * 2 / 5);
    }
}

/// Tries to acquire the claim once. The loop terminates: each turn that does not return means that another process has
/// acquired or released the claim.
fn attempt(lockfile: &mut Lockfile, timing: Timing) -> Result<Attempt> {
    let path = lockfile.path().to_owned();
    loop {
        let seen = match lockfile.inspect(&path, timing.silence)? {
            LockState::Free => match lockfile.create(&path)? {
                None => continue,
                Some((token, file)) => {
                    return Claim::new(lockfile, token, file, timing.heartbeat).map(Attempt::Acquired);
                }
            },
            LockState::Live(seen) => return Ok(Attempt::Held { by: seen.to_string() }),
            LockState::Dead(seen) => seen,
        };
        if !lockfile.remove(&path, &seen, timing.silence)? {
            return Ok(Attempt::Held { by: format!("{seen}, whose claim another process is removing") });
        }
    }
}

impl Claim {
    fn new(lockfile: &Lockfile, token: String, file: File, heartbeat: Duration) -> Result<Self> {
        let file = Arc::new(file);
        let (of, the, with) = (lockfile.clone(), file.clone(), token.clone());
        let released = Some(cleanup::on_abrupt_exit(move || of.release(&the, &with)));
        let mut claim = Self { lockfile: lockfile.clone(), token, file: file.clone(), heartbeat: None, released };
        let (stop, stopped) = channel();
        let touch = move || {
            // `still_mine` detects failures here, such as a removed file or an unreachable server.
            while stopped.recv_timeout(heartbeat) == Err(RecvTimeoutError::Timeout) {
                lockfile::touch(&file).ok();
            }
        };
        let thread = std::thread::Builder::new()
            .name("claim".into())
            .spawn(touch)
            .map_err(|error| Error::infra("cannot start a thread").because(error))?;
        claim.heartbeat = Some((stop, thread));
        lockfile.sweep(&claim.file);
        Ok(claim)
    }

    /// Returns whether no other process has taken it over. Check it before the final rename: a process that was suspended for
    /// a minute may count as dead.
    pub fn still_mine(&self) -> bool {
        self.lockfile.token().is_some_and(|token| token == self.token)
    }

    /// Returns the path of the claim's file.
    pub fn path(&self) -> PathBuf {
        self.lockfile.path().to_owned()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.released = None;
        if let Some((stop, thread)) = self.heartbeat.take() {
            drop(stop);
            thread.join().ok();
        }
        self.lockfile.release(&self.file, &self.token);
    }
}
