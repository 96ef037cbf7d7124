//! Splits the output of a container into lines, passes them on, logs them, and keeps the last ones.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bollard::container::LogOutput;

use super::failure::{Cause, Failure};
use super::sandbox::Sandbox;

/// Number of last lines that a failure keeps.
const REMEMBERED: usize = 50;

/// Source of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// A note of this program about the run, such as a retry or a warning of the engine.
    Note,
}

/// One line of a container's output, without its line ending. Each update of a progress bar counts as a line; empty lines
/// are only in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its source.
    pub stream: Stream,
    /// Its text; invalid UTF-8 is replaced.
    pub text: String,
}

/// Receives the output of one container.
pub(super) struct Output<'a> {
    log: Option<(File, &'a Path)>,
    on_line: &'a mut dyn FnMut(&Line),
    partial: [Partial; 2],
    last: VecDeque<String>,
    longest_line: usize,
}

/// A line whose end has not arrived yet.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    /// Whether the previous line ended with a carriage return, which a newline may follow.
    returned: bool,
}

impl<'a> Output<'a> {
    /// Opens the log, if the sandbox has one.
    ///
    /// # Errors
    /// [`Cause::LogUnwritable`], [`Cause::DiskFull`].
    pub(crate) fn open(sandbox: &'a Sandbox, on_line: &'a mut dyn FnMut(&Line)) -> Result<Self, Failure> {
        let open = |path: &'a Path| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| unwritable(path, &e))?;
            }
            // The target of a link may belong to another user; opening a pipe must not block.
            let file = File::options()
                .create(true)
                .append(true)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)
                .map_err(|e| unwritable(path, &e))?;
            Ok::<_, Failure>((file, path))
        };
        let log = sandbox.log.as_deref().map(open).transpose()?;
        Ok(Self {
            log,
            on_line,
            partial: Default::default(),
            last: VecDeque::new(),
            longest_line: sandbox.longest_line,
        })
    }

    /// Adds a chunk of output.
    ///
    /// # Errors
    /// [`Cause::LogUnwritable`], [`Cause::DiskFull`].
    pub(crate) fn take(&mut self, chunk: &LogOutput) -> Result<(), Failure> {
        let stream = if matches!(chunk, LogOutput::StdErr { .. }) { Stream::Err } else { Stream::Out };
        let at = stream as usize;
        for &byte in chunk.as_ref() {
            let returned = std::mem::take(&mut self.partial[at].returned);
            match byte {
                b'\n' if returned => {}
                b'\n' => self.line(stream)?,
                b'\r' => {
                    self.partial[at].returned = true;
                    self.line(stream)?;
                }
                _ => {
                    let starts_a_letter = byte & 0xC0 != 0x80;
                    if self.partial[at].bytes.len() >= self.longest_line && starts_a_letter {
                        self.line(stream)?;
                    }
                    self.partial[at].bytes.push(byte);
                }
            }
        }
        Ok(())
    }

    /// Adds the lines whose end never arrived.
    ///
    /// # Errors
    /// [`Cause::LogUnwritable`], [`Cause::DiskFull`].
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        for stream in [Stream::Out, Stream::Err] {
            if !self.partial[stream as usize].bytes.is_empty() {
                self.line(stream)?;
            }
        }
        Ok(())
    }

    /// Passes on a note about the run.
    pub(crate) fn note(&mut self, text: String) {
        (self.on_line)(&Line { stream: Stream::Note, text });
    }

    /// Returns the last lines, oldest first.
    pub(crate) fn last(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    fn line(&mut self, stream: Stream) -> Result<(), Failure> {
        let bytes = std::mem::take(&mut self.partial[stream as usize].bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((log, path)) = &mut self.log {
            log.write_all(format!("{text}\n").as_bytes()).map_err(|e| unwritable(path, &e))?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let line = Line { stream, text };
        (self.on_line)(&line);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.text);
        Ok(())
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        return Cause::DiskFull { why: format!("{}: {error}", path.display()) }.into();
    }
    Cause::LogUnwritable { path: path.to_owned(), why: error.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::sandbox::LONGEST_LINE;

    #[test]
    fn output_is_split_at_every_line_ending_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image { name: String::new(), id: String::new(), digests: Vec::new() };
        let mut sandbox = Sandbox::new("t", &image, ["x"]);
        sandbox.log = Some(folder.path().join("logs/a"));
        let mut lines = Vec::new();
        let mut on_line = |line: &Line| lines.push((line.stream, line.text.clone()));
        let mut output = Output::open(&sandbox, &mut on_line).unwrap();
        let out = |text: &str| LogOutput::StdOut { message: text.to_owned().into() };
        output.take(&out("one\r\ntwo\r")).unwrap();
        output.take(&out("\n\n 10%\r 20%\rhalf")).unwrap();
        output.take(&LogOutput::StdErr { message: "wrong\n".into() }).unwrap();
        let long = format!("{}é{}", "a".repeat(LONGEST_LINE - 1), "b".repeat(10));
        output.take(&out(&format!(" line\n{long}\nlast"))).unwrap();
        output.finish().unwrap();
        let last: Vec<_> = output.last().map(str::to_owned).collect();
        let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
        let (head, tail) = long.split_at(LONGEST_LINE + 1);
        assert_eq!(texts, ["one", "two", " 10%", " 20%", "wrong", "half line", head, tail, "last"]);
        assert_eq!(texts, last);
        assert_eq!(lines[4].0, Stream::Err);
        let log = std::fs::read_to_string(folder.path().join("logs/a")).unwrap();
        assert_eq!(log, format!("one\ntwo\n\n 10%\n 20%\nwrong\nhalf line\n{head}\n{tail}\nlast\n"));
    }

    #[test]
    fn the_error_names_a_log_that_cannot_be_written() {
        let image = Image { name: String::new(), id: String::new(), digests: Vec::new() };
        let mut sandbox = Sandbox::new("t", &image, ["x"]);
        let cause = |sandbox: &Sandbox| match Output::open(sandbox, &mut |_| ()) {
            Ok(mut output) => *output.take(&LogOutput::StdOut { message: "a\n".into() }).unwrap_err().cause,
            Err(failure) => *failure.cause,
        };
        sandbox.log = Some("/dev/full".into());
        assert!(matches!(cause(&sandbox), Cause::DiskFull { .. }));
        sandbox.log = Some("/dev/null/log".into());
        assert!(matches!(cause(&sandbox), Cause::LogUnwritable { .. }));
    }
}
