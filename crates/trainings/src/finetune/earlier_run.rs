//! Whether a fine-tuning run has ended before.

use super::identity::{of_settings, options};
use super::settings::Settings;
use crate::outcome::Outcome;
use crate::resume;
use base::error::Result;

/// The outcome of the run that these settings describe, where it has ended: known before data and weights are read, of which
/// nothing is compared.
///
/// # Errors
/// Usage where the run that has ended there had other settings.
pub fn finished(settings: &Settings) -> Result<Option<Outcome>> {
    resume::ended(&settings.output, &settings.snapshots, &of_settings(settings))
}

/// Refuses, before data are read, to train over what is finished in the output folder.
///
/// # Errors
/// As [`resume::refuse_finished`].
pub fn refuse_finished(settings: &Settings) -> Result<()> {
    resume::refuse_finished(&settings.output, &settings.snapshots, &options(settings))
}
