//! Arguments: one file per command.
pub mod features;
