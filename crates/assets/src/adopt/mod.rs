//! Takes files that a person downloaded by hand: known by name, exact size or a demanded checksum; the parts of a split file
//! are joined. Every file is read whole before it counts; what is right is linked or copied into its place.
//!
//! - `walk`: the files of a folder, and which of them are parts of one;
//! - `recognise`: which asset a file may be;
//! - `bring`: hashing, checking, placing.

mod bring;
mod fault;
mod files;
mod recognise;
#[cfg(test)]
mod tests;
mod walk;

pub use files::{Other, Summary, adopt, find, unpacked};
