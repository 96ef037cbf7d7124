//! Generates questions about scenes, in the JSON formats of the original (`data/*.json` @ 0db1182), such that neither the question
//! alone nor the picture alone gives away the answer.

mod balance;
pub mod gqa;
pub mod nlvr2;
mod templates;
pub mod vocab;
pub mod vqa;

pub(super) use balance::write_json;
pub use balance::{Balance, Candidate};
