//! The losses of pre-training, and one step over a batch in one or several parts.

use tch::{Device, Kind, Tensor};

use super::batches::PretrainBatch;
use crate::model::ForwardContext;
use crate::model::pretraining::{self, LossCounts, PretrainingModel};
use crate::train::bert_adam;
use crate::train::optimiser::Optimiser;
use crate::train::session::{self, Updater};
use base::error::{Error, Result};
use lxmert_spec::paper::PRETRAINING;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use trainings::options::Optim;
use trainings::pretrain::data::PretrainSentences;

/// The losses, correct items and answers of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchResults {
    /// Sum of the losses.
    pub loss: f64,
    /// Losses of the chosen tasks, in the order of their names.
    pub losses: Vec<f64>,
    /// For each task that classifies: its name, the number of correct items, and the number of all items.
    pub right: Vec<(&'static str, u64, u64)>,
    /// Numbers of the examples with the best answer to each; empty without the question answering task.
    pub answers: Vec<(usize, usize)>,
}

/// The results of a batch's parts so far, as tensors on the model's device.
#[derive(Default)]
pub struct BatchResultsBuilder {
    losses: Vec<Tensor>,
    right: Vec<(&'static str, Tensor)>,
    answers: Vec<(Vec<usize>, Tensor)>,
}

impl BatchResultsBuilder {
    /// Runs the model on a batch or a part of one and adds the results. Returns the part's share of the loss.
    pub fn add(
        &mut self,
        model: &PretrainingModel,
        batch: &PretrainBatch,
        tasks: PretrainTasks,
        pass: ForwardContext,
    ) -> Tensor {
        let scores = model.forward_for(&batch.inputs(), tasks, &batch.places, pass);
        let targets = batch.targets();
        let losses = pretraining::losses_of_part(&scores, &targets, tasks, batch.counts);
        let total = Tensor::stack(&losses.iter().map(|(_, loss)| loss.shallow_clone()).collect::<Vec<_>>(), 0);
        let right = pretraining::correct(&scores, &targets, tasks);
        self.losses.push(total.detach());
        self.right.extend(right);
        if tasks.qa {
            self.answers.push((batch.examples.clone(), scores.answer.detach().argmax(1, false)));
        }
        total.sum(Kind::Float)
    }

    /// Returns the results of a batch whose parts were all added.
    pub fn finish(self, tasks: PretrainTasks, counts: LossCounts) -> BatchResults {
        let sum = Tensor::stack(&self.losses, 0).to_kind(Kind::Double).sum_dim_intlist([0i64].as_slice(), false, None);
        let losses = Vec::<f64>::try_from(sum.to_device(Device::Cpu)).unwrap_or_default();
        let counted: Vec<Tensor> = self.right.iter().map(|(_, right)| right.shallow_clone()).collect();
        let counted = match counted.is_empty() {
            true => Vec::new(),
            false => Vec::<i64>::try_from(Tensor::stack(&counted, 0).to_device(Device::Cpu)).unwrap_or_default(),
        };
        let mut right: Vec<(&'static str, u64, u64)> = Vec::new();
        for (&(name, _), &count) in self.right.iter().zip(&counted) {
            let of = match name {
                "Mask_LM" => counts.words,
                "Matched" => counts.examples,
                _ => counts.boxes,
            };
            match right.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, sum, _)) => *sum += count as u64,
                None => right.push((name, count as u64, of as u64)),
            }
        }
        debug_assert_eq!(losses.len(), tasks.names().len());
        let answers = self.answers.into_iter().flat_map(|(examples, best)| {
            let best = Vec::<i64>::try_from(best.to_device(Device::Cpu)).unwrap_or_default();
            examples.into_iter().zip(best.into_iter().map(|answer| answer as usize)).collect::<Vec<_>>()
        });
        BatchResults { loss: losses.iter().sum(), losses, right, answers: answers.collect() }
    }
}

