//! A container from creation to removal.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as Answer;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount as EngineMount, MountType};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::failure::{Cause, Failure, Patience};
use super::gpu;
use super::sandbox::{Access, Gpus, Network, Sandbox};

/// Lines of output that a failure remembers.
const REMEMBERED: usize = 50;
/// Longest line that is kept whole.
const LONGEST_LINE: usize = 16 << 10;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of a container's output, without its end. What replaces itself on a terminal (progress bars) counts as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub stream: Stream,
    /// The text.
    pub text: String,
}

/// A container that did its work: its command ended with exit code 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Wall time from start to end.
    pub seconds: f64,
    /// Most memory used at a time, in bytes, where the engine says.
    pub peak_memory: Option<u64>,
}

impl Engine {
    /// Runs a sandbox to its end and removes its container. `told` hears every line as it comes.
    ///
    /// # Errors
    /// See [`Cause`]; the container is removed in any case that this process survives.
    pub fn run(&self, sandbox: &Sandbox, told: &mut dyn FnMut(&Line)) -> Result<Ended, Failure> {
        let mut output = Output::open(sandbox, told)?;
        let result = self.block_on(self.lifecycle(sandbox, &mut output));
        result.map_err(|failure| Failure {
            task: sandbox.task.clone(),
            last_lines: output.last.into(),
            log: sandbox.log.clone(),
            ..failure
        })
    }

    async fn lifecycle(&self, sandbox: &Sandbox, output: &mut Output<'_>) -> Result<Ended, Failure> {
        let docker = self.docker();
        if let Some(mount) = sandbox.mounts.iter().find(|mount| !mount.source.exists()) {
            return Err(Cause::MountMissing { source: mount.source.clone() }.into());
        }
        let created = docker
            .create_container(None::<CreateContainerOptions>, self.body(sandbox))
            .await
            .map_err(|error| self.refused("create a container", sandbox, error))?;
        let result = self.watch(&created.id, sandbox, output).await;
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let removed = docker.remove_container(&created.id, Some(force)).await;
        let ended = result?;
        removed.map_err(|error| self.failed("remove a container", error))?;
        Ok(ended)
    }

