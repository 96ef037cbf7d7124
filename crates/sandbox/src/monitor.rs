//! Monitors a created container from its start to its end: its output, time and memory, and requests to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::{Stream, StreamExt};
use tokio::time::{Sleep, sleep, timeout};

use super::classify::classify_exit;
use super::engine::Engine;
use super::failure::{Cause, Failure, TimeLimit};
use super::memory::MemoryMeter;
use super::output::Output;
use super::sandbox::Sandbox;
use super::usage::ResourceUsage;
use base::signals::ShutdownGuard;

/// Time limit where none is set.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Time for the last output of a stopped container to arrive.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Monitors one container.
pub(super) struct Monitor<'a> {
    engine: &'a Engine,
    name: &'a str,
    sandbox: &'a Sandbox,
    meter: Arc<MemoryMeter>,
}

impl<'a> Monitor<'a> {
    pub(crate) fn new(engine: &'a Engine, name: &'a str, sandbox: &'a Sandbox) -> Self {
        Self { engine, name, sandbox, meter: Arc::default() }
    }

    /// Starts the container and monitors it until it ends. It has ended when this returns, unless the engine is lost.
    ///
    /// # Errors
    /// See [`Cause`].
    pub(crate) async fn finish(
        self,
        output: &mut Output<'_>,
        shutdown: &mut ShutdownGuard,
    ) -> Result<ResourceUsage, Failure> {
        let docker = self.engine.docker();
        let attach = AttachContainerOptionsBuilder::default()
            .stdin(self.sandbox.lifeline)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let attached = docker.attach_container(self.name, Some(attach)).await;
        let attached =
            attached.map_err(|error| self.engine.classify_error("listen to a container", self.sandbox, error))?;
        let mut lines = attached.output;
        // Kept until the end: with a lifeline, it is the command's stdin.
        let _stdin = attached.input;
        let clock = Instant::now();
        let started = docker.start_container(self.name, None::<StartContainerOptions>).await;
        started.map_err(|error| self.engine.classify_error("start a container", self.sandbox, error))?;
        let sampler = {
            let (docker, name, meter) = (docker.clone(), self.name.to_owned(), self.meter.clone());
            // Without its own control group, the statistics of a container are not its own either.
            let measurable = self.engine.facts().enforces_limits();
            self.engine.spawn(async move {
                if measurable {
                    meter.sample(&docker, &name).await;
                }
            })
        };
        let followed = self.follow(&mut lines, output, shutdown).await;
        let result = match followed {
            Ok(code) => self.check_end(code, output).await,
            Err(failure) => {
                self.stop(&mut lines, output).await;
                Err(failure)
            }
        };
        sampler.abort();
        let used = ResourceUsage { seconds: clock.elapsed().as_secs_f64(), peak_memory: self.meter.peak() };
        match result {
            Ok(()) => Ok(used),
            Err(failure) => Err(Failure { used: Some(Box::new(used)), ..failure }),
        }
    }

