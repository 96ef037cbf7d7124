//! Judges the evidence of runs: loads golden files, judges rows and builds the report. The rules themselves are in `verdict`.
//!
//! - [`mod@assess`]: the only way from evidence to judged rows; it calls `gates` and [`features`];
//! - [`golden`]: loads golden files of every kind;
//! - [`deviations`]: how a run deviates from the protocol of the golden file that judges it;
//! - [`mod@report`]: builds the report of judged runs;
//! - [`regrade`]: computes accuracies again from saved answers and compares verdicts;
//! - [`record`]: writes the answers of a run as a golden file;
//! - [`vocabulary`]: the vocabulary of the published models.

pub mod assess;
pub mod deviations;
pub mod features;
mod gates;
pub mod golden;
pub mod record;
pub mod regrade;
pub mod report;
pub mod vocabulary;

pub use assess::{AssessRequest, Assessment, ReferenceRun, assess};
pub use gates::judged_tasks;
