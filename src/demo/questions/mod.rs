//! Writes what is asked about the scenes, in the JSON formats of the original (its `data/*.json` @ 0db1182), such that
//! neither the question alone nor the picture alone tells the answer.

mod ask;
mod entries;
pub mod gqa;
pub mod nlvr2;
pub mod vocab;
pub mod vqa;

pub(super) use entries::write_json;
pub use entries::{Balance, Candidate};
