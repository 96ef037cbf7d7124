//! Prints results on stdout.

use base::error::{Error, Result};
use base::stdout;

/// Returns a result as indented JSON.
pub(crate) fn pretty(value: &serde_json::Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::bug("cannot write JSON").because(error))
}

/// Prints a result with a line end.
///
/// # Errors
/// Infra if stdout cannot be written; a closed pipe is no error.
pub(crate) fn print_line(text: impl AsRef<str>) -> Result<()> {
    stdout::line(text.as_ref());
    stdout::check()
}
