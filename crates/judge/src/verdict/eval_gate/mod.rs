//! The EVAL gate: compares answers with those of a frozen run to the same items.
//!
//! Rules of edition 1:
//!
//! - The candidate answered other items than the reference, or another number of them: INCONCLUSIVE, naming the first; nothing
//!   can be compared.
//! - At most as many items with another answer as were allowed beforehand: PASS; more: FAIL. A wrong answer that became
//!   another wrong answer counts, and so does one that became right: frozen weights on frozen features have no reason to change.
//! - McNemar's test and the intervals of the difference are shown as evidence of its size and direction. They do not decide:
//!   a change that favours no side is still a change.
//!
//! Scores may be fractions (VQA), so an item is lost if its score fell and gained if it rose. McNemar's exact test uses these two
//! counts.
//!
//! ```toml
//! schema = 1
//! edition = 1
//! kind = "predictions"
//! task = "vqa"
//! splits = "minival"
//! n = 25994
//! items = "vqa-minival.items.jsonl"   # beside this file
//! sha256 = "…"                        # of the items
//! allowed_flips = 0
//! reason = "why so many"
//! model = "which weights answered"
//! ```

mod answers;
#[cfg(test)]
mod tests;

pub(crate) use answers::{AnswerComparison, judge};
pub use answers::{AnswerItem, EDITION, FrozenAnswers, KIND, SCHEMA};
