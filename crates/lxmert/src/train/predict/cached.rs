//! Answers questions with each image and each distinct sentence encoded once. Questions about the same image are processed
//! together.

use std::collections::HashMap;

use tch::{Device, Tensor};

use super::sentence_cache::SentenceCache;
use super::workers::Workers;
use crate::model::inference::EncodedImages;
use crate::model::{CachedEncoder, TaskModel};
use crate::train::{batches, transfer};
use base::error::Result;
use trainings::examples::{FeatureRow, PreparedExample, PreparedSplit};

/// Questions that are processed together, with the features of the images that the previous window did not have.
struct Window {
    positions: Vec<usize>,
    /// All images of the questions; the first `known` are also in the previous window.
    places: Vec<FeatureRow>,
    /// Number of images that the previous window had.
    known: usize,
    /// Features of the other images (I, O, width).
    features: Tensor,
    /// Boxes of the other images (I, O, 4).
    boxes: Tensor,
}

/// Returns the positions of all questions, sorted by image.
pub(super) fn order(questions: &PreparedSplit) -> Vec<usize> {
    let places = |position: usize| &questions.examples[position].places;
    let mut order: Vec<usize> = (0..questions.examples.len()).collect();
    order.sort_by(|&a, &b| places(a).cmp(places(b)));
    order
}

/// Calls `each` with the positions of questions and each model's logits (B, answers), `window` questions of `order` at a time.
pub(super) fn logits(
    models: &[&TaskModel],
    questions: &PreparedSplit,
    order: &[usize],
    window: usize,
    mut each: impl FnMut(&[usize], Vec<Tensor>) -> Result<()>,
) -> Result<()> {
    let device = models[0].parameters().device();
    let encoders: Vec<CachedEncoder> = models.iter().map(|model| CachedEncoder::new(model)).collect();
    let question = |position: usize| &questions.examples[position];
    let workers = Workers::on(device);
    let mut sentences = SentenceCache::new();
    let mut encoded: Vec<Option<WindowImages>> = encoders.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let windows = batches::spawn_ahead(scope, |give| {
            let mut before = Vec::new();
            for positions in order.chunks(window) {
                let window = Window::new(questions, positions, &before, device);
                before.clone_from(&window.places);
                if give(window).is_err() {
                    break;
                }
            }
        });
        for window in windows {
            let mut positions = window.positions.clone();
            positions.sort_by_key(|&position| question(position).words.len());
            let batch: Vec<&PreparedExample> = positions.iter().map(|&position| question(position)).collect();
            sentences.encode(&encoders, batch.iter().map(|q| q.words.as_slice()), workers);
            let logits = encoders.iter().enumerate().map(|(model, encoder)| {
                let images = WindowImages::next(encoded[model].take(), encoder, &window, workers);
                let shares = batch.chunks(workers.share(batch.len(), encoder.images_per_example())).collect::<Vec<_>>();
                let pooled = workers.each(&shares, |batch| images.pooled(encoder, model, batch, &sentences));
                encoded[model] = Some(images);
                encoder.logits(&Tensor::cat(&pooled, 0))
            });
            let logits = logits.collect();
            each(&positions, logits)?;
            sentences.evict();
        }
        Ok(())
    })
}

impl Window {
    fn new(questions: &PreparedSplit, positions: &[usize], before: &[FeatureRow], device: Device) -> Self {
        let mut distinct: Vec<FeatureRow> =
            positions.iter().flat_map(|&position| questions.examples[position].places.iter().copied()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let before: std::collections::HashSet<&FeatureRow> = before.iter().collect();
        let (mut places, fresh): (Vec<FeatureRow>, Vec<FeatureRow>) =
            distinct.into_iter().partition(|place| before.contains(place));
        let (features, boxes) = batches::copy_images(questions, &fresh);
        let (features, boxes) = (transfer::pinned(features, device), transfer::pinned(boxes, device));
        let known = places.len();
        places.extend(fresh);
        Self { positions: positions.to_vec(), places, known, features, boxes }
    }
}

/// The features and boxes of a share of images.
struct ImageShare {
    features: Tensor,
    boxes: Tensor,
}

// SAFETY: its tensors are only read, and libtorch allows concurrent reads.
unsafe impl Sync for ImageShare {}

/// The images of a window, encoded by a model.
struct WindowImages {
    images: EncodedImages,
    rows: HashMap<FeatureRow, i64>,
}

impl WindowImages {
    /// Encodes the images of a window, reusing those of the previous window.
    fn next(before: Option<Self>, encoder: &CachedEncoder, window: &Window, workers: Workers) -> Self {
        let mut groups = Vec::new();
        if let Some(Self { images, rows }) = before.filter(|_| window.known > 0) {
            let rows: Vec<i64> = window.places[..window.known].iter().map(|place| rows[place]).collect();
            groups.push(images.select(&Tensor::from_slice(&rows).to_device(encoder.device())));
        }
        let fresh = window.places.len() - window.known;
        if fresh > 0 {
            let share = workers.share(fresh, 1) as i64;
            let parts = window.features.split(share, 0).into_iter().zip(window.boxes.split(share, 0));
            let parts: Vec<ImageShare> = parts.map(|(features, boxes)| ImageShare { features, boxes }).collect();
            let on = |t: &Tensor| transfer::to_device(t.shallow_clone(), encoder.device());
            groups.extend(workers.each(&parts, |part| encoder.images(&on(&part.features), &on(&part.boxes))));
        }
        let rows = window.places.iter().zip(0..).map(|(&place, row)| (place, row)).collect();
        Self { images: EncodedImages::concat(&groups), rows }
    }

    /// Computes the pooled outputs (questions · images per question, H).
    fn pooled(
        &self,
        encoder: &CachedEncoder,
        model: usize,
        batch: &[&PreparedExample],
        sentences: &SentenceCache,
    ) -> Tensor {
        let uses = batch.iter().flat_map(|q| q.places.iter().map(|place| (q.words.as_slice(), self.rows[place])));
        let (words, rows): (Vec<&[i64]>, Vec<i64>) = uses.unzip();
        let (lang, mask) = sentences.states(model, &words);
        let rows = Tensor::from_slice(&rows).to_device(lang.device());
        encoder.pooled(&lang, &mask, &self.images.select(&rows))
    }
}
