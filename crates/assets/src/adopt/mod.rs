//! Adopts files that the user downloaded by hand. They are identified by name, exact size or checksum, and the parts of a split
//! file are joined. Every file is read completely and verified, then linked or copied into the workspace.
//!
//! - `walk`: lists the files of a folder, and finds the parts of split files;
//! - `identify`: finds the assets that a file may be;
//! - `install`: hashes, checks and links or copies a file;
//! - `mismatch`: why a file is not the expected one.

mod files;
mod identify;
mod install;
mod mismatch;
#[cfg(test)]
mod tests;
mod walk;

pub use files::{SecondCopy, Summary, adopt, find_copy, unpacked};
