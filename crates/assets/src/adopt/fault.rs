//! Why a file is not the one that it was taken for.

use crate::known::KnownFile;

/// What is wrong with a file.
pub(super) struct Fault {
    pub why: String,
    /// The asset that it is instead, where that is known.
    pub is: Option<String>,
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { why, is: None }
    }
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<&KnownFile> for Fault {
    fn from(file: &KnownFile) -> Self {
        Self { why: file.sentence(), is: Some(file.name.clone()) }
    }
}
