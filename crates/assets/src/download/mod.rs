//! Downloads one file from the first source that has it: resumes, retries, verifies, and only then renames it to its path.
//!
//! - `job`: the file to download;
//! - `source`: parses a URL of the manifest;
//! - `sources`: tries the sources of a file in order;
//! - `hosts`: hosts whose names cannot be resolved;
//! - `http`: sends one request and checks the head of the response;
//! - `transfer`: writes bytes of a source into the partial file;
//! - `part`, `sidecar`: the partial file with its hashes, source and version;
//! - `retry`: classifies errors of sources, and decides when to retry.

pub mod hosts;
mod http;
mod job;
mod part;
mod retry;
mod sidecar;
mod source;
mod sources;
#[cfg(test)]
mod tests;
mod transfer;

pub use self::job::Job;
pub use self::retry::Network;
pub(super) use sources::by_hand;
pub use sources::{Download, HttpClient, download};
