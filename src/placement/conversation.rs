//! Interprets the lines of a worker, wherever it runs: its handshake, its events, and how it ended.

use std::collections::VecDeque;

use serde_json::Value;

use super::request::SOURCE;
use base::cause::Cause;
use base::error::{Error, Result};
use base::signals;
use protocol::{Event, Hello, SCHEMA};

/// Number of last lines of stderr that an error quotes.
const KEPT: usize = 12;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    /// It exited with this code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
}

/// The program that a conversation is with.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Name for messages, such as `the worker /usr/local/bin/repro-worker`.
    pub who: String,
    /// How to get a program that fits this one.
    pub advice: &'static str,
}

/// The state of a conversation with a worker.
#[derive(Debug)]
pub(crate) struct Conversation {
    program: Program,
    hello: Option<Hello>,
    last: Option<Event>,
    /// Why its events are ignored.
    refused: Option<Error>,
    /// Last lines of its stderr, and lines that were not events.
    said: VecDeque<String>,
}

impl Conversation {
    pub(crate) fn with(program: Program) -> Self {
        Self { program, hello: None, last: None, refused: None, said: VecDeque::new() }
    }

    /// Processes a line of stdout. Returns an event that the caller should handle.
    pub(crate) fn line(&mut self, text: &str) -> Option<Event> {
        if self.refused.is_some() {
            return None;
        }
        match (Event::parse(text), &self.hello) {
            (Some(Event::Hello(hello)), None) => {
                self.refused = misfit(&hello).map(|why| self.refusal(why, Cause::WorkerStale));
                self.hello = Some(hello);
                None
            }
            (Some(Event::Unknown), _) => None,
            (Some(event), Some(_)) if event.is_last() => {
                self.last.get_or_insert(event);
                None
            }
            (Some(event), Some(_)) => Some(event),
            (None, Some(_)) => {
                self.keep(text);
                None
            }
            (_, None) => {
                let why = format!("its first line is not a handshake but {:?}", shortened(text));
                self.refused = Some(self.refusal(why, Cause::WorkerProtocol));
                None
            }
        }
    }

    fn refusal(&self, why: String, cause: Cause) -> Error {
        Error::infra(format!("{} does not match this program", self.program.who))
            .because(why)
            .next(self.program.advice)
            .with_cause(cause)
    }

    /// Processes a line of stderr.
    pub(crate) fn heard(&mut self, text: &str) {
        self.keep(text);
    }

    fn keep(&mut self, text: &str) {
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        self.said.push_back(text.to_owned());
    }

    /// Whether the program was refused, so that nothing more need be read.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Returns its handshake, unless it was refused.
    pub(crate) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref().filter(|_| self.refused.is_none())
    }

    /// Returns the last lines that were not events.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.said.iter().cloned().collect()
    }

    /// Takes the error that it reported, or why it was refused: both matter more than how it ended.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        match self.last.take_if(|last| matches!(last, Event::Failed { .. })) {
            Some(Event::Failed { error }) if self.refused.is_none() => Some(error),
            _ => self.refused.take(),
        }
    }

    /// Returns the result.
    ///
    /// # Errors
    /// The error that it reported; if it reported none, infra with how it ended.
    pub(crate) fn end(self, ending: Option<ProcessEnd>) -> Result<Value> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        match self.last {
            Some(Event::Done { result, .. }) => return Ok(result),
            Some(Event::Failed { error }) => return Err(error),
            _ => {}
        }
        // A signal to both programs needs no explanation.
        signals::check()?;
        let (how, cause) = match ending {
            Some(ProcessEnd::Signal(signal)) => {
                (format!("ended by signal {signal}{}", named(signal)), Cause::WorkerSignal { signal })
            }
            Some(ProcessEnd::Exit(code)) => (format!("ended with exit code {code}"), Cause::WorkerExit { code }),
            None => ("closed its output".to_owned(), Cause::WorkerProtocol),
        };
        let what = format!("{} {how} before it reported a result", self.program.who);
        let mut error = Error::infra(what).with_cause(cause);
        if !self.said.is_empty() {
            error = error.because(format!("its last lines: {}", self.last_lines().join("\n")));
        }
        Err(match ending {
            Some(ProcessEnd::Signal(libc::SIGKILL)) => error.next(
                "the system may have run out of memory: check `dmesg`, and use a smaller --batch-size; a training resumes with \
                 --resume",
            ),
            // It may not be a worker at all, or it cannot find libtorch.
            _ if self.hello.is_none() => error.next(self.program.advice),
            _ => error.next("run it again (a training resumes with --resume); if it happens again, please report it"),
        })
    }
}

