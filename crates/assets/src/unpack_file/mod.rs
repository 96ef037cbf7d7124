//! Unpacks one member of an archive to its path in the workspace.

#[cfg(test)]
mod tests;
mod unpack;

pub use unpack::{UnpackedFile, unpack_file};
