//! Compares all images of both files on all cores, in memory that does not grow with the features.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::image::{ImageDifferences, QuantityHistograms, compare_images};
use super::pair::check_comparable;
use super::rules::MatchRules;
use crate::features::open_features::OpenFeatures;
use crate::features::row::Row;
use base::error::{Error, Result};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Images that a thread takes at a time, neighbours in A.
const TOGETHER: usize = 4;

/// Compares images given by their places in A and B. The images come in that order, so nothing depends on threads.
///
/// # Errors
/// The damage of the first of these images that has any, or another number of features per box in A than in B.
pub(super) fn all(
    inputs: [&OpenFeatures; 2],
    places: &[[usize; 2]],
    rules: &MatchRules,
    threads: usize,
    progress: &dyn Observer,
) -> Result<(Vec<ImageDifferences>, QuantityHistograms)> {
    let bytes = |places: &[usize; 2]| inputs[0].row_bytes(places[0]) + inputs[1].row_bytes(places[1]);
    let total: u64 = places.iter().map(bytes).sum();
    let task = ProgressTask::begin(progress, TaskStart::new("comparing", total, Unit::Bytes));
    let (next, stop) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let mut images: Vec<Option<ImageDifferences>> = vec![None; places.len()];
    let mut failed: Option<(usize, Error)> = None;
    let tally = std::thread::scope(|scope| {
        let (sender, results) = mpsc::sync_channel(1024);
        let work = |sender: mpsc::SyncSender<(usize, Result<ImageDifferences>)>| {
            let mut worker = CompareWorker {
                inputs,
                rules,
                tally: QuantityHistograms::new(),
                rows: Default::default(),
                text: Vec::new(),
            };
            loop {
                let from = next.fetch_add(TOGETHER, Ordering::Relaxed);
                if from >= places.len() {
                    return worker.tally;
                }
                for (at, &place) in places.iter().enumerate().skip(from).take(TOGETHER) {
                    // Images before a damaged one are still compared, so that the first damage is the one that is told.
                    if at > stop.load(Ordering::Relaxed) {
                        return worker.tally;
                    }
                    let result = worker.image(place);
                    if result.is_err() {
                        stop.fetch_min(at, Ordering::Relaxed);
                    }
                    if sender.send((at, result)).is_err() {
                        return worker.tally;
                    }
                }
            }
        };
        let workers: Vec<_> = (0..threads.clamp(1, places.len().max(1)))
            .map(|_| {
                let sender = sender.clone();
                scope.spawn(move || work(sender))
            })
            .collect();
        drop(sender);
        for (at, result) in results {
            task.advance(bytes(&places[at]));
            match result {
                Ok(image) => images[at] = Some(image),
                Err(error) if failed.as_ref().is_none_or(|(first, _)| at < *first) => failed = Some((at, error)),
                Err(_) => {}
            }
        }
        let mut tally = QuantityHistograms::new();
        for worker in workers {
            tally.merge(&worker.join().map_err(|_| Error::bug("a thread that compared images ended abnormally"))?);
        }
        Ok::<_, Error>(tally)
    })?;
    match failed {
        Some((_, error)) => Err(error),
        None => Ok((images.into_iter().flatten().collect(), tally)),
    }
}

struct CompareWorker<'i> {
    inputs: [&'i OpenFeatures; 2],
    rules: &'i MatchRules,
    tally: QuantityHistograms,
    rows: [Row; 2],
    text: Vec<u8>,
}

impl CompareWorker<'_> {
    fn image(&mut self, places: [usize; 2]) -> Result<ImageDifferences> {
        for ((input, place), row) in self.inputs.iter().zip(places).zip(&mut self.rows) {
            input.read(place, &mut self.text, row)?;
        }
        let [a, b] = &self.rows;
        check_comparable(a, b)?;
        Ok(compare_images(a, b, self.rules, &mut self.tally))
    }
}
