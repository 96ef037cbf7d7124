//! Builds the feature stores for a task's splits, before a container reads them.

use std::path::Path;

use base::error::Result;
use base::progress::Observer;
use data::dataset::{RowLimit, Scale, Task, feature_files};
use data::features::{Precision, ensure_store};

/// The features that a command or a stage reads.
#[derive(Debug, Clone, Copy)]
pub struct FeatureSelection<'a> {
    /// The task.
    pub task: Task,
    /// Splits, comma-separated.
    pub splits: &'a str,
    /// How much of each file.
    pub scale: Scale,
    /// Precision of the stores.
    pub precision: Precision,
}

/// Builds the missing stores in `folder`.
///
/// # Errors
/// Data for a feature file that is damaged or missing.
pub fn build(features: FeatureSelection, data_root: &Path, folder: &Path, progress: &dyn Observer) -> Result<()> {
    for file in feature_files(features.task, features.splits, features.scale, data_root)? {
        let limit = match file.limit {
            RowLimit::All => None,
            RowLimit::First(rows) => Some(rows),
        };
        ensure_store(&file.path, folder, features.precision, limit, progress)?;
    }
    Ok(())
}
