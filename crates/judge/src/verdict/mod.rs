//! Golden values and the rules that compare results with them. It knows nothing of how a run was made.
//!
//! - [`golden`]: the files below `golden/`: raw reference runs and the rule that turns them into a band.
//! - [`row`]: a judged result, whichever gate judged it.
//! - `head`: the schema and edition that every golden file begins with.
//! - `judge`: one observed accuracy against its golden task.
//! - [`published`]: published results and their spread; `train`: trainings against them.
//! - `runs`: which of several runs count; [`deviation`]: why one does not.
//! - `recorded`: trainings against recorded ones; [`baseline`]: scores of weaker predictors.
//! - [`comparison`]: two feature files compared, and judged by a level.
//! - [`features`]: limits for the differences between two feature files.
//! - [`eval_gate`]: answers against those of a frozen run.
//! - [`snapshot`]: feature rows that were released, by their checksums.
//! - [`trust_limit`]: limits a verdict whose files are not known to be the published ones.
//! - [`power`]: simulated rates of false PASS and false FAIL of each gate.
//! - [`statistics`]: the formulas, each with its reference; [`simulate`]: draws to try a rule on runs whose truth is known.
//!
//! A tolerance is data with a reason. It is written down before a result is seen and never changed after it.

pub mod baseline;
pub mod comparison;
pub mod deviation;
pub mod eval_gate;
pub mod features;
pub mod golden;
mod head;
pub(crate) mod judge;
mod outcome;
pub mod power;
pub mod published;
pub(crate) mod recorded;
#[cfg(test)]
mod released_rows_tests;
pub mod row;
pub(crate) mod runs;
pub mod simulate;
#[cfg(test)]
mod six_columns_tests;
pub mod snapshot;
pub mod statistics;
pub(crate) mod train;
pub mod trust_limit;

pub use outcome::Verdict;
