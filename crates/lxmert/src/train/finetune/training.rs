//! Implements the trait of the training loop for fine-tuning: step, validation, position, names of files.

use std::thread::Scope;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::step::{FinetuneStepSettings, FinetuneStepper, StepAnswers};
use crate::model::TaskModel;
use crate::train::batches::{self, PreparedBatch};
use crate::train::machine::machine_facts;
use crate::train::predict::{self, EvalBatch};
use crate::train::session::{
    self, BatchStream, EpochEnd, EpochResult, EpochSums, EpochWork, SessionPosition, SessionSettings, StepResult,
    TrainObserver, Training, Updater, ValidationResults, WeightsNames,
};
use crate::train::weights;
use base::error::{Error, Result};
use data::dataset;
use lxmert_spec::loading::LoadPolicy;
use lxmert_spec::weights_names::{BEST, LAST, LAST_FILE};
use trainings::examples::PreparedSplit;
use trainings::finetune::FinetuneSettings;
use trainings::finetune::identity::identity;
use trainings::options::Average;
use trainings::outcome::{FinetuneOutcome, RunFacts};
use trainings::run_length::RunLength;
use trainings::running_mean::RunningMean;
use trainings::snapshot::RunIdentity;
use trainings::weights_digests::WeightsDigests;

/// Trains `model` on `train` and validates it on `valid` after each epoch. Data order and dropout depend on the seed alone. At the
/// end `model` has the weights of the last epoch.
///
/// # Errors
/// Usage if the settings do not fit the data or an earlier run in the output folder; data if a loss or gradient is not finite;
/// interrupted if a signal stopped the run, after a snapshot was written.
pub fn run(
    model: &TaskModel,
    train: &PreparedSplit,
    valid: Option<&PreparedSplit>,
    settings: &FinetuneSettings,
    observer: &mut dyn TrainObserver,
) -> Result<FinetuneOutcome> {
    let length = check(train, valid, settings)?;
    let FinetuneSettings { optim, lr, seed, mce_loss, .. } = *settings;
    let step_settings = FinetuneStepSettings { optim, lr, seed, mce_loss, total: length.steps() };
    let stepper = FinetuneStepper::new(model, train, step_settings);
    let updater = stepper.updater();
    let eval_batch = EvalBatch::new(settings.eval_batch_size);
    let training = Finetuning { model, train, valid, settings, stepper, eval_batch };
    let plan = SessionSettings { length, seed, output: &settings.output, snapshots: &settings.snapshots };
    session::run(training, updater, &plan, observer)
}

struct Finetuning<'a> {
    model: &'a TaskModel,
    train: &'a PreparedSplit,
    valid: Option<&'a PreparedSplit>,
    settings: &'a FinetuneSettings,
    stepper: FinetuneStepper<'a>,
    eval_batch: EvalBatch,
}

/// The sums of an epoch's training scores.
#[derive(Default, Serialize, Deserialize)]
struct TrainScoreSums {
    /// Steps taken in the epoch.
    steps: u64,
    /// Mean score of the answers in these steps, 0 to 1.
    tally: RunningMean,
}

impl EpochSums for TrainScoreSums {
    fn steps(&self) -> u64 {
        self.steps
    }

    fn score(&self) -> Option<f64> {
        Some(self.tally.mean())
    }

    fn flaw(&self, batch_size: u64) -> Option<String> {
        let Self { steps, tally } = self;
        let is_right = steps.checked_mul(batch_size).is_some_and(|answers| tally.is_of(answers));
        (!is_right).then(|| {
            format!(
                "a score of {} over {} answers cannot come from {steps} steps of {batch_size} examples",
                tally.mean(),
                tally.count()
            )
        })
    }
}

/// The validation scores so far, 0 to 1.
#[derive(Default, Serialize, Deserialize)]
struct ValidationScores {
    /// The best score and its epoch.
    best: Option<(f64, u64)>,
    last_valid: Option<f64>,
}

impl ValidationScores {
    /// Returns the best score so far; 0 before the first.
    fn best(&self) -> f64 {
        self.best.map_or(0.0, |(score, _)| score)
    }
}

impl ValidationResults for ValidationScores {
    fn has_best(&self) -> bool {
        self.best.is_some()
    }

    fn flaw(&self, epoch: u64) -> Option<String> {
        let scores = self.best.iter().map(|(score, _)| score).chain(&self.last_valid);
        if let Some(score) = scores.into_iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Some(format!("a validation score of {score} is not between 0 and 1"));
        }
        let (_, best) = self.best.filter(|(_, best)| *best > epoch)?;
        Some(format!("the best epoch is {best}, but the run is in epoch {epoch}"))
    }
}

