//! Classifies the errors of engines and the exit codes of commands, by the texts of Docker, Podman and their init programs.

use bollard::errors::Error as DockerError;

use super::engine::Engine;
use super::failure::{Cause, Failure};
use super::gpu;
use super::gpu_choice::Gpus;
use super::mount::Mount;
use super::pull_reason::says_full;
use super::sandbox::Sandbox;

impl Engine {
    /// Returns the failure for an error of the engine while it was `doing` something with a sandbox.
    pub(super) fn classify_error(&self, doing: &str, sandbox: &Sandbox, error: DockerError) -> Failure {
        let DockerError::DockerResponseServerError { message, .. } = &error else {
            return self.engine_failure(doing, error);
        };
        let command = || sandbox.command.first().cloned().unwrap_or_default();
        let has = |text: &str| message.contains(text);
        if sandbox.gpus != Gpus::None && gpu::is_gpu_error(message) {
            Cause::no_gpu(message.trim().to_owned(), sandbox.gpu_path, self.facts()).into()
        } else if has("No such image") || has("no such image") || has("image not known") {
            Cause::ImageMissing { image: sandbox.image.name.clone() }.into()
        } else if has("bind source path does not exist") || has("statfs ") && has("no such file or directory") {
            // All mounts exist on this machine: the engine runs elsewhere, or in a container with its own file system.
            let named = |mount: &&Mount| has(&mount.source.display().to_string());
            let source = sandbox.mounts.iter().find(named).or(sandbox.mounts.first());
            let source = source.map(|mount| mount.source.clone()).unwrap_or_default();
            Cause::MountUnseen { source, host: self.host().to_owned() }.into()
        } else if has("executable file not found") || has("no such file or directory") && has("exec") {
            Cause::CommandNotFound { command: command() }.into()
        } else if has("permission denied") && has("exec") {
            Cause::NotExecutable { command: command() }.into()
        } else {
            self.engine_failure(doing, error)
        }
    }
}

/// Returns the cause for an exit code other than 0, given the last lines of output.
pub(super) fn classify_exit<'a>(
    code: i64,
    command: &[String],
    mut last: impl DoubleEndedIterator<Item = &'a str>,
) -> Cause {
    let command = || command.first().cloned().unwrap_or_default();
    let line = last.next_back().unwrap_or_default();
    // If the init program cannot start the command, tini (Docker) exits with 127 or 126, catatonit (Podman) with 1.
    let by_init = line.starts_with("[FATAL tini") || line.starts_with("ERROR (catatonit");
    if by_init && line.contains("exec") {
        return match line {
            _ if line.ends_with("No such file or directory") => Cause::CommandNotFound { command: command() },
            _ => Cause::NotExecutable { command: command() },
        };
    }
    let mut lines = std::iter::once(line).chain(last.rev().take(9));
    if let Some(full) = lines.find(|line| says_full(line)) {
        return Cause::DiskFull { why: full.to_owned() };
    }
    match code {
        137 | 143 => Cause::Killed { signal: code - 128 },
        code => Cause::Exit { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_classified_by_the_last_lines() {
        let classify_exit = |code, lines: &[&str]| classify_exit(code, &["prog".to_owned()], lines.iter().copied());
        let command = "prog".to_owned();
        for (code, line) in [
            (127, "[FATAL tini (8)] exec prog failed: No such file or directory"),
            (1, "ERROR (catatonit:6): failed to exec pid1: No such file or directory"),
        ] {
            assert_eq!(classify_exit(code, &[line]), Cause::CommandNotFound { command: command.clone() });
        }
        for (code, line) in [
            (126, "[FATAL tini (7)] exec prog failed: Permission denied"),
            (1, "ERROR (catatonit:6): failed to exec pid1: Permission denied"),
            (126, "[FATAL tini (7)] exec prog failed: Exec format error"),
        ] {
            assert_eq!(classify_exit(code, &[line]), Cause::NotExecutable { command: command.clone() });
        }
        let full = "IOError: [Errno 28] No space left on device: 'x.tsv'";
        assert_eq!(classify_exit(1, &["at a.py", full, "bye"]), Cause::DiskFull { why: full.into() });
        assert_eq!(classify_exit(137, &[]), Cause::Killed { signal: 9 });
        assert_eq!(classify_exit(127, &["sh: 1: x: not found"]), Cause::Exit { code: 127 });
    }
}
