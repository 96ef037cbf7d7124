//! How a command hears signals, and how it says what resumes it.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};

use base::error::Result;
use base::error::{Error, Kind};
use base::signals::{self, SignalReporter};
use base::status::always;

/// Hears signals from now on.
///
/// # Errors
/// Where the system does not let it; interrupted where a signal has come already.
pub(super) fn hear() -> Result<()> {
    Ok(signals::listen(SignalReporter { say, end: |error| say(&error.to_string()) })?)
}

fn say(line: &str) {
    match stderr().is_terminal() {
        // A progress bar, or the ^C that the terminal shows, may stand on the line.
        true => always(format_args!("\n{line}")),
        false => always(line),
    }
}

/// The command that is run for one that was given; see [`stand_for_the_given`].
static STANDS_FOR: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Makes `words` the command line to resume, in place of the one that was given.
pub(super) fn stand_for_the_given(words: &[String]) {
    *STANDS_FOR.lock().unwrap_or_else(PoisonError::into_inner) = Some(words.to_vec());
}

/// The command line that resumes what this one began, as a shell takes it.
pub(super) fn to_resume() -> String {
    let mut given = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = given.next().unwrap_or_else(|| "repro".to_owned());
    let stands = STANDS_FOR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    resuming(&program, stands.unwrap_or_else(|| given.collect()))
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

/// The error of a run that a signal stopped after it had begun, in one line with the command that resumes it. Others stay as they
/// are: before that, there is nothing to resume and no advice to do so.
pub(super) fn resumable(error: Error) -> Error {
    match error.kind() {
        Kind::Interrupted if error.advice().is_some() => {
            Error::interrupted(format!("{}; resume with: {}", error.what(), to_resume()))
        }
        _ => error,
    }
}

/// A word as a shell takes it.
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
