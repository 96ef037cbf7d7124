//! Builds batches in a given order, on background threads ahead of the model.

use std::slice::ChunksExactMut;
use std::sync::mpsc::{IntoIter, SendError, sync_channel};
use std::thread::Scope;

use tch::{Device, Kind, Tensor};

use super::transfer;
use crate::model::TaskBatch;
use base::host::cores;
use trainings::examples::{ExampleTarget, FeatureRow, PreparedSplit};
use trainings::options::Ablation;

/// Number of batches that wait for the model, at least.
const AHEAD: usize = 2;

/// Maximum number of threads that build batches. Two load as many examples as a fast GPU trains on; with features that are still on
/// disk, more threads wait for it at the same time.
const MAX_BUILDERS: usize = 4;

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
    let builders = cores().min(MAX_BUILDERS);
    // Builder i makes batches i, i + builders, i + 2 · builders and so on; taking from them in turns gives the order.
    let start = |first: usize| {
        spawn_bounded(scope, AHEAD.div_ceil(builders), move |give| {
            let own = order.chunks(batch_size).skip(first).step_by(builders);
            // Stops early if the receiver is dropped.
            let built = |positions| build(questions, positions, length).map(|tensor| transfer::pinned(tensor, device));
            let _ = own.map(built).try_for_each(give);
        })
    };
    in_turns((0..builders).map(start).collect())
        .map(move |batch| batch.map(|tensor| transfer::to_device(tensor, device)))
}

/// Takes an item of each stream in turns, until a stream has ended whose turn it is.
fn in_turns<T>(mut streams: Vec<IntoIter<T>>) -> impl Iterator<Item = T> {
    (0..streams.len()).cycle().map_while(move |turn| streams[turn].next())
}

/// Runs `make` on its own thread and returns the items that it passes to its argument. The thread is a few items ahead;
/// passing an item fails once the receiver is dropped.
pub(super) fn spawn_ahead<'s, 'd: 's, T: Send + 'd>(
    scope: &'s Scope<'s, 'd>,
    make: impl FnOnce(&mut dyn FnMut(T) -> Result<(), SendError<T>>) + Send + 'd,
) -> IntoIter<T> {
    spawn_bounded(scope, AHEAD, make)
}

/// Like [`spawn_ahead`], with at most `ahead` items waiting.
fn spawn_bounded<'s, 'd: 's, T: Send + 'd>(
    scope: &'s Scope<'s, 'd>,
    ahead: usize,
    make: impl FnOnce(&mut dyn FnMut(T) -> Result<(), SendError<T>>) + Send + 'd,
) -> IntoIter<T> {
    let (send, receive) = sync_channel(ahead);
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
    let shape = |width: usize| [places.len() as i64, boxes as i64, width as i64];
    if questions.ablation == Some(Ablation::Vision) || places.is_empty() {
        let zeros = |width| Tensor::zeros(shape(width), (Kind::Float, Device::Cpu));
        return (zeros(dim), zeros(4));
    }
    let uninitialised = |width| Tensor::empty(shape(width), (Kind::Float, Device::Cpu));
    let (mut features, mut corners) = (uninitialised(dim), uninitialised(4));
    let rows = rows_mut(&mut features, boxes * dim).zip(rows_mut(&mut corners, boxes * 4));
    for (&place, (features, corners)) in places.iter().zip(rows) {
        questions.source.copy(place, features, corners);
    }
    (features, corners)
}

/// Returns the memory of a new, contiguous f32 tensor on the CPU in rows of `length` values, to be written before it is read.
fn rows_mut(tensor: &mut Tensor, length: usize) -> ChunksExactMut<'_, f32> {
    // SAFETY: the memory holds `numel` values, all bits of which are valid numbers; nobody else has the new tensor.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) }.chunks_exact_mut(length)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts `threads` threads, each of which makes every `threads`-th number below `end`.
    fn numbers<'s>(scope: &'s Scope<'s, '_>, threads: usize, end: usize) -> impl Iterator<Item = usize> + use<> {
        let start = |first| {
            spawn_bounded(scope, 1, move |give| {
                let _ = (first..end).step_by(threads).try_for_each(give);
            })
        };
        in_turns((0..threads).map(start).collect())
    }

    #[test]
    fn several_threads_give_the_order_of_one_and_end_when_nobody_takes_more() {
        std::thread::scope(|scope| {
            for (threads, end) in [(1, 5), (2, 0), (2, 1), (3, 10), (4, 8), (4, 3)] {
                assert_eq!(numbers(scope, threads, end).collect::<Vec<_>>(), (0..end).collect::<Vec<_>>());
            }
            // The scope waits for its threads: it would wait for ever if they did not notice.
            assert_eq!(numbers(scope, 3, 1_000_000).take(4).collect::<Vec<_>>(), [0, 1, 2, 3]);
        });
    }
}
