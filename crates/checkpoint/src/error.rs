//! The error for damaged files.

use base::error::Error;

/// Returns the error for content that is inconsistent, with the advice to get the file again.
pub(crate) fn damage_error(what: impl std::fmt::Display) -> Error {
    Error::data(what).next("the file is damaged: download or write it again")
}
