//! What there is and what a fetch would do: a page for people, and JSON for scripts. Asks no network and reads no file but
//! the receipts that [`plan`](super::plan) has read.

mod entry;
mod forecast;
mod json;
mod page;
mod table;
#[cfg(test)]
mod tests;
mod words;

use entry::WIDTH;

pub use forecast::{Forecast, forecast};
pub use json::{forecast_json, list_json};
pub use page::page;
pub use table::paragraph;
pub use words::groups;
