//! The notice that a training takes more than a day: before it begins if its speed is known, else after its first steps.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::step_times::kept;
use crate::pipeline::paper::{PaperSettings, training_rate};
use crate::placement::Placement;
use crate::step_times::{KeptSteps, StepConditions, TrainingSpeed};
use base::error::Result;
use base::format::rough_time;
use base::progress::{Event, TaskStart, Unit};
use base::status;
use data::dataset::{Scale, Task, TaskData, split_names};
use lxmert_spec::Config;
use trainings::finetune::FinetuneSettings;
use trainings::task_loader::TaskDataSettings;

/// Duration from which a notice is given, in seconds.
const DAY: f64 = 86_400.0;
/// Steps and time after which the speed of a training counts as known. The first step is not counted: it warms up.
const KNOWN_STEPS: u64 = 8;
const KNOWN_TIME: Duration = Duration::from_secs(10);
/// Fewest bytes of an example in a split file. Data that are too few for a day by this measure are not counted.
const LEAST_EXAMPLE: u64 = 30;

/// Whether a notice was given before the first step, so that none follows.
static SAID: AtomicBool = AtomicBool::new(false);

/// Prints a notice before trainings begin; none follows after their first steps.
fn say_before(notice: Option<String>) {
    if let Some(notice) = notice {
        SAID.store(true, Ordering::Relaxed);
        status!("{notice}");
    }
}

/// Returns the end of a notice for a device: what to do next.
fn next(device: &str) -> &'static str {
    match device.starts_with("cuda") {
        true => "next: it can be stopped and resumed at any time",
        false => {
            "next: use a GPU (repro doctor --for train says what this machine lacks), or stop and resume at any time"
        }
    }
}

/// Returns the notice about trainings, each with its name and its seconds; `None` if they take less than a day together.
fn notice(trainings: &[(String, f64)], speed: &str, device: &str) -> Option<String> {
    let all: f64 = trainings.iter().map(|(_, seconds)| seconds).sum();
    let times: Vec<String> =
        trainings.iter().map(|(name, seconds)| format!("{name} {}", rough_time(*seconds))).collect();
    let next = next(device);
    (all > DAY).then(|| format!("warning: {speed}, training takes {}, without validation; {next}", times.join(", ")))
}

/// Prints the notice about a fine-tuning on the published data and model, if its speed was measured.
///
/// # Errors
/// Infra if there is no such device.
pub(crate) fn say_before_fine_tuning(
    settings: &FinetuneSettings,
    data: &TaskDataSettings,
    train: &str,
    placement: &Placement,
    (device, threads): (&str, usize),
) -> Result<()> {
    let (config, full) = (&settings.description.config, Config::lxr955());
    // The data decide these two.
    let same = Config { vocab_size: full.vocab_size, visual_feat_dim: full.visual_feat_dim, ..config.clone() } == full;
    let kept = if same && data.scale == Scale::Full { kept() } else { return Ok(()) };
    if kept.steps.is_empty() {
        return Ok(());
    }
    let (device, versions) = (placement.device(device)?.described, placement.hello()?.versions);
    let Some(step) = kept.find(&StepConditions::here(&device, threads, &versions, settings.batch_size)) else {
        return Ok(());
    };
    let speed = TrainingSpeed::Steps(step.clone());
    let most = bytes(data.task, &data.data_root, train)? / LEAST_EXAMPLE;
    if speed.seconds(most, settings.epochs) <= DAY {
        return Ok(());
    }
    let examples = TaskData::load(data.task, &data.data_root, train)?.examples.len() as u64;
    let times = [(data.task.name().to_uppercase(), speed.seconds(examples, settings.epochs))];
    say_before(notice(&times, &format!("at {speed} on {device}, {}", speed.origin()), &device));
    Ok(())
}

/// Prints the notice about the fine-tunings of a run of the paper profile that are still to do, if all their speeds are known.
///
/// # Errors
/// Data if the manifest has no source for a file.
pub(crate) fn say_before_fine_tunings(settings: &PaperSettings, kept: &KeptSteps) -> Result<()> {
    let needs = settings.needs()?;
    let trainings = settings.tasks.iter().map(|task| settings.training(*task));
    let to_do = trainings.filter(|training| !training_rate::is_finished(&settings.workspace, training));
    let times: Option<Vec<(String, f64, TrainingSpeed)>> = to_do
        .map(|training| {
            let speed = training_rate::speed(&settings.workspace, &training, kept)?;
            let examples = needs.training_examples(training.task).filter(|_| training.scale == Scale::Full)?;
            Some((training.task.name().to_uppercase(), speed.seconds(examples, training.recipe.epochs), speed))
        })
        .collect();
    let Some(times) = times else { return Ok(()) };
    let Some((_, _, first)) = times.first() else { return Ok(()) };
    let device = &settings.machine.device;
    let speed = match times.iter().all(|(_, _, speed)| speed == first) {
        true => format!("at {first} on {device}, {}", first.origin()),
        false => format!("at the speeds of earlier trainings on {device}"),
    };
    let times: Vec<(String, f64)> = times.into_iter().map(|(name, seconds, _)| (name, seconds)).collect();
    say_before(notice(&times, &speed, device));
    Ok(())
}

