//! Batches in a given order, built ahead of the model by a background thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Tensor};

use super::questions::{Ablation, Questions, Target};
use crate::lxrt::Batch;

/// Batches kept ready ahead of the one in use.
const AHEAD: usize = 2;

/// A batch and what it is trained towards.
pub struct Ready {
    /// Positions of its examples in [`Questions::questions`].
    pub positions: Vec<usize>,
    /// The model's input.
    pub batch: Batch,
    /// Soft scores (B, answers) f32 or classes (B) int64; none for test data.
    pub target: Option<Tensor>,
}

/// The order of an epoch: a shuffle that depends on seed and epoch alone.
pub fn shuffled(examples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(epoch);
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut generator);
    order
}

/// Numbers of a batch before they are tensors, which stay on the model's thread.
struct Numbers {
    positions: Vec<usize>,
    length: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
    features: Vec<f32>,
    boxes: Vec<f32>,
    soft: Vec<f32>,
    classes: Vec<i64>,
}

/// Gives the batches of `order` in order, `batch_size` examples each, the last one shorter unless `drop_last`.
/// Sentences are padded to the longest of the batch: padding cannot influence the pooled output, since its attention
/// probability e^-10000 is 0 in f32.
pub fn stream<'s, 'd: 's>(
    scope: &'s Scope<'s, 'd>,
    questions: &'d Questions,
    order: Vec<usize>,
    batch_size: usize,
    drop_last: bool,
    device: Device,
) -> impl Iterator<Item = Ready> + use<'d> {
    let (send, receive) = sync_channel::<Numbers>(AHEAD);
    scope.spawn(move || {
        for positions in order.chunks(batch_size.max(1)) {
            if drop_last && positions.len() < batch_size {
                break;
            }
            // The receiver is gone when the loop ended early; then there is nothing left to do.
            if send.send(numbers(questions, positions)).is_err() {
                break;
            }
        }
    });
    Batches { receive, questions, device }
}

struct Batches<'d> {
    receive: Receiver<Numbers>,
    questions: &'d Questions,
    device: Device,
}

impl Iterator for Batches<'_> {
    type Item = Ready;

    fn next(&mut self) -> Option<Ready> {
        let n = self.receive.recv().ok()?;
        let (count, length) = (n.positions.len() as i64, n.length as i64);
        let (boxes, dim) = (self.questions.source.boxes() as i64, self.questions.source.dim() as i64);
        let tensor = |values: &[f32], shape: &[i64]| Tensor::from_slice(values).view(shape).to_device(self.device);
        let whole = |values: &[i64], shape: &[i64]| Tensor::from_slice(values).view(shape).to_device(self.device);
        let target = if !n.soft.is_empty() {
            Some(tensor(&n.soft, &[count, self.questions.answers.len() as i64]))
        } else if !n.classes.is_empty() {
            Some(whole(&n.classes, &[count]))
        } else {
            None
        };
        let batch = Batch {
            ids: whole(&n.ids, &[count, length]),
            mask: whole(&n.mask, &[count, length]),
            features: tensor(&n.features, &[-1, boxes, dim]),
            boxes: tensor(&n.boxes, &[-1, boxes, 4]),
        };
        Some(Ready { positions: n.positions, batch, target })
    }
}

fn numbers(questions: &Questions, positions: &[usize]) -> Numbers {
    let answers = questions.answers.len();
    let (boxes, dim) = (questions.source.boxes(), questions.source.dim());
    let examples = || positions.iter().map(|&p| &questions.questions[p]);
    let length = examples().map(|q| q.words.len()).max().unwrap_or(0);
    let images: usize = examples().map(|q| q.places.len()).sum();
    let mut n = Numbers {
        positions: positions.to_vec(),
        length,
        ids: vec![0; positions.len() * length],
        mask: vec![0; positions.len() * length],
        features: vec![0.0; images * boxes * dim],
        boxes: vec![0.0; images * boxes * 4],
        soft: Vec::new(),
        classes: Vec::new(),
    };
    let mut image = 0;
    for (i, question) in examples().enumerate() {
        let words = i * length..i * length + question.words.len();
        n.ids[words.clone()].copy_from_slice(&question.words);
        n.mask[words].fill(1);
        for &place in &question.places {
            if questions.ablation != Some(Ablation::Vision) {
                let features = &mut n.features[image * boxes * dim..(image + 1) * boxes * dim];
                let positions = &mut n.boxes[image * boxes * 4..(image + 1) * boxes * 4];
                questions.source.copy(place, features, positions);
            }
            image += 1;
        }
        match &question.target {
            Some(Target::Class(class)) => n.classes.push(*class),
            Some(Target::Soft(scores)) => {
                n.soft.resize((i + 1) * answers, 0.0);
                for &(label, score) in scores {
                    n.soft[i * answers + label as usize] = score;
                }
            }
            None => {}
        }
    }
    n
}
