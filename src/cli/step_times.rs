//! The measured speeds in this user's cache folder: `repro bench train` keeps them, plans read them.

use serde_json::Value;

use crate::placement::Host;
use crate::step_times::{self, KeptSteps, StepTime};
use base::error::{Error, Result};
use base::host::cache_folder;
use base::status;

/// Returns the kept measurements, and prints a note if some are ignored.
pub(crate) fn kept() -> KeptSteps {
    let kept = cache_folder().map(|folder| step_times::read(&folder)).unwrap_or_default();
    if let Some(note) = &kept.note {
        status!("note: {note}");
    }
    kept
}

/// Keeps the report of `repro bench train` on this machine if it measured the paper's sizes. A failure is a note: the report is what
/// was asked for.
pub(crate) fn keep(report: &Value, device: &str) {
    match try_to_keep(report, device) {
        Ok(Some(path)) => status!("note: kept for estimates of hours, in {path}"),
        Ok(None) => status!("note: not kept for estimates of hours: other sizes than the paper's were measured"),
        Err(error) => status!("note: not kept for estimates of hours: {}", error.what()),
    }
}

/// Returns the path of the file; `None` if other sizes were measured.
fn try_to_keep(report: &Value, device: &str) -> Result<Option<String>> {
    // The device is asked for its name only if the rest is right.
    if StepTime::of_report(report, device).is_none() {
        return Ok(None);
    }
    let folder = cache_folder().ok_or_else(|| Error::infra("no variable names a cache folder"))?;
    let step = StepTime::of_report(report, &Host.device(device)?.described);
    step.map(|step| Ok(step_times::keep(&folder, step)?.display().to_string())).transpose()
}
