//! The description of a pre-trained model, which is stored in its weights file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use base::error::Result;
use lxmert_spec::Config;
use lxmert_spec::description::{PRETRAINING, read_description};
use lxmert_spec::pretrain_tasks::PretrainTasks;

/// The sizes, answers and tasks of a pre-trained model, stored in its weights file so that options need not be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainedDescription {
    /// Sizes of the model.
    pub config: Config,
    /// Number of answers of the answer head.
    pub answers: usize,
    /// Question sets whose answers the head has (`--qa-sets`); `None` for the whole answer table.
    pub qa_sets: Option<Vec<String>>,
    /// Tasks that it was trained on. As in the original, heads of other tasks are not in the file.
    pub tasks: PretrainTasks,
}

/// Reads the description from a weights file; `None` if it is not a pre-trained model written by this program.
///
/// # Errors
/// Data if the description cannot be parsed; I/O if the file cannot be read.
pub fn describe(path: &Path) -> Result<Option<PretrainedDescription>> {
    read_description(path, PRETRAINING)
}
