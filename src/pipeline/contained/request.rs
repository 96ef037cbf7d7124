//! What this program asks the same program in an image to do: a stage, as a file. It answers in events.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pipeline::plan::Input;

/// A stage to be run. Paths are absolute and the same on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageRequest {
    /// [`protocol::SCHEMA`].
    pub schema: u32,
    /// Whose stage it is.
    pub profile: String,
    /// The stage.
    pub stage: String,
    /// Its parameters.
    pub parameters: Value,
    /// What it may read of earlier stages and from outside.
    pub inputs: Vec<Input>,
    /// The folder to fill.
    pub folder: PathBuf,
    /// Folders of the earlier stages that it may read.
    pub stage_folders: BTreeMap<String, PathBuf>,
}
