//! Collects how long the paper's fine-tunings take on this machine, from earlier trainings and measured steps.

use std::path::Path;

use super::super::machine::TrainingTimes;
use crate::pipeline::paper::needs::Needs;
use crate::pipeline::paper::{ComputeSettings, PaperTraining, training_rate};
use crate::placement::Host;
use crate::step_times;
use assets::manifest::Manifest;
use base::host::{cache_folder, cores};
use data::dataset::Task;

/// Returns the times on the device and the threads that training uses by default; `None` if the worker does not name its device.
pub(super) fn times(workspace: &Path, libtorch: &str) -> Option<TrainingTimes> {
    let machine = ComputeSettings {
        device: Host.device("auto").ok()?.described,
        threads: cores(),
        versions: [("libtorch".to_owned(), libtorch.to_owned())].into(),
    };
    let kept = cache_folder().map(|folder| step_times::read(&folder)).unwrap_or_default();
    let manifest = Manifest::embedded().ok()?;
    let needs = Needs::of(&manifest, &Task::ALL).ok()?;
    let times = Task::ALL.iter().filter_map(|&task| {
        let training = PaperTraining::of_paper(task, machine.clone());
        let speed = training_rate::speed(workspace, &training, &kept)?;
        let seconds = speed.seconds(needs.training_examples(task)?, training.recipe.epochs);
        Some((task, seconds, speed))
    });
    let tasks = times.collect();
    Some(TrainingTimes { device: machine.device, threads: machine.threads, tasks, note: kept.note })
}
