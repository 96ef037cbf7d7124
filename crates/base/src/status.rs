//! Status lines and warnings on stderr.
//!
//! A failure to write them (a closed pipe, a full disk) is ignored: it changes neither what the program does nor its exit code.
//! `eprintln!` would panic instead. Messages may quote files and other programs, so they are sanitized ([`crate::sanitize`]).
//!
//! [`set_volume`] decides once how much is written: quiet leaves warnings and errors, verbose adds details.

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::sanitize;

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Warnings and errors only.
    Quiet,
    /// Also notes and progress.
    Normal,
    /// Also details.
    Verbose,
}

static VOLUME: AtomicU8 = AtomicU8::new(Volume::Normal as u8);

/// Sets how much is written from now on.
pub fn set_volume(volume: Volume) {
    VOLUME.store(volume as u8, Ordering::Relaxed);
}

/// Returns how much is written.
pub fn volume() -> Volume {
    match VOLUME.load(Ordering::Relaxed) {
        0 => Volume::Quiet,
        1 => Volume::Normal,
        _ => Volume::Verbose,
    }
}

/// Writes one or more lines to stderr; formats like `eprintln!`. When quiet, see [`line`](crate::status::line).
#[macro_export]
macro_rules! status {
    ($($words:tt)*) => {
        $crate::status::line(format_args!($($words)*))
    };
}

/// Writes `text` and a line end to stderr in one write; ignores failures. When quiet, writes only a text that begins with `warning`
/// or `error`.
pub fn line(text: impl Display) {
    let text = text.to_string();
    if is_written(&text, volume()) {
        always(text);
    }
}

/// Like [`line()`], but writes also when quiet: for what stops a command or answers a signal.
pub fn always(text: impl Display) {
    let text = sanitize::lines(&text.to_string()) + "\n";
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Like [`line()`], but writes only when verbose.
pub fn detail(text: impl Display) {
    if volume() == Volume::Verbose {
        always(text);
    }
}

/// Writes `text` to stderr without a line end, for a question; ignores failures.
pub fn prompt(text: impl Display) {
    let _ = std::io::stderr().lock().write_all(sanitize::lines(&text.to_string()).as_bytes());
}

fn is_written(text: &str, volume: Volume) -> bool {
    volume > Volume::Quiet || ["warning", "error"].iter().any(|word| text.trim_start().starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_leaves_warnings_and_errors() {
        let is_written_quietly = |text| is_written(text, Volume::Quiet);
        assert!(is_written_quietly("warning: old") && is_written_quietly("\nerror: no"));
        assert!(!is_written_quietly("note: yes") && !is_written_quietly("train: step 3 of 9, error 0.1"));
        assert!(is_written("note: yes", Volume::Normal));
    }
}
