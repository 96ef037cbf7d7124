//! Writes results to standard output.
//!
//! A result that cannot be printed does not stop the work: the failure is kept, and the command ends with it ([`check`]). A
//! closed pipe (`repro … | head`) is no error.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// The first failure to print.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints text without a line end.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    record(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Records a failure to print for [`check`]. A closed pipe is ignored.
pub fn record(printed: std::io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        UNWRITTEN.get_or_init(|| error.to_string());
    }
}

/// Checks that everything so far was printed.
///
/// # Errors
/// Infra if something was not.
pub fn check() -> Result<()> {
    let unwritten = UNWRITTEN.get().map(|why| Error::infra("cannot write to standard output").because(why));
    unwritten.map_or(Ok(()), |error| {
        Err(error.next("check where the output goes: the disk may be full, or the file read-only"))
    })
}
