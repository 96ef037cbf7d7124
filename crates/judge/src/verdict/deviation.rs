//! How a run deviates from what its golden file asks of a run.

use serde::{Deserialize, Serialize};

/// A reason why a run does not count: it deviates from the protocol of a golden file, or has no result. Files hold the sentence
/// only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Deviation {
    /// The reason in a sentence.
    pub what: String,
    /// What to do about it, if there is more to say than for any such run.
    pub next: Option<String>,
}

impl Deviation {
    /// Returns a deviation with advice.
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
