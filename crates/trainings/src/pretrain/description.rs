//! What a file of pre-trained weights says about its model.

use std::path::Path;

use serde::{Deserialize, Serialize};

use base::error::Result;
use lxmert_spec::Config;
use lxmert_spec::description::{PRETRAINING, read_description};
use lxmert_spec::pretrain_tasks::PretrainTasks;

/// What a file of pre-trained weights says about its model, so that it can be used without repeating options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PretrainedDescription {
    /// All sizes.
    pub config: Config,
    /// Answers of the answer head.
    pub answers: usize,
    /// The question sets that they are of; all of the table where absent.
    pub qa_sets: Option<Vec<String>>,
    /// What it was trained on. Heads of other tasks are not in the file, as in the original.
    pub tasks: PretrainTasks,
}

/// The description in a file of weights, if it is a pre-trained model of ours.
///
/// # Errors
/// Where the file cannot be read or describes its model in another way.
pub fn describe(path: &Path) -> Result<Option<PretrainedDescription>> {
    read_description(path, PRETRAINING)
}
