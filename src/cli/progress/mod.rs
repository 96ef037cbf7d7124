//! What a person sees while work goes on: the only place that draws bars. They stand on stderr where that is a terminal.
//!
//! - [`worker`]: what a worker says;
//! - [`assets`]: files that are fetched, verified and prepared;
//! - [`pull`]: an image that is pulled;
//! - [`reading`]: feature files that this program reads;
//! - [`extraction`]: images whose features are made.

pub mod assets;
pub mod extraction;
pub mod pull;
pub mod reading;
mod style;
pub mod worker;
