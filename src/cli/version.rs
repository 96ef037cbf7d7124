//! `repro --version --verbose`: prints the versions of this program, its worker and its libraries.

use std::ffi::OsString;
use std::fmt::Write;

use crate::placement::{Host, SOURCE, worker_program};
use base::error::{Error, Result};
use base::versions;
use protocol::{Hello, SCHEMA};

/// Returns whether a command line, beginning with the program's name, is `--version --verbose`.
pub(super) fn is_requested(line: &[OsString]) -> bool {
    let words: Vec<&str> = line.iter().skip(1).filter_map(|word| word.to_str()).collect();
    matches!(words[..], ["--version" | "-V", "--verbose"] | ["--verbose", "--version" | "-V"])
}

/// Returns a line for each fact. A worker that is missing or does not match is a fact too.
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
    fn only_these_two_words_request_it() {
        let requested = |line: &str| is_requested(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(requested("repro --version --verbose") && requested("repro --verbose -V"));
        assert!(!requested("repro --version") && !requested("repro doctor --version --verbose"));
    }
}
