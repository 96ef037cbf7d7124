//! What a person sees while work goes on: the only place that draws bars. Everything is on stderr: bars where that is a terminal,
//! elsewhere a line a minute.
//!
//! - [`board`]: tasks at work, whoever tells of them;
//! - [`worker`]: what a worker says;
//! - [`assets`]: files that are fetched, verified and prepared;
//! - [`pull`]: an image that is pulled.

pub(crate) mod assets;
pub(crate) mod board;
mod line;
pub(crate) mod pull;
pub(crate) mod worker;
