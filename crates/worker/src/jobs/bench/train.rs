//! Measures training steps.

use std::time::{Duration, Instant};

use base::error::Result;
use data::dataset::Task;
use lxmert::train::batches;
use lxmert::train::finetune::step::{FinetuneStepSettings, FinetuneStepper, StepTimes};
use lxmert_spec::paper::{OPTIM, SEED, fine_tuning};
use measure::Times;
use protocol::BenchTrain;
use serde_json::{Value, json};

use super::subject::{Subject, repeats, threads};
use super::{questions, sizes};
use crate::jobs::job_context::JobContext;
use crate::{devices, memory};

/// Measures fine-tuning steps with VQA's loss: a batch from the mapped store, forward with dropout, backward, clipping, BertAdam.
///
/// # Errors
/// Usage for sizes out of range; those of the steps.
pub(crate) fn train(job: &BenchTrain, context: &JobContext) -> Result<Value> {
    let (config, sizes, repeats) = (&job.config, &job.sizes, repeats(job.rounds)?);
    sizes::check(sizes, config)?;
    let generated = questions::one_per_image(sizes.batch_size, sizes.words, config.vocab_size);
    let Subject { model, questions, .. } = &Subject::new(config, sizes, generated, context)?;
    let total = repeats.total();
    let lr = fine_tuning(Task::Vqa).training.lr;
    let rule = FinetuneStepSettings { optim: OPTIM, lr, seed: SEED, mce_loss: false, total: total as u64 };
    let stepper = FinetuneStepper::new(model, questions, rule);
    let mut updater = stepper.updater();
    let order: Vec<usize> = (0..total).flat_map(|_| 0..sizes.batch_size).collect();
    let mut times = Times::new("step", repeats);
    let mut parts: Vec<(Duration, StepTimes)> = Vec::with_capacity(repeats.steps);
    std::thread::scope(|scope| -> Result<()> {
        let stream = batches::stream(scope, questions, &order, sizes.batch_size, 0, context.device);
        let mut started = Instant::now();
        for ready in stream {
            let batch = started.elapsed();
            let step = stepper.step(&mut updater, &ready)?;
            let finished = Instant::now();
            if times.add(finished - started, |line| context.emitter.message(line)) {
                parts.push((batch, step.details.times));
            }
            started = finished;
        }
        Ok(())
    })?;
    let part = |pick: fn(&(Duration, StepTimes)) -> Duration| {
        measure::part(&parts.iter().map(|p| pick(p).as_secs_f64() * 1e3).collect::<Vec<_>>())
    };
    Ok(measure::report_with(
        lxmert::libtorch::versions(),
        json!({
            "bench": "train",
            "what": "a fine-tuning step: batch from the mapped store, forward with dropout, backward, clipping to 5, BertAdam",
            "data": "generated",
            "sizes": sizes::reported(sizes, config, model.parameters().count()),
            "device": devices::described_device(context.device).name,
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
            "gpu_peak_memory_bytes": memory::gpu_peak(),
        }),
        threads(),
    ))
}
