//! Retries runs whose failure may be spurious.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::engine::Engine;
use super::failure::{Cause, Failure};
use super::output::{Line, Stream};
use super::sandbox::Sandbox;
use super::usage::ResourceUsage;
use base::signals::ShutdownGuard;

/// Pause before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Time that a lost engine may take to answer again.
const ENGINE_BACK: Duration = Duration::from_secs(60);

impl Engine {
    /// Runs a sandbox like [`Engine::run`], up to `attempts` times: failures that may be spurious
    /// ([`Cause::may_be_spurious`]) are retried. A [`Stream::Note`] tells why. The command must cope with files that an
    /// earlier attempt left.
    ///
    /// # Errors
    /// The failure of the last attempt; also if the engine does not answer again or an earlier container cannot be removed.
    pub fn run_with_retries(
        &self,
        sandbox: &Sandbox,
        attempts: u32,
        on_line: &mut dyn FnMut(&Line),
    ) -> Result<ResourceUsage, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match self.run(sandbox, on_line) {
                Err(failure) if failure.cause.may_be_spurious() && attempt < attempts => failure,
                other => return other,
            };
            let pause = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << (attempt - 1).min(5)));
            let why =
                format!("attempt {attempt} of {attempts} failed: {failure}; trying again in {} s", pause.as_secs());
            on_line(&Line { stream: Stream::Note, text: why });
            self.recover(pause).map_err(|cause| match cause {
                // The engine does not answer: the first failure says more.
                None => failure,
                Some(cause) => cause.with_task(&sandbox.task, sandbox.log.as_deref()),
            })?;
            attempt += 1;
        }
    }

    /// Waits for `pause`, then until the engine answers and unremoved containers are gone.
    ///
    /// # Errors
    /// `None` if the engine does not answer in time; the failure if a signal stops the wait.
    fn recover(&self, pause: Duration) -> Result<(), Option<Failure>> {
        let mut shutdown = ShutdownGuard::begin().map_err(|refused| Some(refused.into()))?;
        self.block_on(async {
            let mut pause = pause;
            let start = Instant::now();
            loop {
                tokio::select! {
                    signal = shutdown.wait_for_stop() => return Err(Some(Cause::Interrupted { signal }.into())),
                    () = sleep(pause) => {}
                }
                if self.docker().ping().await.is_ok() && self.remove_unremoved().await.is_ok() {
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
