//! Builds batches in a given order, on a background thread ahead of the model.

use std::sync::mpsc::{IntoIter, SendError, sync_channel};
use std::thread::Scope;

use tch::{Device, Tensor};

use super::transfer;
use crate::model::TaskBatch;
use trainings::examples::{ExampleTarget, FeatureRow, PreparedSplit};
use trainings::options::Ablation;

/// Number of batches built ahead of the one in use.
const AHEAD: usize = 2;

/// A batch with its targets.
pub struct PreparedBatch {
    /// Positions of the examples in [`PreparedSplit::examples`].
    pub positions: Vec<usize>,
    /// The model's input.
    pub input: TaskBatch,
    /// Soft scores (B, answers) f32 or classes (B) int64; `None` for test data.
    pub target: Option<Tensor>,
}

/// Returns the batches of `order`, `batch_size` examples each; the last one may be shorter.
///
/// Sentences are padded to `length` words, or to the longest sentence of the batch if that is longer. Padding cannot influence the
/// pooled output, since its attention probability e^-10000 is 0 in f32.
pub fn stream<'s, 'd: 's>(
    scope: &'s Scope<'s, 'd>,
    questions: &'d PreparedSplit,
    order: &'d [usize],
    batch_size: usize,
    length: usize,
    device: Device,
) -> impl Iterator<Item = PreparedBatch> + use<'d> {
    let batch_size = batch_size.max(1);
    let batches = spawn_ahead(scope, move |give| {
        // Stops early if the receiver is dropped.
        let built = |positions| build(questions, positions, length).map(|tensor| transfer::pinned(tensor, device));
        let _ = order.chunks(batch_size).map(built).try_for_each(give);
    });
    batches.map(move |batch| batch.map(|tensor| transfer::to_device(tensor, device)))
}

/// Runs `make` on its own thread and returns the items that it passes to its argument. The thread is a few items ahead;
/// passing an item fails once the receiver is dropped.
pub(super) fn spawn_ahead<'s, 'd: 's, T: Send + 'd>(
    scope: &'s Scope<'s, 'd>,
    make: impl FnOnce(&mut dyn FnMut(T) -> Result<(), SendError<T>>) + Send + 'd,
) -> IntoIter<T> {
    let (send, receive) = sync_channel(AHEAD);
    scope.spawn(move || make(&mut |item| send.send(item)));
    receive.into_iter()
}

impl PreparedBatch {
    /// Applies `change` to each tensor.
    fn map(self, change: impl Fn(Tensor) -> Tensor) -> Self {
        let TaskBatch { ids, mask, features, boxes } = self.input;
        let input =
            TaskBatch { ids: change(ids), mask: change(mask), features: change(features), boxes: change(boxes) };
        Self { positions: self.positions, input, target: self.target.map(change) }
    }
}

fn build(questions: &PreparedSplit, positions: &[usize], length: usize) -> PreparedBatch {
    let examples = || positions.iter().map(|&p| &questions.examples[p]);
    let sentences: Vec<&[i64]> = examples().map(|q| q.words.as_slice()).collect();
    let (ids, mask) = pad_sentences(&sentences, length);
    let places: Vec<FeatureRow> = examples().flat_map(|q| q.places.iter().copied()).collect();
    let (features, boxes) = copy_images(questions, &places);
    PreparedBatch {
        positions: positions.to_vec(),
        input: TaskBatch { ids, mask, features, boxes },
        target: targets(questions, positions),
    }
}

/// Returns word ids and mask (B, S) of sentences. S is `length` or the longest sentence, whichever is longer.
pub(super) fn pad_sentences(sentences: &[&[i64]], length: usize) -> (Tensor, Tensor) {
    let length = sentences.iter().map(|words| words.len()).fold(length, usize::max);
    let mut ids = vec![0_i64; sentences.len() * length];
    let mut mask = vec![0_i64; sentences.len() * length];
    for (i, words) in sentences.iter().enumerate() {
        let row = i * length..i * length + words.len();
        ids[row.clone()].copy_from_slice(words);
        mask[row].fill(1);
    }
    let shape = [sentences.len() as i64, length as i64];
    (Tensor::from_slice(&ids).view(shape), Tensor::from_slice(&mask).view(shape))
}

/// Returns features (I, O, width) and boxes (I, O, 4) of images; zeros if the ablation hides images.
pub(super) fn copy_images(questions: &PreparedSplit, places: &[FeatureRow]) -> (Tensor, Tensor) {
    let (boxes, dim) = (questions.source.boxes(), questions.source.dim());
    let mut features = vec![0.0_f32; places.len() * boxes * dim];
    let mut corners = vec![0.0_f32; places.len() * boxes * 4];
    if questions.ablation != Some(Ablation::Vision) {
        let rows = features.chunks_mut(boxes * dim).zip(corners.chunks_mut(boxes * 4));
        for (&place, (features, corners)) in places.iter().zip(rows) {
            questions.source.copy(place, features, corners);
        }
    }
    let shape = |width: usize| [places.len() as i64, boxes as i64, width as i64];
    (Tensor::from_slice(&features).view(shape(dim)), Tensor::from_slice(&corners).view(shape(4)))
}

fn targets(questions: &PreparedSplit, positions: &[usize]) -> Option<Tensor> {
    let answers = questions.answers.len();
    let (mut soft, mut classes) = (Vec::new(), Vec::new());
    for (i, &position) in positions.iter().enumerate() {
        match &questions.examples[position].target {
            Some(ExampleTarget::Class(class)) => classes.push(*class),
            Some(ExampleTarget::Soft(scores)) => {
                soft.resize((i + 1) * answers, 0.0_f32);
                for &(label, score) in scores {
                    soft[i * answers + label as usize] = score;
                }
            }
            None => {}
        }
    }
    let count = positions.len() as i64;
    match (soft.is_empty(), classes.is_empty()) {
        (false, _) => Some(Tensor::from_slice(&soft).view([count, answers as i64])),
        (true, false) => Some(Tensor::from_slice(&classes).view([count])),
        (true, true) => None,
    }
}
