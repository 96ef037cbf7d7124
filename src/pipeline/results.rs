//! Collects the results of a run of `repro all` for its report: the verdict, computed as in `repro check`, training curves, speeds
//! and examples.

use std::slice;

use super::outcome::RunOutcome;
use base::error::Result;
use judge::evidence::run::read;
use judge::evidence::stages::train_stage;
use judge::evidence::training::METRICS;
use judge::grade::golden::GoldenFile;
use judge::grade::{AssessRequest, Assessment, assess};
use judge::report::metrics::{self, Curves};
use judge::report::{AssetRecord, Example, TaskSpeed};

/// What the report shows of a run's results.
#[derive(Debug, Clone, Default)]
pub struct RunResults {
    /// The judged rows.
    pub assessment: Assessment,
    /// Training curves of each model, also of one that could not be evaluated.
    pub curves: Vec<Curves>,
    /// Speed of each training.
    pub speeds: Vec<TaskSpeed>,
    /// Questions with pictures and answers.
    pub examples: Vec<Example>,
    /// The published files that the results rest on.
    pub assets: Vec<AssetRecord>,
}

impl RunResults {
    /// Judges a run by the evidence in its folder.
    ///
    /// # Errors
    /// Those of reading and judging the evidence.
    pub fn of(outcome: &RunOutcome, golden: &GoldenFile) -> Result<Self> {
        let run = read(&outcome.folder)?;
        let request =
            AssessRequest { golden: slice::from_ref(golden), runs: slice::from_ref(&run), ..AssessRequest::default() };
        let mut found = Self { assessment: assess(&request)?, ..Self::default() };
        for (task, _) in &run.tasks {
            let Some(path) = outcome.output(&train_stage(*task), METRICS) else { continue };
            let (curves, speed) = metrics::read(&path, task.name())?;
            found.curves.push(curves);
            let speed =
                speed.map(|examples_per_second| TaskSpeed { task: task.name().to_owned(), examples_per_second });
            found.speeds.extend(speed);
        }
        found.assets = run.assets.unwrap_or_default();
        Ok(found)
    }
}
