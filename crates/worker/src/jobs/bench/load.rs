//! Measures loading: from the mapped feature store to batches that are ready for the model.

use std::time::{Duration, Instant};

use base::error::{Error, Result};
use lxmert::train::batches;
use lxmert_spec::Config;
use measure::{Repeats, Times, rounded};
use protocol::BenchLoad;
use serde_json::{Value, json};
use trainings::examples::PreparedSplit;

use super::subject::{generated_data, repeats, threads};
use super::{questions, sizes};
use crate::devices;
use crate::jobs::job_context::JobContext;

/// Measures passes over generated examples in a shuffled order, each about its own image, with the batches of training. The store
/// was just written, so it is in the page cache. A plain copy of the same number of bytes in memory takes turns with them.
///
/// # Errors
/// Usage for sizes out of range; infra or disk if the store cannot be written.
pub(crate) fn load(job: &BenchLoad, context: &JobContext) -> Result<Value> {
    let (sizes, repeats) = (&job.sizes, repeats(job.rounds)?);
    let config = Config::lxr955();
    sizes::check(sizes, &config)?;
    check(job)?;
    let generated = questions::one_per_image(job.images, sizes.words, config.vocab_size);
    let (questions, _folder) = generated_data(generated, sizes)?;
    let mut order: Vec<usize> = (0..job.images).collect();
    // A fixed shuffle: by the leading bits of a product with the golden ratio (Knuth's multiplicative hash).
    order.sort_by_key(|&position| (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));

    let say = |line: String| context.emitter.message(line);
    let (mut passes, mut copies) = (Times::new("pass", repeats), PlainCopy::new(&questions, repeats));
    for _ in 0..repeats.total() {
        passes.add(pass(&questions, &order, job, context), say);
        copies.measure();
    }
    let bytes = (copies.source.len() * size_of::<f32>()) as f64;
    Ok(measure::report_with(
        lxmert::libtorch::versions(),
        json!({
            "bench": "load",
            "what": "batches of training from the mapped store, which is in the page cache: one pass over all examples",
            "data": "generated",
            "sizes": {
                "examples": job.images,
                "batch_size": sizes.batch_size,
                "boxes": sizes.boxes,
                "features": sizes.features,
                "words": sizes.words,
                "answers": sizes.answers,
                "feature_bytes": bytes,
            },
            "device": devices::described_device(context.device).name,
            "warmup": repeats.warmup,
            "steps": repeats.steps,
            "ms_per_step": passes.json(),
            "examples_per_s": passes.rates(job.images as f64),
            "gb_per_s": passes.rates(bytes / 1e9),
            "memcpy_one_thread": { "ms": copies.times.json(), "gb_per_s": copies.times.rates(bytes / 1e9) },
            "speed_against_memcpy": {
                "best": rounded(copies.times.best() / passes.best()),
                "median": rounded(copies.times.median() / passes.median()),
            },
        }),
        threads(),
    ))
}

/// Checks that the images fit into memory twice on any machine that this is meant for.
fn check(job: &BenchLoad) -> Result<()> {
    let values = job.images as u128 * job.sizes.boxes as u128 * job.sizes.features as u128;
    if job.images == 0 || values > 1 << 31 {
        return Err(Error::usage("--images times --boxes times --features must be from 1 to 2^31 numbers")
            .next("choose other values of --images, --boxes or --features"));
    }
    Ok(())
}

/// Takes all batches of a pass, as training does, and returns how long that took.
fn pass(questions: &PreparedSplit, order: &[usize], job: &BenchLoad, context: &JobContext) -> Duration {
    let started = Instant::now();
    std::thread::scope(|scope| {
        let stream = batches::stream(scope, questions, order, job.sizes.batch_size, 0, context.device);
        if let Some(last) = stream.last() {
            // Waits for a GPU, so that the time includes all copies.
            let _ = last.input.features.double_value(&[0, 0, 0]);
        }
    });
    started.elapsed()
}

/// Copies as many bytes as a pass loads, on one thread, between two places in memory that were used before.
struct PlainCopy {
    source: Vec<f32>,
    target: Vec<f32>,
    times: Times,
}

impl PlainCopy {
    fn new(questions: &PreparedSplit, repeats: Repeats) -> Self {
        let values = questions.examples.len() * questions.source.boxes() * questions.source.dim();
        Self { source: vec![1.0; values], target: vec![2.0; values], times: Times::new("copy", repeats) }
    }

    fn measure(&mut self) {
        let started = Instant::now();
        self.target.copy_from_slice(std::hint::black_box(&self.source));
        std::hint::black_box(&mut self.target);
        self.times.add(started.elapsed(), drop);
    }
}
