//! Small generated rows for tests.

pub mod reordered;
mod rows;

pub use rows::{Draws, Place, file, read_to_end, row, row_of, six_columns, text, without_classes};
