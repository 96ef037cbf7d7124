//! Runs a job in a worker, and shows its events on stderr and stdout.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::progress::worker::WorkerDisplay;
use crate::pipeline::workers::Watchers;
use crate::placement::{Placement, WorkerJob};
use base::error::Result;
use base::progress::Observer;

/// Runs a job in a worker and returns its result.
///
/// # Errors
/// Those of the job.
pub(crate) fn run_worker<T: DeserializeOwned>(placement: &Placement, job: &WorkerJob) -> Result<T> {
    let display = WorkerDisplay::new();
    let result = placement.run(job, &mut |event| display.event(&event))?;
    drop(display);
    job.read(result)
}

/// Returns a factory of displays, one for the worker of each stage.
pub(crate) fn watchers() -> Watchers {
    Rc::new(|| Box::new(WorkerDisplay::new()))
}