/// Returns the bytes of the files of splits.
fn bytes(task: Task, data_root: &Path, splits: &str) -> Result<u64> {
    let size = |split: &String| task.split_file(data_root, split).metadata().map_or(0, |file| file.len());
    Ok(split_names(splits)?.iter().map(size).sum())
}

/// Watches the first steps of a training for a speed at which it takes more than a day.
#[derive(Debug, Default)]
pub(crate) struct PaceWatch {
    device: String,
    training: Option<WatchedTraining>,
    decided: bool,
}

#[derive(Debug)]
struct WatchedTraining {
    start: TaskStart,
    /// Position and time of the first report.
    first: Option<(u64, Instant)>,
}

impl PaceWatch {
    /// Sets the device that the training uses.
    pub(crate) fn set_device(&mut self, device: &str) {
        device.clone_into(&mut self.device);
    }

    /// Processes an event that happened `now`. Returns the notice, at most once.
    pub(crate) fn event(&mut self, event: &Event, now: Instant) -> Option<String> {
        if self.decided || SAID.load(Ordering::Relaxed) {
            return None;
        }
        match event {
            Event::Started(start) if matches!(start.unit, Unit::Steps { .. }) => {
                self.training = Some(WatchedTraining { start: start.clone(), first: None });
                None
            }
            Event::Progress { name, done, total, .. } => {
                let training = self.training.as_mut().filter(|training| training.start.name == *name)?;
                let (from, began) = *training.first.get_or_insert((*done, now));
                let (steps, passed) = (done.saturating_sub(from), now.saturating_duration_since(began));
                if steps < KNOWN_STEPS || passed < KNOWN_TIME {
                    return None;
                }
                self.decided = true;
                let Unit::Steps { examples } = training.start.unit else { return None };
                let steps_per_second = steps as f64 / passed.as_secs_f64();
                let left = total.or(training.start.total)?.saturating_sub(*done) as f64 / steps_per_second;
                let what =
                    if training.start.from == 0 { "the training takes" } else { "the rest of the training takes" };
                let (speed, next) = (steps_per_second * examples as f64, next(&self.device));
                (left > DAY).then(|| {
                    let device = &self.device;
                    format!(
                        "warning: at this speed, {speed:.1} examples/s on {device}, {what} {}; {next}",
                        rough_time(left)
                    )
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a training of `total` steps whose steps take `step` seconds each.
    fn said(device: &str, from: u64, total: u64, step: f64) -> Vec<String> {
        let (mut watch, began) = (PaceWatch::default(), Instant::now());
        watch.set_device(device);
        let start = TaskStart { from, ..TaskStart::new("train", total, Unit::Steps { examples: 32 }) };
        let mut said: Vec<String> = watch.event(&Event::Started(start), began).into_iter().collect();
        for done in 1..=40 {
            let valid = Event::Progress { name: "valid".into(), done, total: Some(9), detail: String::new() };
            let at =
                Event::Progress { name: "train".into(), done: from + done, total: Some(total), detail: String::new() };
            let now = began + Duration::from_secs_f64(step * done as f64);
            said.extend([valid, at].iter().filter_map(|event| watch.event(event, now)));
        }
        said
    }

    #[test]
    fn a_training_of_more_than_a_day_says_so_once_when_its_speed_is_known() {
        let slow = said("cpu", 0, 79_012, 6.0);
        assert_eq!(
            slow,
            [
                "warning: at this speed, 5.3 examples/s on cpu, the training takes 5 days 12 h; next: use a GPU (repro doctor --for \
              train says what this machine lacks), or stop and resume at any time"
            ]
        );
        let resumed = said("cuda (NVIDIA T4)", 70_000, 79_012, 12.0);
        assert_eq!(
            resumed,
            [
                "warning: at this speed, 2.7 examples/s on cuda (NVIDIA T4), the rest of the training takes 30 h; next: it can be \
              stopped and resumed at any time"
            ]
        );
        assert!(said("cpu", 0, 10_796, 6.0).is_empty(), "18 hours need no notice");
        assert!(said("cpu", 0, 10_000_000, 0.2).is_empty(), "8 seconds are too few to judge by");
    }

    #[test]
    fn trainings_are_judged_together_before_they_begin() {
        let of = |vqa: f64, nlvr2: f64| {
            notice(
                &[("VQA".into(), vqa), ("NLVR2".into(), nlvr2)],
                "at 5.3 examples/s on cpu, measured 2026-11-30",
                "cpu",
            )
        };
        assert_eq!(
            of(475_000.0, 65_000.0).unwrap(),
            "warning: at 5.3 examples/s on cpu, measured 2026-11-30, training takes VQA 5 days 12 h, NLVR2 18 h, without \
             validation; next: use a GPU (repro doctor --for train says what this machine lacks), or stop and resume at any time"
        );
        assert_eq!(of(20_000.0, 60_000.0), None);
    }
}
