//! The files of a run: what went in and what came out.

use serde::{Deserialize, Serialize};

/// What went into a run and what came out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Provenance {
    /// Files from outside.
    pub inputs: Vec<FileRecord>,
    /// Published files that the results rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetRecord>,
    /// Files of the stages.
    pub outputs: Vec<StageOutputs>,
}

/// A published file with what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AssetRecord {
    /// Its name in the manifest.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: String,
    /// How much stands behind that checksum: `unpinned`, `pinned`, `corroborated`, `published`.
    pub trust: String,
    /// The results that rest on it.
    pub used_by: Vec<String>,
}

/// A file with its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileRecord {
    /// Its name within what it belongs to.
    pub name: String,
    /// Size; absent where it differs from run to run (a file that holds times).
    pub bytes: Option<u64>,
    /// SHA-256 of the content; absent likewise.
    pub sha256: Option<String>,
}

/// The outputs of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StageOutputs {
    /// The stage.
    pub stage: String,
    /// Number of files.
    pub files: usize,
    /// Bytes of those that do not differ from run to run.
    pub bytes: u64,
    /// SHA-256 over names and hashes of those.
    pub sha256: String,
    /// The largest few; a stage may write thousands.
    pub largest: Vec<FileRecord>,
}
