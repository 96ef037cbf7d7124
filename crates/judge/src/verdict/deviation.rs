//! How a run deviates from what its golden file asks of a run.

use serde::{Deserialize, Serialize};

/// A deviation from the protocol of a golden file, or the lack of a result: what keeps a run from counting. In files it is its
/// sentence alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Deviation {
    /// In a sentence.
    pub what: String,
    /// What a person does about it, if more can be said than of any such run.
    pub next: Option<String>,
}

impl Deviation {
    /// Returns a deviation with what a person does about it.
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: Some(next.into()) }
    }
}

impl From<String> for Deviation {
    fn from(what: String) -> Self {
        Self { what, next: None }
    }
}

impl From<&str> for Deviation {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}

impl From<Deviation> for String {
    fn from(deviation: Deviation) -> Self {
        deviation.what
    }
}
