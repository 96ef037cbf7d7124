//! Shows progress on stderr: bars on a terminal, otherwise a line per minute. Nothing else draws bars.
//!
//! - [`board`]: running tasks of any kind;
//! - [`worker`]: the events of a worker;
//! - [`assets`]: files that are fetched, verified and prepared;
//! - [`pull`]: an image that is pulled.

pub(crate) mod assets;
pub(crate) mod board;
mod line;
pub(crate) mod pull;
pub(crate) mod worker;
