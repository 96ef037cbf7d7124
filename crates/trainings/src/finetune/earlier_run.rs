//! Whether a fine-tuning run has ended before.

use super::identity::{of_settings, options};
use super::settings::Settings;
use crate::begin;
use crate::outcome::Outcome;
use base::error::Result;

/// The outcome of the run that these settings describe, where it has ended: known before data and weights are read, of which
/// nothing is compared.
///
/// # Errors
/// Usage where the run that has ended there had other settings.
pub fn finished(settings: &Settings) -> Result<Option<Outcome>> {
    begin::ended(&settings.output, &settings.snapshots, &of_settings(settings))
}

/// Refuses, before data are read, to train over what is finished in the output folder.
///
/// # Errors
/// As [`begin::refuse_finished`].
pub fn refuse_finished(settings: &Settings) -> Result<()> {
    begin::refuse_finished(&settings.output, &settings.snapshots, &options(settings))
}
