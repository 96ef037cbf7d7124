//! Sizes of the generated input, and training steps.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tch::Device;

use super::machine;
use super::questions::{self, Asked};
use super::timing::{self, Repeats, Times};
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use base::tell;
use lxmert::model::TaskModel;
use lxmert::train::batches;
use lxmert::train::step::{Parts, Rule, Stepper};
use lxmert_spec::Config;
use trainings::choices::Optim;
use trainings::questions::Questions;

/// Sizes of the generated input.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Examples a step.
    pub batch_size: usize,
    /// Boxes an image.
    pub boxes: usize,
    /// Features a box.
    pub features: usize,
    /// Word positions of a sentence: all in use in training, the most in use in answering.
    pub words: usize,
    /// Answers of the head.
    pub answers: usize,
}

impl Sizes {
    /// Refuses sizes that cannot be.
    pub(super) fn check(&self, config: &Config) -> Result<()> {
        config.check()?;
        const MOST: usize = 1 << 16;
        for (name, size) in [
            ("--batch-size", self.batch_size),
            ("--boxes", self.boxes),
            ("--features", self.features),
            ("--words", self.words),
            ("--answers", self.answers),
        ] {
            if !(1..=MOST).contains(&size) {
                return Err(Error::usage(format!("{name} must be in 1..={MOST}")));
            }
        }
        if self.words > config.max_position_embeddings {
            return Err(Error::usage(format!(
                "--words {} is more than the {} positions of the model",
                self.words, config.max_position_embeddings
            )));
        }
        // f32 values; a single batch of this size would be beyond any machine that this is meant for.
        let values = self.batch_size as u128 * self.boxes as u128 * self.features as u128;
        if values > 1 << 31 {
            return Err(Error::usage("--batch-size times --boxes times --features is too large: above 2^31 numbers"));
        }
        Ok(())
    }

    pub(super) fn json(&self, config: &Config, parameters: usize) -> Value {
        json!({
            "model": config,
            "parameters": parameters,
            "batch_size": self.batch_size,
            "boxes": self.boxes,
            "features": self.features,
            "words": self.words,
            "answers": self.answers,
        })
    }
}

/// Generated data and a random model.
pub(super) struct Subject {
    pub(super) model: TaskModel,
    pub(super) questions: Questions,
    // Holds the feature store's file.
    pub(super) _folder: TemporaryFolder,
}

pub(super) fn subject(config: &Config, sizes: &Sizes, asked: Vec<Asked>, device: Device) -> Result<Subject> {
    let folder =
        TemporaryFolder::new(None).map_err(|error| Error::infra("cannot create a temporary folder").because(error))?;
    let questions = questions::questions(asked, sizes, folder.path())?;
    tch::manual_seed(9595);
    let model = TaskModel::new(config, 1, sizes.answers, device)?;
    tell!("{} parameters, random", model.parameters().count());
    Ok(Subject { model, questions, _folder: folder })
}

/// Fine-tuning steps on VQA's loss: a batch out of the mapped store, forward with dropout, backward, clipping, BertAdam.
pub fn train(config: &Config, sizes: &Sizes, repeats: Repeats, device: Device) -> Result<Value> {
    let repeats = repeats.check()?;
    sizes.check(config)?;
    let asked = questions::apart(sizes.batch_size, sizes.words, config.vocab_size);
    let Subject { model, questions, _folder } = &subject(config, sizes, asked, device)?;
    let total = repeats.total();
    let rule = Rule { optim: Optim::Bert, lr: 5e-5, seed: 9595, mce_loss: false, total: total as u64 };
    let mut stepper = Stepper::new(model, questions, rule);
    let order: Vec<usize> = (0..total).flat_map(|_| 0..sizes.batch_size).collect();
    let mut times = Times::new("step", repeats);
    let mut parts: Vec<(Duration, Parts)> = Vec::with_capacity(repeats.steps);
    std::thread::scope(|scope| -> Result<()> {
        let stream = batches::stream(scope, questions, &order, sizes.batch_size, true, 0, device);
        let mut started = Instant::now();
        for ready in stream {
            let batch = started.elapsed();
            let step = stepper.step(&ready)?;
            let finished = Instant::now();
            if times.add(finished - started) {
                parts.push((batch, step.parts));
            }
            started = finished;
        }
        Ok(())
    })?;
    let part = |pick: fn(&(Duration, Parts)) -> Duration| {
        timing::part(&parts.iter().map(|p| pick(p).as_secs_f64() * 1e3).collect::<Vec<_>>())
    };
    Ok(machine::report(
        json!({
            "bench": "train",
            "what": "a fine-tuning step: batch from the mapped store, forward with dropout, backward, clipping to 5, BertAdam",
            "data": "generated",
            "sizes": sizes.json(config, model.parameters().count()),
            "device": device_name(device),
            "warmup": repeats.warmup,
            "steps": repeats.steps,
            "ms_per_step": times.json(),
            "parts_ms": {
                "batch": part(|p| p.0),
                "forward": part(|p| p.1.forward),
                "backward": part(|p| p.1.backward),
                "clip": part(|p| p.1.clip),
                "optimiser": part(|p| p.1.optimiser),
            },
            "examples_per_s": times.rates(sizes.batch_size as f64),
        }),
        threads(),
    ))
}

pub(super) fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

pub(super) fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}
