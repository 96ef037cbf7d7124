//! The file by which this program asks the same program in an image to run a stage.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pipeline::plan::Input;

/// A stage to run. Paths are absolute and the same inside and outside the container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StageRequest {
    /// [`protocol::SCHEMA`].
    pub schema: u32,
    /// Profile of the stage.
    pub profile: String,
    /// Name of the stage.
    pub stage: String,
    /// Its parameters.
    pub parameters: Value,
    /// What it may read.
    pub inputs: Vec<Input>,
    /// The folder to fill.
    pub folder: PathBuf,
    /// Folders of the earlier stages that it may read, by stage.
    pub stage_folders: BTreeMap<String, PathBuf>,
}
