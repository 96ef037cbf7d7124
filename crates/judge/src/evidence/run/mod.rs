//! Reads the folder of a run, whichever command wrote it: for each task a result, or why there is none.
//!
//! A run folder is one of
//! - `repro all`: `run.json`, links to finished stages, `report.json` (also the workspace itself, and `runs/latest`);
//! - `repro evaluate --output DIR`: `result.json` beside `items.jsonl` and the predictions;
//! - `repro train`: `outcome.json` and `metrics.jsonl`; its accuracy is the best on the validation data;
//! - any of these that was killed or failed: then it says where.

mod folder;
#[cfg(test)]
mod tests;

pub use folder::{ASSETS, MissingResult, REPORT, RunEvidence, TaskEvidence, glance, read, read_all};
