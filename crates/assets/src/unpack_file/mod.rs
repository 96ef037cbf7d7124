//! Unpacking one member of an archive to its place.

mod member;
#[cfg(test)]
mod tests;

pub use member::{Unpacked, unpack_file};
