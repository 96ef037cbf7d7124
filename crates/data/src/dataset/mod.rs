//! VQA, GQA, NLVR2 and pre-training data: read, filter, tokenise; answer tables; evaluators and submission files.

pub mod evaluate;
pub mod example;
pub mod feature_files;
mod foreign_json;
pub mod images;
mod json_outline;
pub mod metrics;
pub mod nlvr2_official;
pub mod predictions;
pub mod process_gqa;
pub mod process_nlvr2;
#[cfg(test)]
mod program_tests;
pub mod python_format;
mod records;
pub mod submission;
pub mod task;
pub mod task_data;

pub use evaluate::{Prediction, oracle, score};
pub use example::{Example, Id, Label, nlvr2_answer};
pub use feature_files::{FeatureFile, RowLimit, Scale, feature_files};
pub use predictions::{read_predictions, write_predictions};
pub use submission::{Completeness, completeness};
pub use task::{Task, split_names};
pub use task_data::{ExampleSelection, TaskData};
pub mod answers;
pub mod pretrain;
pub mod tokenizer;
