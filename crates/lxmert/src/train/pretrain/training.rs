//! Implements the trait of the training loop for pre-training: step, validation, position, names of files.

use std::thread::Scope;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batches::{self, PretrainBatch, PretrainBatchSource, training_stream, validation_stream};
use super::step::{BatchResults, BatchResultsBuilder, PretrainStepSettings, PretrainStepper};
use super::sums::PretrainSums;
use super::weights;
use crate::model::{ForwardContext, PretrainingModel};
use crate::train::machine::machine_facts;
use crate::train::session::{
    self, BatchStream, EpochEnd, EpochResult, EpochSums, EpochWork, SessionPosition, SessionSettings, StepResult,
    TrainObserver, Training, Updater, ValidationResults, WeightsNames,
};
use base::error::Result;
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::paper::PRETRAINING;
use lxmert_spec::weights_names::{BEST_LOSS, PRETRAINED_SUFFIX, after_epoch};
use trainings::pretrain::data::PretrainExamples;
use trainings::pretrain::identity::identity;
use trainings::pretrain::settings::{BestEpoch, PretrainOutcome, PretrainSettings};
use trainings::run_length::RunLength;
use trainings::snapshot::RunIdentity;
use trainings::weights_digests::WeightsDigests;

/// Pre-trains `model` and validates it after each epoch. Data order, masking and dropout depend on the seed alone.
///
/// # Errors
/// Usage if the settings do not fit the data or an earlier run in the output folder; data if a loss or gradient is not finite;
/// interrupted if a signal stopped the run, after a snapshot was written.
pub fn run(
    model: &PretrainingModel,
    tokenizer: &Tokenizer,
    train: &PretrainExamples,
    valid: Option<&PretrainExamples>,
    settings: &PretrainSettings,
    observer: &mut dyn TrainObserver,
) -> Result<PretrainOutcome> {
    settings.check(train, valid)?;
    let length = settings.length(train)?;
    let PretrainSettings { lr, seed, .. } = *settings;
    let step_settings = PretrainStepSettings { tasks: settings.description.tasks, lr, seed, total: length.steps() };
    let stepper = PretrainStepper::new(model, train.sentences, step_settings);
    let updater = stepper.updater();
    let training = Pretraining { model, tokenizer, train, valid, settings, length, stepper };
    let plan = SessionSettings { length, seed, output: &settings.output, snapshots: &settings.snapshots };
    session::run(training, updater, &plan, observer)
}

struct Pretraining<'a> {
    model: &'a PretrainingModel,
    tokenizer: &'a Tokenizer,
    train: &'a PretrainExamples<'a>,
    valid: Option<&'a PretrainExamples<'a>>,
    settings: &'a PretrainSettings,
    length: RunLength,
    stepper: PretrainStepper<'a>,
}

/// The sums over an epoch's steps.
#[derive(Default, Serialize, Deserialize)]
struct EpochLosses {
    sums: PretrainSums,
}

impl EpochSums for EpochLosses {
    fn steps(&self) -> u64 {
        self.sums.batches
    }

    fn flaw(&self, batch_size: u64) -> Option<String> {
        self.sums.flaw(batch_size)
    }
}

/// The lowest validation loss so far.
#[derive(Default, Serialize, Deserialize)]
struct BestLoss {
    best: Option<BestEpoch>,
}

impl ValidationResults for BestLoss {
    fn has_best(&self) -> bool {
        self.best.is_some()
    }

    fn flaw(&self, epoch: u64) -> Option<String> {
        let best = self.best.filter(|best| best.epoch > epoch || !best.loss.is_finite())?;
        Some(format!("the best loss, {}, is in epoch {}, but the run is in epoch {epoch}", best.loss, best.epoch))
    }
}

impl<'a> Pretraining<'a> {
    fn batch_source(
        &self,
        examples: &'a PretrainExamples<'a>,
        stream: u64,
        batch_size: usize,
        parts: usize,
    ) -> PretrainBatchSource<'a> {
        PretrainBatchSource {
            tokenizer: self.tokenizer,
            examples,
            lenders: self.train,
            seed: self.settings.seed,
            stream,
            batch_size,
            parts,
            tasks: self.settings.description.tasks,
            device: self.model.parameters().device(),
        }
    }
}

