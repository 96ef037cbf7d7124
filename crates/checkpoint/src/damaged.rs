//! The error for content that contradicts itself.

use base::error::Error;

/// Returns the error for content that contradicts itself.
pub(crate) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::data(what).next("the file is damaged: fetch or write it again")
}