/// The settings that all steps of a run share.
#[derive(Debug, Clone, Copy)]
pub struct PretrainStepSettings {
    /// Tasks whose losses are summed.
    pub tasks: PretrainTasks,
    /// Peak learning rate.
    pub lr: f64,
    /// Seed of dropout.
    pub seed: u64,
    /// Steps of the whole run, over which the learning rate is scheduled.
    pub total: u64,
}

/// A pre-training of which steps are taken one by one.
pub struct PretrainStepper<'a> {
    model: &'a PretrainingModel,
    sentences: &'a PretrainSentences,
    settings: PretrainStepSettings,
    /// Sum of the gradients of the batch's parts so far.
    gradients: Vec<Tensor>,
    results: BatchResultsBuilder,
    examples: Vec<usize>,
}

/// The result of a step.
pub type PretrainStepResult = session::StepResult<BatchResults>;

impl<'a> PretrainStepper<'a> {
    /// Creates a stepper that trains `model` on batches of `sentences`.
    pub fn new(model: &'a PretrainingModel, sentences: &'a PretrainSentences, settings: PretrainStepSettings) -> Self {
        Self {
            model,
            sentences,
            settings,
            gradients: Vec::new(),
            results: BatchResultsBuilder::default(),
            examples: Vec::new(),
        }
    }

    /// Returns the updater of the model's weights.
    pub fn updater(&self) -> Updater<'a> {
        let PretrainStepSettings { lr, seed, total, .. } = self.settings;
        let optimiser =
            Optimiser::new(Optim::Bert, bert_adam::BertAdamSettings::new(lr, PRETRAINING.warm_up, Some(total)));
        Updater::new(self.model.parameters(), optimiser, PRETRAINING.clip, seed)
    }

    /// Adds a part of a batch. The last part completes the step; before that, returns `None`.
    ///
    /// # Errors
    /// Data, with examples of the batch, if a loss or gradient is not finite; then the weights are unchanged.
    pub fn part(&mut self, updater: &mut Updater<'_>, batch: &PretrainBatch) -> Result<Option<PretrainStepResult>> {
        if self.gradients.is_empty() {
            updater.seed_step();
            self.examples.clear();
        }
        self.examples.extend(&batch.examples);
        let loss = self.results.add(self.model, batch, self.settings.tasks, ForwardContext::TRAIN);
        let gradients = updater.gradients(&loss);
        drop(loss);
        if self.gradients.is_empty() {
            self.gradients = gradients;
        } else {
            for (sum, gradient) in self.gradients.iter_mut().zip(gradients) {
                match (sum.defined(), gradient.defined()) {
                    (true, true) => drop(sum.g_add_(&gradient)),
                    (false, true) => *sum = gradient,
                    (_, false) => {}
                }
            }
        }
        if batch.rest > 0 {
            return Ok(None);
        }
        let results = std::mem::take(&mut self.results).finish(self.settings.tasks, batch.counts);
        let gradients = updater.reduce(std::mem::take(&mut self.gradients));
        let (loss, grad_norm) = (results.loss, gradients.norm);
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(self.diverged(updater.steps(), &results, grad_norm));
        }
        let lr = updater.update(&gradients);
        Ok(Some(PretrainStepResult { loss, grad_norm, lr, details: results }))
    }

    fn diverged(&self, step: u64, results: &BatchResults, norm: f64) -> Error {
        let data = &self.sentences.data;
        let uids: Vec<String> =
            self.examples.iter().take(5).filter_map(|&n| Some(data.uid(data.examples().get(n)?))).collect();
        let losses: Vec<String> = self.settings.tasks.names().into_iter().zip(&results.losses).map(named).collect();
        Error::data(format!("training diverged at step {}: gradient norm {norm}, losses {}", step + 1, losses.join(", ")))
            .because(format!("its batch has {} examples: {}, …", self.examples.len(), uids.join(", ")))
            .next("inspect these images' features (`repro features inspect`), or lower --lr; this step left the weights unchanged")
    }
}

fn named((name, loss): (&str, &f64)) -> String {
    format!("{name} {loss}")
}
