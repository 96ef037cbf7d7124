//! What there is and what a fetch would do: a page for people, and JSON for scripts. Asks no network and reads no file but
//! the receipts that [`plan`](super::plan) has read.

mod forecast;
mod json;
mod page;
#[cfg(test)]
mod tests;
mod words;

pub use forecast::{Forecast, forecast};
pub use json::{forecast_json, list_json};
pub use page::page;
pub use words::groups;
