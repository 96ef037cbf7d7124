//! What a worker's lines mean, wherever it runs: who it is, what it says, and how it ended.

use std::collections::VecDeque;

use serde_json::Value;

use super::request::SOURCE;
use base::cause::Cause;
use base::error::{Error, Result};
use base::signals;
use protocol::{Event, Hello, SCHEMA};

/// Lines of stderr that are kept to say how a worker ended.
const KEPT: usize = 12;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
}

/// Who is heard.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    /// In words, such as `the worker /usr/local/bin/repro-worker`.
    pub who: String,
    /// What puts one in its place that fits.
    pub replace: &'static str,
}

/// A conversation with a worker.
#[derive(Debug)]
pub(crate) struct Talk {
    speaker: Speaker,
    hello: Option<Hello>,
    last: Option<Event>,
    /// Why nothing that it says is believed.
    refused: Option<Error>,
    /// The end of its stderr, and what was no event.
    said: VecDeque<String>,
}

impl Talk {
    /// Begins one.
    pub(crate) fn with(speaker: Speaker) -> Self {
        Self { speaker, hello: None, last: None, refused: None, said: VecDeque::new() }
    }

    /// Hears a line of events; what a person or a stage should hear of it.
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
                let why = format!("its first line is not who it is, but {:?}", shortened(text));
                self.refused = Some(self.refusal(why, Cause::WorkerProtocol));
                None
            }
        }
    }

    fn refusal(&self, why: String, cause: Cause) -> Error {
        Error::infra(format!("{} does not belong to this program", self.speaker.who))
            .because(why)
            .next(self.speaker.replace)
            .with_cause(cause)
    }

    /// Hears a line of its stderr.
    pub(crate) fn heard(&mut self, text: &str) {
        self.keep(text);
    }

    fn keep(&mut self, text: &str) {
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        self.said.push_back(text.to_owned());
    }

    /// Whether it makes no sense to hear more.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Who it said it was, where that fits.
    pub(crate) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref().filter(|_| self.refused.is_none())
    }

    /// The end of what it said beside events.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.said.iter().cloned().collect()
    }

    /// Its own error, or why it is not believed: what counts more than how it ended.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        match self.last.take_if(|last| matches!(last, Event::Failed { .. })) {
            Some(Event::Failed { error }) if self.refused.is_none() => Some(error),
            _ => self.refused.take(),
        }
    }

    /// The result.
    ///
    /// # Errors
    /// Its own; infra that says how it ended where it did not say so itself.
    pub(crate) fn end(self, ending: Option<Ending>) -> Result<Value> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        match self.last {
            Some(Event::Done { result, .. }) => return Ok(result),
            Some(Event::Failed { error }) => return Err(error),
            _ => {}
        }
        // What a signal to both ended needs no explanation.
        signals::check()?;
        let (how, cause) = match ending {
            Some(Ending::Signal(signal)) => {
                (format!("ended by signal {signal}{}", named(signal)), Cause::WorkerSignal { signal })
            }
            Some(Ending::Exit(code)) => (format!("ended with exit code {code}"), Cause::WorkerExit { code }),
            None => ("stopped speaking".to_owned(), Cause::WorkerProtocol),
        };
        let what = format!("{} {how} without saying that it was done", self.speaker.who);
        let mut error = Error::infra(what).with_cause(cause);
        if !self.said.is_empty() {
            error = error.because(format!("the last that it said: {}", self.last_lines().join("\n")));
        }
        Err(match ending {
            Some(Ending::Signal(libc::SIGKILL)) => error.next(
                "the system kills programs that take more memory than there is: look at `dmesg`, take a smaller --batch-size; a \
                 training goes on with --resume",
            ),
            // It may be no worker at all, or libtorch is not where it was.
            _ if self.hello.is_none() => error.next(self.speaker.replace),
            _ => error.next("run it again; a training goes on with --resume. If it happens again, please report it"),
        })
    }
}

/// Why a worker cannot work with this program; `None` if it can.
fn misfit(hello: &Hello) -> Option<String> {
    let commit = hello.commit.as_deref().map_or_else(String::new, |commit| format!(" (commit {commit})"));
    if hello.schema != SCHEMA {
        let (other, program) = (hello.schema, &hello.program);
        return Some(format!("it speaks edition {other}, this program edition {SCHEMA}; it is {program}{commit}"));
    }
    (hello.source != SOURCE).then(|| format!("it was built from other source: {}, not {SOURCE}{commit}", hello.source))
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

    fn ended(lines: &[&str], ending: Ending) -> String {
        end(lines, ending).map_or_else(|error| error.to_string(), |result| result.to_string())
    }

    fn end(lines: &[&str], ending: Ending) -> Result<Value> {
        let mut talk = Talk::with(Speaker { who: "the worker".to_owned(), replace: "build both" });
        lines.iter().for_each(|line| drop(talk.line(line)));
        talk.heard("OMP: Error #100");
        talk.end(Some(ending))
    }

    #[test]
    fn each_way_to_end_has_its_cause() {
        let good = hello(|_| {});
        let failed = serde_json::to_string(&Event::Failed { error: Error::disk("full") }).unwrap();
        for (lines, ending, cause) in [
            (vec![good.as_str()], Ending::Signal(11), Cause::WorkerSignal { signal: 11 }),
            (vec![&good], Ending::Exit(3), Cause::WorkerExit { code: 3 }),
            (vec![&hello(|h| h.source = "0".into())], Ending::Exit(0), Cause::WorkerStale),
            (vec!["Segmentation fault"], Ending::Exit(0), Cause::WorkerProtocol),
            (vec![&good, &failed], Ending::Exit(8), Cause::DiskFull),
        ] {
            assert_eq!(end(&lines, ending).unwrap_err().cause(), cause);
        }
    }

    #[test]
    fn each_way_to_end_has_its_name() {
        let good = hello(|_| {});
        let done = r#"{"event":"done","result":7,"files":[]}"#;
        assert_eq!(ended(&[&good, r#"{"event":"rank","of":2}"#, done], Ending::Exit(0)), "7");
        for (lines, ending, says) in [
            (
                vec!["Segmentation fault"],
                Ending::Exit(0),
                "its first line is not who it is, but \"Segmentation fault\"",
            ),
            (vec![done], Ending::Exit(0), "its first line is not who it is"),
            (vec![&hello(|h| h.schema = 9)], Ending::Exit(0), "it speaks edition 9, this program edition 3"),
            (vec![&hello(|h| h.source = "0".into()), done], Ending::Exit(0), "it was built from other source: 0, not"),
            (vec![&good], Ending::Signal(9), "ended by signal 9 (SIGKILL) without saying that it was done"),
            (vec![&good, "rubbish"], Ending::Exit(0), "ended with exit code 0 without saying"),
            (vec![], Ending::Exit(127), "ended with exit code 127"),
        ] {
            let text = ended(&lines, ending);
            assert!(text.contains(says) && text.contains("next: "), "{text}");
        }
        assert!(ended(&[&good, "rubbish"], Ending::Exit(1)).contains("the last that it said: rubbish\n"));
    }
}
