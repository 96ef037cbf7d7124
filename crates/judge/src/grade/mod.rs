//! Judges what runs left, wherever they were made: golden files by name, rows of a report, and the report.
//!
//! - [`mod@assess`]: the one way from evidence to judged rows; `gates` and [`features`] are what it calls;
//! - [`golden`]: golden files of every kind, told apart by their content;
//! - [`deviations`]: how a run deviates from the protocol of the golden file that judges it;
//! - [`mod@report`]: rows and runs as a report;
//! - [`regrade`]: accuracies computed again from what was saved, and what that changes in a verdict;
//! - [`record`]: a run's answers as a golden file;
//! - [`vocabulary`]: which words the published models were trained with.

pub mod assess;
pub mod deviations;
pub mod features;
mod gates;
pub mod golden;
pub mod record;
pub mod regrade;
pub mod report;
pub mod vocabulary;

pub use assess::{Assessment, Reference, Request, assess};
pub use gates::judged_tasks;
