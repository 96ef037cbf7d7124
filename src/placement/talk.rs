//! What a worker's lines mean, wherever it runs: who it is, what it says, and how it ended.

use std::collections::VecDeque;

use base::error::{Error, Result};
use base::signals;
use protocol::{Event, Hello, SCHEMA};
use serde_json::Value;

/// Lines of stderr that are kept to say how a worker ended.
const KEPT: usize = 12;
/// From what a worker must be built to work with this program.
pub const SOURCE: &str = env!("REPRO_WORKER_SOURCE");

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
}

/// A conversation with a worker.
#[derive(Debug, Default)]
pub struct Talk {
    hello: Option<Hello>,
    last: Option<Event>,
    /// Why nothing that it says is believed.
    refused: Option<Error>,
    /// The end of its stderr, and what was no event.
    said: VecDeque<String>,
}

impl Talk {
    /// Hears a line of events; what a person or a stage should hear of it.
    pub fn line(&mut self, text: &str) -> Option<Event> {
        if self.refused.is_some() {
            return None;
        }
        match (Event::parse(text), &self.hello) {
            (Some(Event::Hello(hello)), None) => {
                self.refused = fits(&hello).err();
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
                self.refused = Some(rebuilt(
                    Error::infra("the worker is no repro-worker of this edition")
                        .because(format!("its first line is not who it is, but {:?}", shortened(text))),
                ));
                None
            }
        }
    }

    /// Hears a line of its stderr.
    pub fn heard(&mut self, text: &str) {
        self.keep(text);
    }

    fn keep(&mut self, text: &str) {
        if self.said.len() == KEPT {
            self.said.pop_front();
        }
        self.said.push_back(text.to_owned());
    }

    /// Whether it makes no sense to hear more.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Who it said it was.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// The result.
    ///
    /// # Errors
    /// Its own; infra that says how it ended where it did not say so itself.
    pub fn end(self, ending: Option<Ending>) -> Result<Value> {
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
        let how = match ending {
            Some(Ending::Signal(signal)) => format!("ended by signal {signal}{}", named(signal)),
            Some(Ending::Exit(code)) => format!("ended with exit code {code}"),
            None => "stopped speaking".to_owned(),
        };
        let mut error = Error::infra(format!("the worker {how} without saying that it was done"));
        if !self.said.is_empty() {
            error = error.because(format!(
                "the last that it said: {}",
                self.said.iter().cloned().collect::<Vec<_>>().join("\n")
            ));
        }
        Err(match ending {
            Some(Ending::Signal(libc::SIGKILL)) => error.next(
                "the system kills programs that take more memory than there is: look at `dmesg`, take a smaller --batch-size; a \
                 training goes on with --resume",
            ),
            _ => error.next("run it again; a training goes on with --resume. If it happens again, please report it"),
        })
    }
}

/// Adds what makes both programs fit.
pub fn rebuilt(error: Error) -> Error {
    error.next(
        "build both programs from one source: ci/repro in its folder does it, ci/install PREFIX for installed ones, \
         `repro images build train` for the training image",
    )
}

fn fits(hello: &Hello) -> Result<()> {
    let wrong = |what: String| {
        let commit = hello.commit.as_deref().map_or_else(String::new, |commit| format!(" (commit {commit})"));
        Err(rebuilt(Error::infra("the worker does not belong to this program").because(format!("{what}{commit}"))))
    };
    if hello.schema != SCHEMA {
        return wrong(format!(
            "it speaks edition {}, this program edition {SCHEMA}; it is {}",
            hello.schema, hello.program
        ));
    }
    if hello.source != SOURCE {
        return wrong(format!("it was built from other source: {}, not {SOURCE}", hello.source));
    }
    Ok(())
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
        let mut talk = Talk::default();
        lines.iter().for_each(|line| drop(talk.line(line)));
        talk.heard("OMP: Error #100");
        match talk.end(Some(ending)) {
            Ok(result) => result.to_string(),
            Err(error) => error.to_string(),
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
            (vec![&hello(|h| h.schema = 9)], Ending::Exit(0), "it speaks edition 9, this program edition 2"),
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