    /// Reads the output until the command has ended, and returns its exit code. The output may end before the command.
    async fn follow(
        &self,
        lines: &mut (impl Stream<Item = Result<LogOutput, DockerError>> + Unpin),
        output: &mut Output<'_>,
        shutdown: &mut ShutdownGuard,
    ) -> Result<i64, Failure> {
        let timeouts = self.sandbox.timeouts;
        let total = sleep(timeouts.total.unwrap_or(FOR_EVER));
        let silence = sleep(timeouts.silence.unwrap_or(FOR_EVER));
        let ended = self.exit_code();
        let stopped = async {
            match &self.sandbox.stop {
                Some(stop) => stop.requested().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(total, silence, ended, stopped);
        let mut listening = true;
        let timed_out =
            |limit, after: Option<Duration>| Err(Cause::TimedOut { limit, after: after.unwrap_or(FOR_EVER) }.into());
        loop {
            // In this order, so that a command with endless output can be stopped.
            tokio::select! {
                biased;
                signal = shutdown.wait_for_stop() => return Err(Cause::Interrupted { signal }.into()),
                () = &mut stopped => return Err(Cause::Stopped.into()),
                () = &mut total => return timed_out(TimeLimit::Total, timeouts.total),
                chunk = lines.next(), if listening => match chunk {
                    Some(Ok(chunk)) => {
                        output.take(&chunk)?;
                        restart(silence.as_mut(), timeouts.silence);
                    }
                    Some(Err(error)) => return Err(self.engine.engine_failure("listen to a container", error)),
                    None => {
                        output.finish()?;
                        listening = false;
                    }
                },
                code = &mut ended, if !listening => return code,
                () = &mut silence => return timed_out(TimeLimit::Silence, timeouts.silence),
            }
        }
    }

    /// Waits for the end of the command and returns its exit code.
    async fn exit_code(&self) -> Result<i64, Failure> {
        loop {
            let mut answers =
                std::pin::pin!(self.engine.docker().wait_container(self.name, None::<WaitContainerOptions>));
            return match answers.next().await {
                Some(Ok(answer)) => Ok(answer.status_code),
                Some(Err(DockerError::DockerContainerWaitError { code, .. })) => Ok(code),
                // Engines may answer only at the end, and the command may run for days.
                Some(Err(DockerError::RequestTimeoutError)) => continue,
                Some(Err(error)) => Err(self.engine.engine_failure("wait for a container", error)),
                None => Err(Cause::EngineLost { why: "the engine closed it".into() }.into()),
            };
        }
    }

    /// Returns an error if the command failed: out of memory, or an exit code other than 0.
    async fn check_end(&self, code: i64, output: &Output<'_>) -> Result<(), Failure> {
        let state = match self.engine.docker().inspect_container(self.name, None).await {
            Ok(found) => found.state,
            // Podman has states that bollard cannot parse; they say nothing about memory.
            Err(DockerError::JsonDataError { .. }) => None,
            Err(error) => return Err(self.engine.engine_failure("inspect a container", error)),
        };
        let limit = self.sandbox.limits.memory;
        // Podman 4 never reports it. The last sample may be from just before the end: a value close to the limit counts.
        let near = |limit: u64| self.meter.peak().is_some_and(|peak| peak >= limit - limit / 32);
        let at_the_limit = self.engine.facts().podman && code == 137 && limit.is_some_and(near);
        let said = state.and_then(|state| state.oom_killed).unwrap_or(false);
        if said || self.meter.out_of_memory() || at_the_limit {
            // Even if the command itself succeeded: one of its processes was killed.
            return Err(Cause::OutOfMemory { limit }.into());
        }
        match code {
            0 => Ok(()),
            code => Err(classify_exit(code, &self.sandbox.command, output.last()).into()),
        }
    }

    /// Stops the command with SIGTERM and, after the grace period, SIGKILL. Failures are ignored: the container is removed
    /// next.
    async fn stop(
        &self,
        lines: &mut (impl Stream<Item = Result<LogOutput, DockerError>> + Unpin),
        output: &mut Output<'_>,
    ) {
        let grace = i32::try_from(self.sandbox.grace.as_secs()).unwrap_or(1);
        let options = StopContainerOptionsBuilder::default().t(grace).build();
        let stopped = self.engine.docker().stop_container(self.name, Some(options));
        let last_output = async {
            while let Some(Ok(chunk)) = lines.next().await {
                if output.take(&chunk).is_err() {
                    break;
                }
            }
            let _ = output.finish();
        };
        tokio::pin!(stopped, last_output);
        let mut complete = false;
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                () = &mut last_output, if !complete => complete = true,
            }
        }
        if !complete {
            let _ = timeout(LAST_OUTPUT, last_output).await;
        }
    }
}

fn restart(sleep: std::pin::Pin<&mut Sleep>, timeout: Option<Duration>) {
    if let Some(timeout) = timeout {
        sleep.reset(tokio::time::Instant::now() + timeout);
    }
}
