//! Runs again what may have failed for no reason of its own.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::ended::Ended;
use super::engine::Engine;
use super::failure::{Cause, Failure};
use super::output::{Line, Stream};
use super::sandbox::Sandbox;
use base::signals::ShutdownGuard;

/// Before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long an engine that went away may take to come back.
const ENGINE_BACK: Duration = Duration::from_secs(60);

impl Engine {
    /// [`Engine::run`], at most `attempts` times: again after failures that may be spurious
    /// ([`Cause::may_be_spurious`]). Why it is tried again is told as [`Stream::Note`]. The command must be one that can be
    /// run again over what it left.
    ///
    /// # Errors
    /// The last attempt's; also where the engine does not come back, or an earlier attempt's container cannot be removed.
    pub fn run_patiently(
        &self,
        sandbox: &Sandbox,
        attempts: u32,
        told: &mut dyn FnMut(&Line),
    ) -> Result<Ended, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.run(sandbox, told) {
                Err(failure) if failure.cause.may_be_spurious() && attempt < attempts => failure,
                other => return other,
            };
            let pause = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << (attempt - 1).min(5)));
            let why =
                format!("attempt {attempt} of {attempts} failed: {failure}; trying again in {} s", pause.as_secs());
            told(&Line { stream: Stream::Note, text: why });
            self.recover(pause).map_err(|cause| match cause {
                // The engine stays away: what happened first says more.
                None => failure,
                Some(cause) => cause.of(&sandbox.task, sandbox.log.as_deref()),
            })?;
            attempt += 1;
        }
    }

    /// Waits, then until the engine answers and has removed what it kept. `None`: it does not.
    fn recover(&self, pause: Duration) -> Result<(), Option<Failure>> {
        let mut at_work = ShutdownGuard::begin().map_err(|refused| Some(refused.into()))?;
        self.block_on(async {
            let mut pause = pause;
            let start = Instant::now();
            loop {
                tokio::select! {
                    signal = at_work.wait_for_stop() => return Err(Some(Cause::Interrupted { signal }.into())),
                    () = sleep(pause) => {}
                }
                if self.docker().ping().await.is_ok() && self.remove_lost().await.is_ok() {
                    return Ok(());
                }
                if start.elapsed() > ENGINE_BACK {
                    return Err(None);
                }
                pause = FIRST_PAUSE;
            }
        })
    }
}
