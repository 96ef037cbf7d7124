//! Handles signals for a command, and builds the command line that resumes an interrupted run.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

use base::error::Result;
use base::error::{Error, Kind};
use base::signals::{self, SignalReporter};
use base::status::always;

/// Starts to listen for signals.
///
/// # Errors
/// Infra if the system refuses; interrupted if a signal has arrived already.
pub(super) fn listen() -> Result<()> {
    Ok(signals::listen(SignalReporter { say, end: |error| say(&error.to_string()) })?)
}

fn say(line: &str) {
    match stderr().is_terminal() {
        // A progress bar, or the ^C that the terminal shows, may stand on the line.
        true => always(format_args!("\n{line}")),
        false => always(line),
    }
}

/// The command line to resume if it is not the one that was typed; see [`set_resume_words`].
static RESUME_WORDS: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Makes `words` the command line to resume, in place of the typed one.
pub(super) fn set_resume_words(words: &[String]) {
    *RESUME_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_vec());
}

/// Returns the command line that resumes the run that this one started, quoted for a shell.
pub(super) fn resume_command() -> String {
    let mut given = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = given.next().unwrap_or_else(|| "repro".to_owned());
    let words = RESUME_WORDS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    resuming(&program, words.unwrap_or_else(|| given.collect()))
}

fn resuming(program: &str, words: Vec<String>) -> String {
    const RESUME: &str = "--resume";
    let mut words: Vec<String> = words.into_iter().filter(|word| word != "--restart").collect();
    if !words.iter().any(|word| word == RESUME) {
        words.push(RESUME.to_owned());
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("{} {}", quoted(program), words.join(" "))
}

/// Adds the resume command to the error of a run that a signal stopped. Returns other errors unchanged, as well as interruptions
/// before the run began, which have no advice: there is nothing to resume.
pub(super) fn with_resume_command(error: Error) -> Error {
    match error.kind() {
        Kind::Interrupted if error.advice().is_some() => {
            Error::interrupted(format!("{}; resume with: {}", error.what(), resume_command()))
        }
        _ => error,
    }
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_command_line_resumes_whatever_a_shell_makes_of_its_words() {
        let resumed = |line: &[&str]| resuming("repro", line.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(resumed(&["train", "vqa", "--lr", "1e-3"]), "repro train vqa --lr 1e-3 --resume");
        assert_eq!(resumed(&["train", "--resume", "vqa"]), "repro train --resume vqa");
        assert_eq!(resumed(&["train", "--restart", "vqa", "--valid", ""]), "repro train vqa --valid '' --resume");
        let odd = ["train", "vqa", "--output", "it's $HOME; rm *"];
        assert_eq!(resumed(&odd), r"repro train vqa --output 'it'\''s $HOME; rm *' --resume");
    }
}
