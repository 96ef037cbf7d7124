//! Results on standard output.
//!
//! Work goes on where a result cannot be printed; the command then ends with an error ([`check`]). A reader that has gone away
//! (`repro … | head`) is no error.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// Why the first result that could not be printed was not.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints a text as it stands.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    keep(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Remembers a failure to print for [`check`].
pub fn keep(printed: std::io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        UNWRITTEN.get_or_init(|| error.to_string());
    }
}

/// Whether everything so far was printed.
///
/// # Errors
/// Infra where something was not.
pub fn check() -> Result<()> {
    let unwritten = UNWRITTEN.get().map(|why| Error::infra("cannot write to standard output").because(why));
    unwritten.map_or(Ok(()), |error| {
        Err(error.next("see where it leads: to a full disk, or to a file that may not be written"))
    })
}
