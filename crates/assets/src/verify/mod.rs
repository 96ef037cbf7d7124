//! Whether files are still what they should be: by size and time, or by reading them, in parallel. Changes no file; only receipts.

mod checked;
mod page;
mod read;
mod state;
mod subject;
#[cfg(test)]
mod tests;

pub use checked::{Checked, State};
pub use page::{json, page};

pub use state::{Depth, verify};
pub use subject::{Subject, subjects};
