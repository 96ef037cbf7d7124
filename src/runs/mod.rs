//! The runs, trainings and evaluations below some folders, as a list: what each is, how far it came, and how its settings deviate. Reads
//! only, judges nothing, and never stops at a damaged folder.

mod entry;
mod find;
mod json;
mod page;

pub use entry::{Entry, list};
pub use json::json;
pub use page::page;
