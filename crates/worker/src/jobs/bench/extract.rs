//! Measures the native detector: from a decoded picture to its row of features.

use std::time::Instant;

use base::error::Result;
use checkpoint::StateDict;
use lxmert::model::butd::input::TestScale;
use lxmert::model::butd::{ButdSizes, Detector, random_weights};
use measure::{Times, rounded};
use protocol::BenchExtract;
use serde_json::{Value, json};

use super::picture_input::{load, pixels};
use super::stage_clock::StageClock;
use super::subject::{repeats, threads};
use crate::devices;
use crate::jobs::job_context::JobContext;
use crate::memory;

/// Measures pictures in turn, each beside the convolutions of the network alone in the same shapes.
///
/// # Errors
/// Usage for sizes out of range; data if weights or a picture cannot be used.
pub(crate) fn extract(job: &BenchExtract, context: &JobContext) -> Result<Value> {
    let repeats = repeats(job.rounds)?;
    let pictures = load(&job.pictures)?;
    let detector = {
        let state = weights(job)?;
        Detector::load(&state, TestScale::RELEASED, context.device)?
    };
    let (mut times, mut floors) = (Times::new("picture", repeats), Times::new("convolutions", repeats));
    let mut clock = StageClock::new(context.device);
    let (mut rows, mut resident) = (Vec::new(), Vec::new());
    for step in 0..repeats.total() {
        let picture = &pictures[step % pictures.len()];
        let (mut input, mut regions) = ([0; 2], 0);
        clock.start();
        let started = Instant::now();
        let found = detector.detect(pixels(picture), &mut |name, blob| {
            clock.saw(name);
            let size = blob.size();
            match name {
                "data" => input = [size[2] as usize, size[3] as usize],
                "rois" => regions = size[0] as usize,
                _ => {}
            }
        })?;
        let counts = times.add(started.elapsed(), |line| context.emitter.message(line));
        clock.end(counts);
        let floor = detector.convolutions_alone(input[0], input[1], regions);
        floors.add(floor, |line| context.emitter.message(line));
        if counts {
            resident.push(memory::memory().resident);
            rows.push(json!({
                "picture": [picture.width, picture.height],
                "input": [input[1], input[0]],
                "proposals": regions,
                "boxes": found.detections.boxes.len(),
            }));
        }
    }
    Ok(measure::report_with(
        lxmert::libtorch::versions(),
        json!({
            "bench": "extract",
            "what": "the native detector, from a decoded picture to its row of features; \
                     convolutions: those of its network alone, in the same shapes and layout",
            "weights": job.weights.as_deref().map_or_else(|| "random".to_owned(), |path| path.display().to_string()),
            "features": detector.sizes().features(),
            "device": devices::described_device(context.device).name,
            "warmup": repeats.warmup,
            "steps": repeats.steps,
            "pictures": rows,
            "ms_per_picture": times.json(),
            "pictures_per_s": times.rates(1.0),
            "convolutions_ms": floors.json(),
            "time_against_convolutions": {
                "best": rounded(times.best() / floors.best()),
                "median": rounded(times.median() / floors.median()),
            },
            "parts_ms": clock.json(),
            "resident_bytes": resident,
        }),
        threads(),
    ))
}

/// Reads the weights, or draws random ones of the published sizes.
fn weights(job: &BenchExtract) -> Result<StateDict> {
    match &job.weights {
        Some(path) => checkpoint::read_checkpoint(path),
        None => random_weights(ButdSizes::RELEASED),
    }
}
