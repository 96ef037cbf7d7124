//! Downloads the files of a plan in parallel. Correct files stay; every file that cannot be fetched is reported.

mod asset;
mod parallel;
mod result;
#[cfg(test)]
mod tests;

pub use self::asset::fetch_from;
pub use self::result::{FetchResult, FetchSettings, Outcome};
pub use super::download::Network;
pub use parallel::fetch;
