//! Answering questions: the fast way against the plain one.

use std::collections::HashSet;
use std::time::Instant;

use base::error::{Error, Result};
use lxmert::model::TaskModel;
use lxmert::train::predict::{PredictMode, scores};
use measure::{Repeats, Times, rounded};
use protocol::BenchPredict;
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use trainings::examples::{MAX_WORDS, PreparedSplit};
use trainings::options::Average;

use super::subject::{Subject, repeats, threads};
use super::{questions, sizes};
use crate::devices;
use crate::jobs::work::Work;

/// Refuses what cannot be asked.
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
        return Err(Error::usage("the images' features are too many: above 2^33 numbers"));
    }
    Ok(())
}

/// Answers the same questions in both ways in turns, from the mapped store to the best answer.
///
/// # Errors
/// Usage for sizes that cannot be; those of answering.
pub(crate) fn predict(job: &BenchPredict, work: &Work) -> Result<Value> {
    let (config, sizes, repeats) = (&job.config, &job.sizes, repeats(job.rounds)?);
    sizes::check(sizes, config)?;
    check(job)?;
    let (count, questions_per_image) = (job.questions, job.questions_per_image);
    let asked = questions::together(count, questions_per_image, job.repeats, sizes.words, config.vocab_size);
    let distinct = asked.iter().map(|question| &question.words).collect::<HashSet<_>>().len();
    let words: usize = asked.iter().map(|question| question.words.len()).sum();
    let Subject { model, questions, .. } = &Subject::new(config, sizes, asked, work)?;
    let (mut plain, mut fast) = (Measured::new("plain", repeats, work), Measured::new("fast", repeats, work));
    let (mut difference, mut equal) = (0.0_f64, 0);
    for _ in 0..repeats.total() {
        let of_plain = plain.measure(PredictMode::Reference, model, questions, sizes.batch_size)?;
        let of_fast = fast.measure(PredictMode::Cached, model, questions, sizes.batch_size)?;
        difference = difference.max((&of_plain - &of_fast).abs().max().double_value(&[]));
        let same = of_plain.argmax(1, false).eq_tensor(&of_fast.argmax(1, false));
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
            "device": devices::told(work.device).name,
            "warmup": repeats.warmup,
            "steps": repeats.steps,
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

struct Measured<'a> {
    work: &'a Work<'a>,
    times: Times,
    /// Of the process, in milliseconds, of the counted steps.
    cpu: Vec<f64>,
}

impl<'a> Measured<'a> {
    fn new(what: &'static str, repeats: Repeats, work: &'a Work<'a>) -> Self {
        Self { work, times: Times::new(what, repeats), cpu: Vec::new() }
    }

    /// Scores (questions, answers) in the questions' order.
    fn measure(
        &mut self,
        way: PredictMode,
        model: &TaskModel,
        questions: &PreparedSplit,
        batch_size: usize,
    ) -> Result<Tensor> {
        let mut parts: Vec<(Vec<usize>, Tensor)> = Vec::new();
        let (started, cpu) = (Instant::now(), cpu_ms());
        scores(way, &[model], Average::Logits, questions, batch_size, |positions, scores| {
            // Asks a GPU for its results, so that the clock has them all.
            let _ = scores.argmax(1, false).to_device(Device::Cpu);
            parts.push((positions.to_vec(), scores.shallow_clone()));
            Ok(())
        })?;
        if self.times.add(started.elapsed(), |line| self.work.emitter.said(line)) {
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
