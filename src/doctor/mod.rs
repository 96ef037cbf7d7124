//! `repro doctor`: whether this machine has what a run needs, and what mends it where it has not.
//!
//! - [`machine`]: the facts, as plain data, so that checks can be tried on machines that are made up;
//! - [`gather`]: the facts of the machine that it runs on;
//! - `check`: one function per check, from facts to a [`Finding`];
//! - [`render`]: the page for people.

mod check;
mod finding;
pub mod gather;
pub mod machine;
mod purpose;
pub mod render;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Outcome, Purpose, State, Trouble};
pub use purpose::Report;
