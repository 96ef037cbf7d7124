//! `repro --version --verbose`: what this program was built from, and the worker that belongs to it.

use std::ffi::OsString;
use std::fmt::Write;

use crate::placement::{Host, SOURCE, worker_program};
use base::error::{Error, Result};
use base::versions;
use protocol::{Hello, SCHEMA};

/// Whether a command line, the program's name first, asks for it.
pub(super) fn is_asked(line: &[OsString]) -> bool {
    let words: Vec<&str> = line.iter().skip(1).filter_map(|word| word.to_str()).collect();
    matches!(words[..], ["--version" | "-V", "--verbose"] | ["--verbose", "--version" | "-V"])
}

/// The text: a line for each fact. A worker that is not there, or does not fit, is a fact too.
pub(super) fn text() -> String {
    let mut text = format!("repro {}\n", versions::PROGRAM);
    let _ = writeln!(text, "commit: {}", versions::commit().unwrap_or("unknown"));
    let _ = writeln!(text, "protocol: {SCHEMA}\nsource: {SOURCE}");
    match worker() {
        Ok((path, hello)) => {
            let _ = writeln!(text, "worker: {path}");
            for (name, version) in &hello.versions {
                let _ = writeln!(text, "{name}: {version}");
            }
            let _ = write!(text, "cuda: {}\ngpus: {}", if hello.cuda { "yes" } else { "no" }, hello.gpus);
        }
        Err(error) => {
            let _ = write!(text, "worker: none: {}", in_a_line(&error));
        }
    }
    text
}

fn worker() -> Result<(String, Hello)> {
    let path = worker_program::find()?;
    Ok((path.display().to_string(), Host.hello()?))
}

fn in_a_line(error: &Error) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_by_two_words_alone() {
        let asked = |line: &str| is_asked(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(asked("repro --version --verbose") && asked("repro --verbose -V"));
        assert!(!asked("repro --version") && !asked("repro doctor --version --verbose"));
    }
}