impl Training for Finetuning<'_> {
    type Batch = PreparedBatch;
    type StepDetails = StepAnswers;
    type Sums = TrainScoreSums;
    type Results = ValidationScores;
    type Validation = f64;
    type Outcome = FinetuneOutcome;

    const NAMES: WeightsNames = WeightsNames { best: BEST, epoch: |_| None, last: Some(LAST), ending: "" };

    fn identity(&self) -> RunIdentity {
        identity(self.settings, self.train, self.valid, machine_facts(self.model.parameters().device()))
    }

    fn load_last(&self) -> Result<()> {
        let path = self.settings.output.join(LAST_FILE);
        weights::load(self.model, &path, LoadPolicy::FineTuned, false).map(drop)
    }

    fn batches<'s, 'd: 's>(
        &self,
        scope: &'s Scope<'s, 'd>,
        _epoch: u64,
        order: &'d [usize],
    ) -> Result<BatchStream<'d, PreparedBatch>>
    where
        Self: 'd,
    {
        self.train.source.check_length()?;
        let device = self.model.parameters().device();
        Ok(Box::new(batches::stream(scope, self.train, order, self.settings.batch_size, 0, device).map(Ok)))
    }

    fn step(&mut self, updater: &mut Updater<'_>, batch: &PreparedBatch) -> Result<Option<StepResult<StepAnswers>>> {
        self.stepper.step(updater, batch).map(Some)
    }

    fn count(&self, sums: &mut TrainScoreSums, step: &StepResult<StepAnswers>) {
        sums.steps += 1;
        step.details.points.iter().for_each(|&points| sums.tally.add(points));
    }

    fn validate(&self, _epoch: u64, seen: &mut dyn FnMut(usize) -> Result<()>) -> Result<Option<f64>> {
        let Some(valid) = self.valid else { return Ok(None) };
        let predictions = predict::predict_while(&[self.model], Average::default(), valid, &self.eval_batch, seen)?;
        dataset::score(&valid.data, &predictions).map(Some)
    }

    fn end_epoch(
        &self,
        at: &mut SessionPosition<TrainScoreSums, ValidationScores>,
        valid: Option<f64>,
        made: EpochWork,
    ) -> EpochEnd<FinetuneOutcome> {
        let SessionPosition { epoch, sums, results, .. } = at;
        results.last_valid = valid.or(results.last_valid);
        let is_best = valid.is_some_and(|score| score > results.best());
        if is_best {
            results.best = valid.map(|score| (score, *epoch));
        }
        let outcome = FinetuneOutcome {
            train: sums.tally.mean(),
            best: results.best,
            last_valid: results.last_valid,
            steps: made.steps,
        };
        let mut result = result(*epoch, sums, results, made.examples_per_second);
        if let Some(note) = self.eval_batch.note() {
            result.lines += &format!("Validation: {note}\n");
        }
        EpochEnd { outcome, is_best, result }
    }

    fn save(&self, name: &str) -> Result<WeightsDigests> {
        let FinetuneSettings { output, description, vocabulary, pth, .. } = self.settings;
        weights::save(self.model, output, name, description, vocabulary.as_deref(), *pth)
    }

    fn facts(&self) -> RunFacts {
        let loaded = self.settings.loaded.clone().unwrap_or_default();
        RunFacts {
            not_loaded: loaded.lacking,
            should_load: loaded.promised,
            train_left_out: self.train.dropped(),
            valid_left_out: self.valid.map_or(0, PreparedSplit::dropped),
            ..RunFacts::default()
        }
    }
}

/// Returns an epoch's scores in percent, with the original's lines.
fn result(epoch: u64, sums: &TrainScoreSums, results: &ValidationScores, examples_per_second: f64) -> EpochResult {
    let train = sums.tally.mean() * 100.0;
    let valid = results.last_valid.map(|score| score * 100.0);
    let best = results.last_valid.map(|_| results.best() * 100.0);
    let mut lines = format!("\nEpoch {epoch}: Train {train:.2}\n");
    if let (Some(valid), Some(best)) = (valid, best) {
        lines += &format!("Epoch {epoch}: Valid {valid:.2}\nEpoch {epoch}: Best {best:.2}\n");
    }
    let mut scalars = vec![("train/accuracy".to_owned(), train)];
    scalars.push(("train/examples_per_second".to_owned(), examples_per_second));
    scalars.extend(valid.map(|valid| ("valid/accuracy".to_owned(), valid)));
    EpochResult { lines, metrics: [("train", json!(train)), ("valid", json!(valid)), ("best", json!(best))], scalars }
}

fn check(train: &PreparedSplit, valid: Option<&PreparedSplit>, settings: &FinetuneSettings) -> Result<RunLength> {
    for questions in std::iter::once(train).chain(valid) {
        if !questions.data.is_labelled() {
            return Err(Error::usage(format!(
                "{} {} has no labels, so it can be used neither for training nor for validation",
                questions.data.task,
                questions.data.splits.join(",")
            ))
            .next("choose a labelled split; `repro predict` answers unlabelled ones"));
        }
    }
    let FinetuneSettings { epochs, batch_size, eval_batch_size, .. } = *settings;
    RunLength { epochs, batch_size, examples: train.examples.len() }.check(eval_batch_size, "examples")
}
