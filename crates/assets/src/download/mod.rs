//! Brings one file from the first of its sources that gives it right: resumed, retried, verified, and in place only then.
//!
//! - `job`: what is to be brought;
//! - `source`: what a URL points to;
//! - `hosts`: hosts whose names cannot be resolved;
//! - `http`: one request and the head of its answer;
//! - `transfer`: bytes into the partial file;
//! - `part`, `sidecar`: the partial file, what is known of it, and its hashes;
//! - `retry`: waiting, beginning anew, giving up.

pub mod hosts;
mod http;
mod job;
mod part;
mod retry;
mod sidecar;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;

pub use self::job::Job;
pub use self::retry::Network;
pub(super) use stream::by_hand;
pub use stream::{Arrival, Web, download};
