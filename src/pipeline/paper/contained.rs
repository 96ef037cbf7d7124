//! Training and evaluation in containers: fetching and preparing stay on this machine.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::needs::DATA;
use super::recipe::WEIGHTS;
use super::{FineTuner, PROFILE, Training};
use crate::pipeline::contained::{Extra, Features, build_stores, run_stage};
use crate::pipeline::plan::StageContext;
use crate::placement::Place;
use crate::prepare;
use base::error::Result;
use data::features::progress::Silent;

/// Trains and answers in an image.
#[derive(Debug, Clone)]
pub struct Contained {
    /// Where.
    pub place: Rc<Place>,
    /// What it computes on there: cpu, cuda, cuda:N or auto.
    pub device: String,
}

impl Contained {
    fn run(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()> {
        let Training { task, scale, precision, .. } = *training;
        let (data, stores) = (workspace.join(DATA), prepare::stores(workspace));
        let (train, valid) = task.paper_splits();
        for splits in [train, valid] {
            build_stores(Features { task, splits, scale, precision }, &data, &stores, &Silent)?;
        }
        let reads: [PathBuf; 3] = [data, stores, workspace.join(WEIGHTS)];
        let extra = Extra { workspace: Some(workspace), reads: &reads, device: &self.device };
        run_stage(&self.place, PROFILE, context, extra)
    }
}

impl FineTuner for Contained {
    fn train(&self, context: &mut StageContext, training: &Training, workspace: &Path) -> Result<()> {
        self.run(context, training, workspace)
    }

    fn evaluate(&self, context: &mut StageContext, training: &Training, workspace: &Path, _: &Path) -> Result<()> {
        self.run(context, training, workspace)
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }
}
