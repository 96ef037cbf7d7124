//! Whether a pre-training run has ended before.

use super::identity::options;
use super::settings::{Outcome, Settings};
use crate::resume;
use crate::snapshot::Identity;
use base::error::Result;

/// As [`crate::finetune::finished`].
///
/// # Errors
/// Usage where the run that has ended there had other settings.
pub fn finished(settings: &Settings) -> Result<Option<Outcome>> {
    let identity = Identity::of_options(options(settings), settings.vocabulary.as_deref());
    resume::ended(&settings.output, &settings.snapshots, &identity)
}

/// Refuses, before data are read, to train over what is finished in the output folder.
///
/// # Errors
/// As [`resume::refuse_finished`].
pub fn refuse_finished(settings: &Settings) -> Result<()> {
    let mut options = options(settings);
    // Only the answer table tells how many there are.
    options.remove("answers");
    resume::refuse_finished(&settings.output, &settings.snapshots, &options)
}
