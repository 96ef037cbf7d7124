//! A created container from its start to its end: its output, its time, its memory, and requests to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as Answer;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::{Stream, StreamExt};
use tokio::time::{Sleep, sleep, timeout};

use super::ended::Ended;
use super::engine::Engine;
use super::failure::{Cause, Failure, Patience};
use super::memory::Meter;
use super::output::Output;
use super::refusal::meaning;
use super::sandbox::Sandbox;
use base::signals::ShutdownGuard;

/// In place of a time-out that is not set.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// For the last words of a container that was stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A container that is watched.
pub(super) struct Watch<'a> {
    engine: &'a Engine,
    name: &'a str,
    sandbox: &'a Sandbox,
    meter: Arc<Meter>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(engine: &'a Engine, name: &'a str, sandbox: &'a Sandbox) -> Self {
        Self { engine, name, sandbox, meter: Arc::default() }
    }

    /// Starts the container and follows it to its end. When this returns it does not run any more, unless the engine is lost.
    ///
    /// # Errors
    /// See [`Cause`].
    pub(crate) async fn finish(self, output: &mut Output<'_>, at_work: &mut ShutdownGuard) -> Result<Ended, Failure> {
        let docker = self.engine.docker();
        let attach = AttachContainerOptionsBuilder::default()
            .stdin(self.sandbox.lifeline)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let attached = docker.attach_container(self.name, Some(attach)).await;
        let attached = attached.map_err(|error| self.engine.refused("listen to a container", self.sandbox, error))?;
        let mut lines = attached.output;
        // Held to the end: with a lifeline, it is the command's stdin.
        let _stdin = attached.input;
        let clock = Instant::now();
        let started = docker.start_container(self.name, None::<StartContainerOptions>).await;
        started.map_err(|error| self.engine.refused("start a container", self.sandbox, error))?;
        let sampler = {
            let (docker, name, meter) = (docker.clone(), self.name.to_owned(), self.meter.clone());
            // Without a control group of its own, what is told of a container is not its own either.
            let told = self.engine.facts().limits_hold();
            self.engine.spawn(async move {
                if told {
                    meter.watch(&docker, &name).await;
                }
            })
        };
        let followed = self.follow(&mut lines, output, at_work).await;
        let result = match followed {
            Ok(code) => self.judge(code, output).await,
            Err(failure) => {
                self.stop(&mut lines, output).await;
                Err(failure)
            }
        };
        sampler.abort();
        let used = Ended { seconds: clock.elapsed().as_secs_f64(), peak_memory: self.meter.peak() };
        match result {
            Ok(()) => Ok(used),
            Err(failure) => Err(Failure { used: Some(Box::new(used)), ..failure }),
        }
    }

    /// Takes the output until the command has ended; its exit code. The output may end first, when the command closes it.
    async fn follow(
        &self,
        lines: &mut (impl Stream<Item = Result<LogOutput, Answer>> + Unpin),
        output: &mut Output<'_>,
        at_work: &mut ShutdownGuard,
    ) -> Result<i64, Failure> {
        let patience = self.sandbox.timeouts;
        let total = sleep(patience.total.unwrap_or(FOR_EVER));
        let silence = sleep(patience.silence.unwrap_or(FOR_EVER));
        let ended = self.exit_code();
        let stopped = async {
            match &self.sandbox.stop {
                Some(stop) => stop.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(total, silence, ended, stopped);
        let mut listening = true;
        let timed_out = |patience, after: Option<Duration>| {
            Err(Cause::TimedOut { patience, after: after.unwrap_or(FOR_EVER) }.into())
        };
        loop {
            // In this order: a command that writes without end can still be stopped.
            tokio::select! {
                biased;
                signal = at_work.wait_for_stop() => return Err(Cause::Interrupted { signal }.into()),
                () = &mut stopped => return Err(Cause::Stopped.into()),
                () = &mut total => return timed_out(Patience::Total, patience.total),
                chunk = lines.next(), if listening => match chunk {
                    Some(Ok(chunk)) => {
                        output.take(&chunk)?;
                        restart(silence.as_mut(), patience.silence);
                    }
                    Some(Err(error)) => return Err(self.engine.failed("listen to a container", error)),
                    None => {
                        output.finish()?;
                        listening = false;
                    }
                },
                code = &mut ended, if !listening => return code,
                () = &mut silence => return timed_out(Patience::Silence, patience.silence),
            }
        }
    }

    /// Waits for the end of the command; its exit code.
    async fn exit_code(&self) -> Result<i64, Failure> {
        loop {
            let mut answers =
                std::pin::pin!(self.engine.docker().wait_container(self.name, None::<WaitContainerOptions>));
            return match answers.next().await {
                Some(Ok(answer)) => Ok(answer.status_code),
                Some(Err(Answer::DockerContainerWaitError { code, .. })) => Ok(code),
                // Engines may keep silent until the end, and the command may take days without its output.
                Some(Err(Answer::RequestTimeoutError)) => continue,
                Some(Err(error)) => Err(self.engine.failed("wait for a container", error)),
                None => Err(Cause::EngineLost { why: "it ended the connection".into() }.into()),
            };
        }
    }

    /// What the end means.
    async fn judge(&self, code: i64, output: &Output<'_>) -> Result<(), Failure> {
        let state = match self.engine.docker().inspect_container(self.name, None).await {
            Ok(found) => found.state,
            // A state that only Podman has: then it says nothing of memory either.
            Err(Answer::JsonDataError { .. }) => None,
            Err(error) => return Err(self.engine.failed("look at a container", error)),
        };
        let limit = self.sandbox.limits.memory;
        // Podman 4 never says so. What was seen may be from just before the end: close to the limit counts.
        let near = |limit: u64| self.meter.peak().is_some_and(|peak| peak >= limit - limit / 32);
        let at_the_limit = self.engine.facts().podman && code == 137 && limit.is_some_and(near);
        let said = state.and_then(|state| state.oom_killed).unwrap_or(false);
        if said || self.meter.out_of_memory() || at_the_limit {
            // Also where the command itself ended well: one of its processes did not.
            return Err(Cause::OutOfMemory { limit }.into());
        }
        match code {
            0 => Ok(()),
            code => Err(meaning(code, &self.sandbox.command, output.last()).into()),
        }
    }

    /// Asks the command to end and, after a grace, ends it. Nothing can be done about failures: the container is removed next.
    async fn stop(&self, lines: &mut (impl Stream<Item = Result<LogOutput, Answer>> + Unpin), output: &mut Output<'_>) {
        let grace = i32::try_from(self.sandbox.grace.as_secs()).unwrap_or(1);
        let options = StopContainerOptionsBuilder::default().t(grace).build();
        let stopped = self.engine.docker().stop_container(self.name, Some(options));
        let last_words = async {
            while let Some(Ok(chunk)) = lines.next().await {
                if output.take(&chunk).is_err() {
                    break;
                }
            }
            let _ = output.finish();
        };
        tokio::pin!(stopped, last_words);
        let mut heard = false;
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                () = &mut last_words, if !heard => heard = true,
            }
        }
        if !heard {
            let _ = timeout(LAST_WORDS, last_words).await;
        }
    }
}

fn restart(sleep: std::pin::Pin<&mut Sleep>, patience: Option<Duration>) {
    if let Some(patience) = patience {
        sleep.reset(tokio::time::Instant::now() + patience);
    }
}
