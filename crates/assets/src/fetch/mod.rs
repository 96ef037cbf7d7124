//! Brings all files of a plan, several at a time: what is there and right stays, everything else comes or is named.

mod all;
mod fetched;
mod one;
#[cfg(test)]
mod tests;

pub use self::fetched::{Fetched, Outcome, Settings};
pub use self::one::fetch_from;
pub use super::download::Network;
pub use all::fetch;
