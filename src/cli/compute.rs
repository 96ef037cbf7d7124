//! Has a worker do what a command asks for, and shows what it says.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::progress::worker::Display;
use crate::pipeline::workers::Watchers;
use crate::placement::{Placement, WorkerJob};
use base::error::Result;
use base::progress::Observer;

/// Does the work; its result.
///
/// # Errors
/// Those of the work.
pub(crate) fn compute<T: DeserializeOwned>(placement: &Placement, asked: &WorkerJob) -> Result<T> {
    let display = Display::new();
    let result = placement.run(asked, &mut |event| display.event(&event))?;
    drop(display);
    asked.read(result)
}

/// Shows how the work of each stage goes.
pub(crate) fn watchers() -> Watchers {
    Rc::new(|| Box::new(Display::new()))
}
