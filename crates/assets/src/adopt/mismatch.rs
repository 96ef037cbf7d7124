//! Why a file is not the expected asset.

use crate::known_files::KnownFile;

/// The reason why a file is not the expected asset.
pub(super) struct Mismatch {
    pub why: String,
    /// Name of the asset that it is instead, if known.
    pub actual: Option<String>,
}

impl From<String> for Mismatch {
    fn from(why: String) -> Self {
        Self { why, actual: None }
    }
}

impl From<&str> for Mismatch {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<&KnownFile> for Mismatch {
    fn from(file: &KnownFile) -> Self {
        Self { why: file.sentence(), actual: Some(file.name.clone()) }
    }
}
