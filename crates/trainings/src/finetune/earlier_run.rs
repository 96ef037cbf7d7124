//! Whether a fine-tuning run has ended before.

use super::identity::options;
use super::settings::Settings;
use crate::outcome::Outcome;
use crate::resume;
use crate::snapshot::Identity;
use base::error::Result;

/// The outcome of the run that these settings describe, where it has ended: known before data and weights are read, of which
/// nothing is compared.
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
    resume::refuse_finished(&settings.output, &settings.snapshots, &options(settings))
}
