//! A container's output: cut into lines, told, logged, and its end remembered.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bollard::container::LogOutput;

use super::failure::{Cause, Failure};
use super::sandbox::Sandbox;

/// Lines of output that a failure remembers.
const REMEMBERED: usize = 50;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// This program, about the run: why it is tried again, what the engine warns of.
    Note,
}

/// One line of a container's output, without its end. What replaces itself on a terminal (progress bars) counts as lines;
/// empty lines are in the log only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub stream: Stream,
    /// The text; what is not UTF-8 is replaced.
    pub text: String,
}

/// Where the output of one container goes.
pub(super) struct Output<'a> {
    log: Option<(File, &'a Path)>,
    told: &'a mut dyn FnMut(&Line),
    partial: [Partial; 2],
    last: VecDeque<String>,
    longest_line: usize,
}

/// A line that has not ended yet.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    /// The line before ended with a carriage return, whose newline may follow.
    returned: bool,
}

impl<'a> Output<'a> {
    /// Opens the log, where there is to be one.
    ///
    /// # Errors
    /// [`Cause::LogUnwritable`], [`Cause::DiskFull`].
    pub(crate) fn open(sandbox: &'a Sandbox, told: &'a mut dyn FnMut(&Line)) -> Result<Self, Failure> {
        let open = |path: &'a Path| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|e| unwritable(path, &e))?;
            }
            // What a link leads to belongs to somebody else; a pipe is not waited for.
            let file = File::options()
                .create(true)
                .append(true)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)
                .map_err(|e| unwritable(path, &e))?;
            Ok::<_, Failure>((file, path))
        };
        let log = sandbox.log.as_deref().map(open).transpose()?;
        Ok(Self { log, told, partial: Default::default(), last: VecDeque::new(), longest_line: sandbox.longest_line })
    }

    /// Takes what came.
    ///
    /// # Errors
    /// As [`Self::open`].
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

    /// Takes lines that were not ended.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        for stream in [Stream::Out, Stream::Err] {
            if !self.partial[stream as usize].bytes.is_empty() {
                self.line(stream)?;
            }
        }
        Ok(())
    }

    /// Tells something about the run itself.
    pub(crate) fn note(&mut self, text: String) {
        (self.told)(&Line { stream: Stream::Note, text });
    }

    /// The last lines, the oldest first.
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
        (self.told)(&line);
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
    fn cuts_lines_at_every_end_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image { name: String::new(), id: String::new(), digests: Vec::new() };
        let mut sandbox = Sandbox::new("t", &image, ["x"]);
        sandbox.log = Some(folder.path().join("logs/a"));
        let mut lines = Vec::new();
        let mut told = |line: &Line| lines.push((line.stream, line.text.clone()));
        let mut output = Output::open(&sandbox, &mut told).unwrap();
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
    fn a_log_that_cannot_be_written_is_named() {
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