impl Training for Pretraining<'_> {
    type Batch = PretrainBatch;
    type StepDetails = BatchResults;
    type Sums = EpochLosses;
    type Results = BestLoss;
    type Validation = PretrainSums;
    type Outcome = PretrainOutcome;

    const NAMES: WeightsNames = WeightsNames {
        best: BEST_LOSS,
        epoch: |epoch| Some(after_epoch(epoch + 1)),
        last: None,
        ending: PRETRAINED_SUFFIX,
    };

    fn identity(&self) -> RunIdentity {
        identity(self.settings, self.train, self.valid, machine_facts(self.model.parameters().device()))
    }

    fn load_last(&self) -> Result<()> {
        Ok(())
    }

    fn opening(&self) -> String {
        let total = self.length.steps();
        let warm = (total as f64 * PRETRAINING.warm_up) as u64;
        format!("Batch per epoch: {}\nTotal Iters: {total}\nWarm up Iters: {warm}\n", self.length.steps_per_epoch())
    }

    fn batches<'s, 'd: 's>(
        &self,
        scope: &'s Scope<'s, 'd>,
        epoch: u64,
        order: &'d [usize],
    ) -> Result<BatchStream<'d, PretrainBatch>>
    where
        Self: 'd,
    {
        self.train.sentences.source.check_length()?;
        let PretrainSettings { batch_size, accumulate, .. } = *self.settings;
        let source = self.batch_source(self.train, training_stream(epoch), batch_size, accumulate);
        Ok(Box::new(batches::stream(scope, source, order)))
    }

    fn step(&mut self, updater: &mut Updater<'_>, batch: &PretrainBatch) -> Result<Option<StepResult<BatchResults>>> {
        self.stepper.part(updater, batch)
    }

    fn count(&self, sums: &mut EpochLosses, step: &StepResult<BatchResults>) {
        sums.sums.add(&step.details, &self.train.sentences.data);
    }

    fn losses(&self, step: &BatchResults) -> Vec<(&'static str, f64)> {
        self.settings.description.tasks.names().into_iter().zip(step.losses.iter().copied()).collect()
    }

    fn training_lines(&self, epoch: u64, sums: &EpochLosses) -> String {
        sums.sums.lines(&format!("The training loss for Epoch {epoch}"), self.settings.description.tasks)
    }

    /// Validates, with masks that are drawn again in each epoch.
    fn validate(&self, epoch: u64, seen: &mut dyn FnMut(usize) -> Result<()>) -> Result<Option<PretrainSums>> {
        let Some(valid) = self.valid else { return Ok(None) };
        valid.sentences.source.check_length()?;
        let source = self.batch_source(valid, validation_stream(epoch), self.settings.eval_batch_size, 1);
        let order: Vec<usize> = (0..valid.sampler.len()).collect();
        let tasks = self.settings.description.tasks;
        let mut sums = PretrainSums::default();
        std::thread::scope(|scope| {
            for batch in batches::stream(scope, source, &order) {
                let batch = batch?;
                let mut results = BatchResultsBuilder::default();
                tch::no_grad(|| drop(results.add(self.model, &batch, tasks, ForwardContext::EVAL)));
                sums.add(&results.finish(tasks, batch.counts), &valid.sentences.data);
                seen(batch.examples.len())?;
            }
            Ok(Some(sums))
        })
    }

    fn end_epoch(
        &self,
        at: &mut SessionPosition<EpochLosses, BestLoss>,
        valid: Option<PretrainSums>,
        made: EpochWork,
    ) -> EpochEnd<PretrainOutcome> {
        let SessionPosition { epoch, sums: EpochLosses { sums }, results: BestLoss { best }, .. } = at;
        let valid_loss = valid.as_ref().map(PretrainSums::loss);
        let is_best = valid_loss.is_some_and(|loss| best.is_none_or(|best| loss < best.loss));
        if is_best {
            *best = valid_loss.map(|loss| BestEpoch { loss, epoch: *epoch });
        }
        let (best, steps) = (*best, made.steps);
        let outcome = PretrainOutcome { steps, train_loss: sums.loss(), valid_loss, best };
        let tasks = self.settings.description.tasks;
        let metrics = [
            ("train", sums.metrics(tasks)),
            ("valid", json!(valid.as_ref().map(|valid| valid.metrics(tasks)))),
            ("best", json!(best)),
        ];
        let mut scalars = vec![("train/examples_per_second".to_owned(), made.examples_per_second)];
        scalars.extend(accuracies("train", sums));
        if let Some(valid) = &valid {
            scalars.push(("valid/loss".to_owned(), valid.loss()));
            scalars.extend(valid.losses(tasks).map(|(tag, loss)| (format!("valid/{tag}"), loss)));
            scalars.extend(accuracies("valid", valid));
        }
        let lines = valid.map(|valid| valid.lines("The valid loss", tasks)).unwrap_or_default();
        EpochEnd { outcome, is_best, result: EpochResult { lines, metrics, scalars } }
    }

    fn save(&self, name: &str) -> Result<WeightsDigests> {
        let PretrainSettings { output, description, vocabulary, pth, .. } = self.settings;
        weights::save(self.model, output, name, description, vocabulary.as_deref(), *pth)
    }
}

fn accuracies(of: &str, sums: &PretrainSums) -> impl Iterator<Item = (String, f64)> {
    sums.accuracies().into_iter().map(move |(tag, value)| (format!("{of}/accuracy/{tag}"), value))
}
