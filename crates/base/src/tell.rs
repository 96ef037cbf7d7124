//! What a person is told on stderr.
//!
//! Nobody need be listening: the reader of a pipe may have gone, the disk below a log may be full. That changes neither what the
//! program does nor its exit code, so a failure to write is ignored; `eprintln!` would panic instead. What is told may quote files
//! and other programs: control characters come out visible (`crate::plain`), so that they cannot steer a terminal.

use std::fmt::Display;
use std::io::Write;

use crate::plain;

/// Writes a line to stderr, or lines; formats as `eprintln!` does.
#[macro_export]
macro_rules! tell {
    ($($words:tt)*) => {
        $crate::tell::line(format_args!($($words)*))
    };
}

/// Writes `text` and a line end to stderr in one piece, or not.
pub fn line(text: impl Display) {
    let text = plain::lines(&text.to_string()) + "\n";
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
