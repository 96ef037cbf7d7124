//! Measures answering questions: the fast method against the plain one.

use std::collections::HashSet;
use std::time::Instant;

use base::error::{Error, Result};
use lxmert::model::TaskModel;
use lxmert::train::predict::{EvalBatch, PredictMode, scores};
use measure::{Repeats, Times, rounded};
use protocol::BenchPredict;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use trainings::examples::{MAX_WORDS, PreparedSplit};
use trainings::options::Average;

use super::subject::{Subject, repeats, threads};
use super::{questions, sizes};
use crate::jobs::job_context::JobContext;
use crate::{devices, memory};

/// Checks the numbers of questions and repeats.
fn check(job: &BenchPredict) -> Result<()> {
    const MOST: usize = 1 << 20;
    for (name, size) in [("--questions", job.questions), ("--questions-per-image", job.questions_per_image)] {
        if !(1..=MOST).contains(&size) {
            return Err(Error::usage(format!("{name} must be in 1..={MOST}")));
        }
    }
    if job.repeats > 95 {
        return Err(Error::usage("--repeats must be in 0..=95 percent"));
    }
    let sizes = &job.sizes;
    if sizes.words > MAX_WORDS {
        return Err(Error::usage(format!("--words must be in 1..={MAX_WORDS}, as in the original's programs")));
    }
    let images = job.questions.div_ceil(job.questions_per_image) as u128;
    if images * sizes.boxes as u128 * sizes.features as u128 > 1 << 33 {
        return Err(Error::usage("the images have too many features: more than 2^33 numbers")
            .next("reduce --questions, --boxes or --features"));
    }
    Ok(())
}

/// Answers the same questions with both methods in turns, from the mapped store to the best answer.
///
/// # Errors
/// Usage for sizes out of range; those of answering.
pub(crate) fn predict(job: &BenchPredict, context: &JobContext) -> Result<Value> {
    let (config, sizes, repeats) = (&job.config, &job.sizes, repeats(job.rounds)?);
    sizes::check(sizes, config)?;
    check(job)?;
    let (count, questions_per_image) = (job.questions, job.questions_per_image);
    let generated =
        questions::grouped_by_image(count, questions_per_image, job.repeats, sizes.words, config.vocab_size);
    let distinct = generated.iter().map(|question| &question.words).collect::<HashSet<_>>().len();
    let words: usize = generated.iter().map(|question| question.words.len()).sum();
    let Subject { model, questions, .. } = &Subject::new(config, sizes, generated, context)?;
    let (mut plain, mut fast) =
        (Measurement::new("plain", repeats, context), Measurement::new("fast", repeats, context));
    let batch = EvalBatch::new(sizes.batch_size);
    let (mut difference, mut equal) = (0.0_f64, 0);
    for _ in 0..repeats.total() {
        let plain_scores = plain.measure(PredictMode::Reference, model, questions, &batch)?;
        let fast_scores = fast.measure(PredictMode::Cached, model, questions, &batch)?;
        difference = difference.max((&plain_scores - &fast_scores).abs().max().double_value(&[]));
        let same = plain_scores.argmax(1, false).eq_tensor(&fast_scores.argmax(1, false));
        equal = same.sum(Kind::Int64).int64_value(&[]);
    }
    let mut sizes = sizes::reported(sizes, config, model.parameters().count());
    sizes["questions"] = count.into();
    sizes["questions_per_image"] = questions_per_image.into();
    sizes["images"] = count.div_ceil(questions_per_image).into();
    sizes["distinct_sentences"] = distinct.into();
    sizes["repeated_sentences_percent"] = rounded((count - distinct) as f64 / count as f64 * 100.0).into();
    sizes["words"] = json!({ "mean": rounded(words as f64 / count as f64), "padded_to_in_plain": MAX_WORDS });
    Ok(measure::report_with(
        lxmert::libtorch::versions(),
        json!({
            "bench": "predict",
            "what": "answering questions, dropout off, from the mapped store to the scores: images and distinct sentences \
                     once each (fast) against every question for itself, padded, through the whole model (plain)",
            "data": "generated",
            "sizes": sizes,
            "batch_size_used": batch.size(),
            "device": devices::described_device(context.device).name,
            "warmup": repeats.warmup,
            "steps": repeats.steps,
            "gpu_peak_memory_bytes": memory::gpu_peak(),
            "ms_per_step": fast.times.json(),
            "cpu_ms_per_step": measure::part(&fast.cpu),
            "examples_per_s": fast.times.rates(count as f64),
            "plain": {
                "ms_per_step": plain.times.json(),
                "cpu_ms_per_step": measure::part(&plain.cpu),
                "examples_per_s": plain.times.rates(count as f64),
            },
            "times_as_fast_as_plain": {
                "best": rounded(plain.times.best() / fast.times.best()),
                "median": rounded(plain.times.median() / fast.times.median()),
            },
            "equal_predictions": equal == count as i64,
            "different_predictions": count as i64 - equal,
            "largest_logit_difference": difference,
        }),
        threads(),
    ))
}

struct Measurement<'a> {
    context: &'a JobContext<'a>,
    times: Times,
    /// CPU time of the process in each counted step, in milliseconds.
    cpu: Vec<f64>,
}

impl<'a> Measurement<'a> {
    fn new(what: &'static str, repeats: Repeats, context: &'a JobContext<'a>) -> Self {
        Self { context, times: Times::new(what, repeats), cpu: Vec::new() }
    }

    /// Answers all questions once and returns the scores, of shape (questions, answers), in the order of the questions.
    fn measure(
        &mut self,
        way: PredictMode,
        model: &TaskModel,
        questions: &PreparedSplit,
        batch: &EvalBatch,
    ) -> Result<Tensor> {
        let mut parts: Vec<(Vec<usize>, Tensor)> = Vec::new();
        let (started, cpu) = (Instant::now(), cpu_ms());
        scores(way, &[model], Average::Logits, questions, batch, |positions, scores| {
            // Waits for a GPU, so that the time includes all its work.
            let _ = scores.argmax(1, false).to_device(Device::Cpu);
            parts.push((positions.to_vec(), scores.shallow_clone()));
            Ok(())
        })?;
        if self.times.add(started.elapsed(), |line| self.context.emitter.message(line)) {
            self.cpu.push(cpu_ms() - cpu);
        }
        let positions: Vec<i64> = parts.iter().flat_map(|(positions, _)| positions.iter().map(|&p| p as i64)).collect();
        let scores =
            Tensor::cat(&parts.into_iter().map(|(_, scores)| scores).collect::<Vec<_>>(), 0).to_device(Device::Cpu);
        Ok(scores.index_select(0, &Tensor::from_slice(&positions).argsort(0, false)))
    }
}

fn cpu_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the struct it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 * 1e-6
}
