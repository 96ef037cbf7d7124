//! Status lines and warnings on stderr.
//!
//! A failure to write them (a closed pipe, a full disk) is ignored: it changes neither what the program does nor its exit code.
//! `eprintln!` would panic instead. Messages may quote files and other programs, so they are sanitized ([`crate::sanitize`]).

use std::fmt::Display;
use std::io::Write;

use crate::sanitize;

/// Writes one or more lines to stderr; formats like `eprintln!`.
#[macro_export]
macro_rules! status {
    ($($words:tt)*) => {
        $crate::status::line(format_args!($($words)*))
    };
}

/// Writes `text` to stderr without a line end, for a question; ignores failures.
pub fn prompt(text: impl Display) {
    let _ = std::io::stderr().lock().write_all(sanitize::lines(&text.to_string()).as_bytes());
}

/// Writes `text` and a line end to stderr in one write; ignores failures.
pub fn line(text: impl Display) {
    let text = sanitize::lines(&text.to_string()) + "\n";
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
