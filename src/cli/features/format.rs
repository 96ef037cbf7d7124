//! The formats of the results of `repro features`.

use clap::ValueEnum;
use serde::Serialize;

use base::error::{Error, Result};
use base::sanitize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

impl Format {
    pub(crate) fn write(self, found: &(impl std::fmt::Display + Serialize)) -> Result<String> {
        match self {
            Self::Text => Ok(sanitize::lines(&found.to_string())),
            Self::Json => serde_json::to_string_pretty(found)
                .map_err(|error| Error::bug("cannot write the result as JSON").because(error)),
        }
    }
}