    async fn watch(&self, id: &str, sandbox: &Sandbox, output: &mut Output<'_>) -> Result<Ended, Failure> {
        let docker = self.docker();
        let attach = AttachContainerOptionsBuilder::default().stdout(true).stderr(true).stream(true).build();
        let attached = docker.attach_container(id, Some(attach)).await;
        let mut lines = attached.map_err(|error| self.failed("listen to a container", error))?.output;
        let clock = Instant::now();
        docker
            .start_container(id, None::<StartContainerOptions>)
            .await
            .map_err(|error| self.refused("start a container", sandbox, error))?;
        let far = Duration::from_secs(365 * 24 * 3600);
        let total = tokio::time::sleep(sandbox.timeouts.total.unwrap_or(far));
        let stopped = async {
            match &sandbox.stop {
                Some(stop) => stop.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(total, stopped);
        loop {
            let silence = tokio::time::sleep(sandbox.timeouts.silence.unwrap_or(far));
            tokio::select! {
                chunk = lines.next() => match chunk {
                    Some(Ok(chunk)) => output.take(&chunk)?,
                    Some(Err(error)) => return Err(self.failed("listen to a container", error)),
                    None => break,
                },
                () = &mut stopped => return Err(Cause::Stopped.into()),
                () = &mut total => {
                    let after = sandbox.timeouts.total.unwrap_or(far);
                    return Err(Cause::TimedOut { patience: Patience::Total, after }.into());
                }
                () = silence => {
                    let after = sandbox.timeouts.silence.unwrap_or(far);
                    return Err(Cause::TimedOut { patience: Patience::Silence, after }.into());
                }
            }
        }
        output.finish()?;
        let code = match docker.wait_container(id, None::<WaitContainerOptions>).next().await {
            Some(Ok(answer)) => answer.status_code,
            Some(Err(Answer::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(self.failed("wait for a container", error)),
            None => return Err(Cause::EngineLost { why: "it ended the connection".into() }.into()),
        };
        let seconds = clock.elapsed().as_secs_f64();
        if code == 0 {
            return Ok(Ended { seconds, peak_memory: None });
        }
        let state = docker.inspect_container(id, None).await.map_err(|e| self.failed("look at a container", e))?.state;
        if state.and_then(|state| state.oom_killed).unwrap_or(false) {
            return Err(Cause::OutOfMemory { limit: sandbox.limits.memory }.into());
        }
        Err(match code {
            137 | 143 => Cause::Killed { signal: code - 128 },
            // The init process found nothing to start.
            127 if output.last.iter().any(|line| line.contains("[FATAL tini")) => {
                Cause::CommandNotFound { command: sandbox.command.first().cloned().unwrap_or_default() }
            }
            code => Cause::Exit { code },
        }
        .into())
    }

    /// What the engine is asked for.
    fn body(&self, sandbox: &Sandbox) -> ContainerCreateBody {
        let mounts = sandbox.mounts.iter().map(|mount| EngineMount {
            source: Some(absolute(&mount.source)),
            target: Some(mount.target.display().to_string()),
            typ: Some(MountType::BIND),
            read_only: Some(mount.access == Access::Read),
            ..EngineMount::default()
        });
        let mut tmpfs = HashMap::from([("/tmp".to_owned(), format!("rw,nosuid,nodev,mode=1777,size={}", 1 << 30))]);
        for (path, size) in &sandbox.tmpfs {
            tmpfs.insert(path.display().to_string(), format!("rw,nosuid,nodev,mode=1777,size={size}"));
        }
        let mut environment = vec!["HOME=/tmp".to_owned()];
        environment.extend(sandbox.environment.iter().map(|(name, value)| format!("{name}={value}")));
        let mut host = HostConfig {
            mounts: Some(mounts.collect()),
            tmpfs: Some(tmpfs),
            network_mode: Some(match sandbox.network {
                Network::None => "none".to_owned(),
                Network::Bridge => "bridge".to_owned(),
            }),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            init: Some(true),
            memory: sandbox.limits.memory.map(|bytes| bytes as i64),
            memory_swap: sandbox.limits.memory.map(|bytes| bytes as i64),
            pids_limit: Some(sandbox.limits.pids.into()),
            nano_cpus: sandbox.limits.cpus.map(|cpus| (cpus * 1e9) as i64),
            shm_size: Some(sandbox.limits.shm as i64),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        gpu::ask(&mut host, &mut environment, &sandbox.gpus, sandbox.gpu_path, self.facts());
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        ContainerCreateBody {
            image: Some(sandbox.image.id.clone()),
            entrypoint: Some(sandbox.command.clone()),
            cmd: Some(Vec::new()),
            env: Some(environment),
            user: Some(format!("{uid}:{gid}")),
            working_dir: sandbox.workdir.as_ref().map(|path| path.display().to_string()),
            labels: Some(self.labels()),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }

    /// Names what the engine refused.
    fn refused(&self, doing: &str, sandbox: &Sandbox, error: Answer) -> Failure {
        let Answer::DockerResponseServerError { message, .. } = &error else {
            return self.failed(doing, error);
        };
        let command = sandbox.command.first().cloned().unwrap_or_default();
        let has = |text: &str| message.contains(text);
        if sandbox.gpus != Gpus::None && gpu::is_refusal(message) {
            Cause::no_gpu(message.trim().to_owned(), sandbox.gpu_path, self.facts()).into()
        } else if has("No such image") {
            Cause::ImageMissing { image: sandbox.image.name.clone() }.into()
        } else if has("executable file not found") || has("no such file or directory") && has("exec") {
            Cause::CommandNotFound { command }.into()
        } else {
            self.failed(doing, error)
        }
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// A container's output: cut into lines, told, logged, and its end remembered.
struct Output<'a> {
    log: Option<File>,
    path: &'a Path,
    told: &'a mut dyn FnMut(&Line),
    partial: [Vec<u8>; 2],
    last: VecDeque<String>,
}

impl<'a> Output<'a> {
    fn open(sandbox: &'a Sandbox, told: &'a mut dyn FnMut(&Line)) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.map_err(|e| Failure::from(Cause::DiskFull { why: format!("{}: {e}", path.display()) }))
        };
        let path = sandbox.log.as_deref().unwrap_or(Path::new(""));
        let log = sandbox.log.as_deref().map(open).transpose()?;
        Ok(Self { log, path, told, partial: Default::default(), last: VecDeque::new() })
    }

    fn take(&mut self, chunk: &LogOutput) -> Result<(), Failure> {
        let stream = if matches!(chunk, LogOutput::StdErr { .. }) { Stream::Err } else { Stream::Out };
        for byte in chunk.as_ref() {
            let partial = &mut self.partial[stream as usize];
            match byte {
                b'\n' | b'\r' => self.line(stream)?,
                _ if partial.len() < LONGEST_LINE => partial.push(*byte),
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.line(Stream::Out)?;
        self.line(Stream::Err)
    }

    fn line(&mut self, stream: Stream) -> Result<(), Failure> {
        let bytes = std::mem::take(&mut self.partial[stream as usize]);
        if bytes.is_empty() {
            return Ok(());
        }
        let line = Line { stream, text: String::from_utf8_lossy(&bytes).into_owned() };
        if let Some(log) = &mut self.log {
            writeln!(log, "{}", line.text)
                .map_err(|e| Failure::from(Cause::DiskFull { why: format!("{}: {e}", self.path.display()) }))?;
        }
        (self.told)(&line);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.text);
        Ok(())
    }
}
