//! Takes, keeps and gives up a claim.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::ground::{self, Ground, Sight};
use base::cleanup::{self, CleanupGuard};
use base::error::{Error, Result};
use base::signals;

/// How often an owner shows that it lives, and how long an observer waits for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between two signs of life. Others look every 25th of it at first, later every 2/5 of it.
    pub beat: Duration,
    /// An owner elsewhere that was silent for so long is dead. Many beats.
    pub silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { beat: Duration::from_secs(5), silence: Duration::from_secs(60) }
    }
}

/// What trying gave.
#[derive(Debug)]
pub enum Attempt {
    /// The file is claimed by whoever holds this.
    Mine(Claim),
    /// Another one is at work.
    Held {
        /// Who, for people.
        by: String,
    },
}

/// A file is claimed as long as this lives.
#[derive(Debug)]
pub struct Claim {
    ground: Ground,
    token: String,
    file: Arc<File>,
    beat: Option<(Sender<()>, JoinHandle<()>)>,
    /// Dropped first: a signal that ends the program at once releases the claim too.
    released: Option<CleanupGuard>,
}

/// Claims through the file `path` ([`super::super::place::Place::claim`]) if nobody else does. An owner on another machine cannot be found dead by one
/// look: see [`claim`].
///
/// # Errors
/// What [`Error::io`] says where the folder cannot be made or written.
pub fn try_claim(path: &Path) -> Result<Attempt> {
    attempt(&mut Ground::new(path), Timing::default())
}

/// Waits while another owner lives and takes over from a dead one. `waiting` hears of each new owner that is waited for.
///
/// # Errors
/// As [`try_claim`].
pub fn claim(path: &Path, waiting: &mut dyn FnMut(&str)) -> Result<Claim> {
    claim_with(path, Timing::default(), waiting)
}

/// [`claim`] with other times.
///
/// # Errors
/// As [`try_claim`].
pub fn claim_with(path: &Path, timing: Timing, waiting: &mut dyn FnMut(&str)) -> Result<Claim> {
    let mut ground = Ground::new(path);
    let mut told = String::new();
    let mut pause = timing.beat / 25;
    loop {
        match attempt(&mut ground, timing)? {
            Attempt::Mine(claim) => return Ok(claim),
            Attempt::Held { by } if by != told => {
                waiting(&by);
                told = by;
            }
            Attempt::Held { .. } => {}
        }
        signals::sleep(pause)?;
        pause = (pause * 5 / 4).min(timing.beat * 2 / 5);
    }
}

/// Ends: each turn that neither returns nor claims means that somebody else has claimed or released.
fn attempt(ground: &mut Ground, timing: Timing) -> Result<Attempt> {
    let path = ground.path().to_owned();
    loop {
        let seen = match ground.look(&path, timing.silence)? {
            Sight::Nothing => match ground.create(&path)? {
                None => continue,
                Some((token, file)) => return Claim::new(ground, token, file, timing.beat).map(Attempt::Mine),
            },
            Sight::Living(seen) => return Ok(Attempt::Held { by: seen.to_string() }),
            Sight::Dead(seen) => seen,
        };
        if !ground.remove(&path, &seen, timing.silence)? {
            return Ok(Attempt::Held { by: format!("{seen}, whose claim another one is removing") });
        }
    }
}

impl Claim {
    fn new(ground: &Ground, token: String, file: File, beat: Duration) -> Result<Self> {
        let file = Arc::new(file);
        let (of, the, with) = (ground.clone(), file.clone(), token.clone());
        let released = Some(cleanup::on_abrupt_exit(move || of.release(&the, &with)));
        let mut claim = Self { ground: ground.clone(), token, file: file.clone(), beat: None, released };
        let (stop, stopped) = channel();
        let touch = move || {
            // A failure here (the file was removed, the server is away) shows in `still_mine`.
            while stopped.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                ground::touch(&file).ok();
            }
        };
        let thread = std::thread::Builder::new()
            .name("claim".into())
            .spawn(touch)
            .map_err(|error| Error::infra("cannot start a thread").because(error))?;
        claim.beat = Some((stop, thread));
        ground.sweep(&claim.file);
        Ok(claim)
    }

    /// Whether nobody has taken it over. Ask before the final rename: whoever was suspended for a minute may have been taken for dead.
    pub fn still_mine(&self) -> bool {
        self.ground.token().is_some_and(|token| token == self.token)
    }

    /// The claim's own file.
    pub fn path(&self) -> PathBuf {
        self.ground.path().to_owned()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.released = None;
        if let Some((stop, thread)) = self.beat.take() {
            drop(stop);
            thread.join().ok();
        }
        self.ground.release(&self.file, &self.token);
    }
}