/// Returns why a worker does not fit this program; `None` if it fits.
fn misfit(hello: &Hello) -> Option<String> {
    let commit = hello.commit.as_deref().map_or_else(String::new, |commit| format!(" (commit {commit})"));
    if hello.schema != SCHEMA {
        let (other, program) = (hello.schema, &hello.program);
        return Some(format!("it uses protocol {other}, this program {SCHEMA}; its version is {program}{commit}"));
    }
    (hello.source != SOURCE)
        .then(|| format!("it was built from different source: {}, not {SOURCE}{commit}", hello.source))
}

fn named(signal: i32) -> &'static str {
    match signal {
        libc::SIGKILL => " (SIGKILL)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGILL => " (SIGILL)",
        _ => "",
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(change: impl Fn(&mut Hello)) -> String {
        let mut hello =
            Hello { schema: SCHEMA, source: SOURCE.to_owned(), program: "0.1.0".to_owned(), ..Hello::default() };
        change(&mut hello);
        serde_json::to_string(&Event::Hello(hello)).unwrap()
    }

    fn ended(lines: &[&str], ending: ProcessEnd) -> String {
        end(lines, ending).map_or_else(|error| error.to_string(), |result| result.to_string())
    }

    fn end(lines: &[&str], ending: ProcessEnd) -> Result<Value> {
        let mut conversation = Conversation::with(Program { who: "the worker".to_owned(), advice: "build both" });
        lines.iter().for_each(|line| drop(conversation.line(line)));
        conversation.heard("OMP: Error #100");
        conversation.end(Some(ending))
    }

    #[test]
    fn each_way_to_end_has_its_own_cause() {
        let good = hello(|_| {});
        let failed = serde_json::to_string(&Event::Failed { error: Error::disk("full") }).unwrap();
        for (lines, ending, cause) in [
            (vec![good.as_str()], ProcessEnd::Signal(11), Cause::WorkerSignal { signal: 11 }),
            (vec![&good], ProcessEnd::Exit(3), Cause::WorkerExit { code: 3 }),
            (vec![&hello(|h| h.source = "0".into())], ProcessEnd::Exit(0), Cause::WorkerStale),
            (vec!["Segmentation fault"], ProcessEnd::Exit(0), Cause::WorkerProtocol),
            (vec![&good, &failed], ProcessEnd::Exit(8), Cause::DiskFull),
        ] {
            assert_eq!(end(&lines, ending).unwrap_err().cause(), cause);
        }
    }

    #[test]
    fn each_way_to_end_has_its_own_message() {
        let good = hello(|_| {});
        let done = r#"{"event":"done","result":7,"files":[]}"#;
        assert_eq!(ended(&[&good, r#"{"event":"rank","of":2}"#, done], ProcessEnd::Exit(0)), "7");
        for (lines, ending, says) in [
            (
                vec!["Segmentation fault"],
                ProcessEnd::Exit(0),
                "its first line is not a handshake but \"Segmentation fault\"",
            ),
            (vec![done], ProcessEnd::Exit(0), "its first line is not a handshake"),
            (vec![&hello(|h| h.schema = 9)], ProcessEnd::Exit(0), "it uses protocol 9, this program 3"),
            (
                vec![&hello(|h| h.source = "0".into()), done],
                ProcessEnd::Exit(0),
                "it was built from different source: 0, not",
            ),
            (vec![&good], ProcessEnd::Signal(9), "ended by signal 9 (SIGKILL) before it reported a result"),
            (vec![&good, "rubbish"], ProcessEnd::Exit(0), "ended with exit code 0 before it reported"),
            (vec![], ProcessEnd::Exit(127), "ended with exit code 127"),
        ] {
            let text = ended(&lines, ending);
            assert!(text.contains(says) && text.contains("next: "), "{text}");
        }
        assert!(ended(&[&good, "rubbish"], ProcessEnd::Exit(1)).contains("its last lines: rubbish\n"));
    }
}
