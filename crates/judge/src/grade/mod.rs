//! Judges what runs left, wherever they were made: golden files by name, rows of a report, and the report.
//!
//! - [`golden`]: golden files of every kind, told apart by their content;
//! - [`faithful`]: in what a run was another thing than the golden file describes;
//! - [`rows`]: runs beside a golden file, as judged rows;
//! - [`report`]: rows and runs as a report;
//! - [`again`]: accuracies computed again from what was saved, and what that changes in a verdict;
//! - [`record`]: a run's answers as a golden file;
//! - [`vocabulary`]: which words the published models were trained with;
//! - [`features`]: two feature files as a judged row.

pub mod again;
pub mod faithful;
pub mod features;
pub mod golden;
pub mod record;
pub mod report;
pub mod rows;
pub mod vocabulary;
