//! Has a worker do what a command asks for, and shows what it says.

use serde::de::DeserializeOwned;

use super::progress::Display;
use crate::placement::{Asked, Placement};
use base::error::{Error, Result};

/// Name of the file in a training's folder to which the worker appends what it says.
pub const RECORD: &str = "events.jsonl";

/// Does the work; its result.
///
/// # Errors
/// Those of the work.
pub fn compute<T: DeserializeOwned>(placement: &Placement, asked: &Asked) -> Result<T> {
    let mut display = Display::new();
    let result = placement.run(asked, &mut |event| display.hear(&event))?;
    drop(display);
    serde_json::from_value(result)
        .map_err(|e| Error::bug(format!("the result of {} is another", asked.name)).because(e))
}
