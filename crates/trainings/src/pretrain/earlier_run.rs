//! Finds an earlier pre-training in the output folder, before data and weights are read.

use super::identity::options;
use super::settings::{PretrainOutcome, PretrainSettings};
use crate::resume;
use crate::snapshot::RunIdentity;
use base::error::Result;

/// Returns the outcome of the run with these settings; `None` if it has not finished. Data and weights are not compared.
///
/// # Errors
/// Usage if the run that finished in the folder had other settings.
pub fn finished_outcome(settings: &PretrainSettings) -> Result<Option<PretrainOutcome>> {
    let identity = RunIdentity::of_options(options(settings), settings.vocabulary.as_deref());
    resume::finished_outcome(&settings.output, &settings.snapshots, &identity)
}

/// Checks that training would not overwrite what is finished in the output folder.
///
/// # Errors
/// Those of [`resume::refuse_finished`].
pub fn refuse_finished(settings: &PretrainSettings) -> Result<()> {
    let mut options = options(settings);
    // Unknown before the answer table is read.
    options.remove("answers");
    resume::refuse_finished(&settings.output, &settings.snapshots, &options)
}
