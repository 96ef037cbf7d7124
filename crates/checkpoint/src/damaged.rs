//! What is said of content that contradicts itself.

use base::error::Error;

/// An error about content that contradicts itself.
pub(crate) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::data(what).next("the file is damaged: fetch or write it again")
}
