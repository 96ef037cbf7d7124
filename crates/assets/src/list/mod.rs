//! The pages of `repro fetch --list` and `--dry-run`, as text and as JSON. Uses no network and reads no files except the
//! receipts that [`plan`](super::plan) has read.

mod cells;
mod forecast;
mod json;
mod page;
#[cfg(test)]
mod tests;

pub use cells::groups;
pub use forecast::{Forecast, forecast};
pub use json::{forecast_json, list_json};
pub use page::page;
