//! Masked batches in a given order, built ahead of the model by a background thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use tch::{Device, Tensor};

use super::data::Examples;
use crate::dataset::pretrain::draws::ExampleDraws;
use crate::dataset::pretrain::masking::{IGNORED, change_boxes};
use crate::dataset::pretrain::sampler::Instance;
use crate::dataset::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::lxrt::encoder::Inputs;
use crate::lxrt::losses::VisualTargets;
use crate::lxrt::pretraining::{Counts, Targets, Tasks};

/// Parts of batches kept ready ahead of the one in use.
const AHEAD: usize = 2;

/// Where batches come from and what they are for.
#[derive(Clone, Copy)]
pub struct Feed<'a> {
    /// Of the vocabulary that the sentences were cut with.
    pub tokenizer: &'a Tokenizer,
    /// What is drawn.
    pub examples: &'a Examples<'a>,
    /// The training data, whose boxes are borrowed.
    pub lenders: &'a Examples<'a>,
    /// Decides the draws together with `stream` and the example's number: they depend neither on batches nor on their order.
    pub seed: u64,
    /// Tells apart draws of the same example: the epoch, of training or of validation.
    pub stream: u64,
    /// Examples a batch.
    pub batch_size: usize,
    /// Parts that a batch is gone through in.
    pub parts: usize,
    /// What targets are needed.
    pub tasks: Tasks,
    /// Where the tensors go.
    pub device: Device,
}

/// The stream of draws of an epoch of training.
pub fn training_stream(epoch: u64) -> u64 {
    epoch
}

/// The stream of draws of the validation after an epoch: never one of training.
pub fn validation_stream(epoch: u64) -> u64 {
    epoch | 1 << 63
}

/// A batch or a part of one (B examples, S words, O boxes).
pub struct Ready {
    /// Numbers of its examples in the data.
    pub examples: Vec<usize>,
    /// Items of the whole batch, which the losses are means over.
    pub counts: Counts,
    /// Parts of this batch that are still to come.
    pub rest: usize,
    /// Positions (N) in the flattened (B, S) of the words to predict.
    pub places: Tensor,
    ids: Tensor,
    mask: Tensor,
    features: Tensor,
    boxes: Tensor,
    words: Tensor,
    matched: Tensor,
    classes: [Tensor; 2],
    confidences: [Tensor; 2],
    unmasked: Tensor,
    masked: Tensor,
    answer: Tensor,
}

impl Ready {
    /// What the model reads.
    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            ids: &self.ids,
            mask: Some(&self.mask),
            token_types: None,
            features: &self.features,
            boxes: &self.boxes,
            visual_mask: None,
        }
    }

    /// What it is asked; words (N) at [`places`](Self::places) only, the unmasked features only for the feature task.
    pub fn targets(&self) -> Targets<'_> {
        let ([obj, attr], [obj_conf, attr_conf]) = (&self.classes, &self.confidences);
        let visual = VisualTargets { obj, obj_conf, attr, attr_conf, feat: &self.unmasked, feat_mask: &self.masked };
        Targets { words: &self.words, matched: &self.matched, visual, answer: &self.answer }
    }
}

/// Gives the batches of `order` (positions of the feed's sampler) in order, from the batch number `from` on, each in its parts;
/// the last batch may be shorter unless `drop_last`. Sentences are padded to the longest of the part: padding cannot influence
/// anything, since its attention probability e^-10000 is 0 in f32.
pub fn stream<'s, 'd: 's>(
    scope: &'s Scope<'s, 'd>,
    feed: Feed<'d>,
    order: Vec<usize>,
    from: usize,
    drop_last: bool,
) -> impl Iterator<Item = Result<Ready>> + use<'d> {
    let (send, receive) = sync_channel::<Result<Numbers>>(AHEAD);
    scope.spawn(move || {
        let size = feed.batch_size.max(1);
        for positions in order.chunks(size).skip(from) {
            if drop_last && positions.len() < size {
                break;
            }
            // The receiver is gone when the loop ended early; then there is nothing left to do.
            let failed = feed.batch(positions, &mut |numbers| send.send(Ok(numbers)).is_ok());
            match failed {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let _ = send.send(Err(error));
                    break;
                }
            }
        }
    });
    Batches { receive, feed }
}

/// Numbers of a part before they are tensors, which stay on the model's thread.
struct Numbers {
    examples: Vec<usize>,
    counts: Counts,
    rest: usize,
    length: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
    features: Vec<f32>,
    boxes: Vec<f32>,
    places: Vec<i64>,
    words: Vec<i64>,
    matched: Vec<i64>,
    classes: [Vec<i64>; 2],
    confidences: [Vec<f32>; 2],
    unmasked: Option<Vec<f32>>,
    masked: Vec<f32>,
    answer: Vec<i64>,
}

impl Feed<'_> {
    /// Draws a batch and gives its parts to `give`; whether all were taken.
    fn batch(&self, positions: &[usize], give: &mut dyn FnMut(Numbers) -> bool) -> Result<bool> {
        let sampler = &self.examples.sampler;
        let draw = |&position: &usize| {
            let number = sampler.example(position).unwrap_or(usize::MAX);
            let mut draws = ExampleDraws::new(self.seed, self.stream, number as u64);
            let lenders = self.lenders.sampler.len();
            sampler.draw(self.tokenizer, &self.examples.sentences.pieces, position, lenders, &mut draws)
        };
        let drawn: Vec<Instance> = positions.iter().map(draw).collect::<Result<_>>()?;
        let counts = Counts {
            words: drawn.iter().flat_map(|one| &one.word_labels).filter(|&&label| label != IGNORED).count(),
            examples: drawn.len(),
            boxes: drawn.len() * self.examples.sentences.source.boxes(),
            answers: drawn.iter().filter(|one| one.answer.is_some()).count(),
        };
        let parts: Vec<&[Instance]> = drawn.chunks(drawn.len().div_ceil(self.parts.max(1)).max(1)).collect();
        for (done, part) in parts.iter().enumerate() {
            if !give(self.numbers(part, counts, parts.len() - 1 - done)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn numbers(&self, drawn: &[Instance], counts: Counts, rest: usize) -> Result<Numbers> {
        let source = &self.examples.sentences.source;
        let (boxes, dim) = (source.boxes(), source.dim());
        let words_of = |one: &Instance| one.input.mask.iter().filter(|&&m| m == 1).count();
        let length = drawn.iter().map(words_of).max().unwrap_or(0);
        let mut n = Numbers {
            examples: drawn.iter().map(|one| one.example).collect(),
            counts,
            rest,
            length,
            ids: Vec::with_capacity(drawn.len() * length),
            mask: Vec::with_capacity(drawn.len() * length),
            features: vec![0.0; drawn.len() * boxes * dim],
            boxes: vec![0.0; drawn.len() * boxes * 4],
            places: Vec::new(),
            words: Vec::new(),
            matched: drawn.iter().map(|one| i64::from(one.matched)).collect(),
            classes: Default::default(),
            confidences: Default::default(),
            unmasked: None,
            masked: Vec::with_capacity(drawn.len() * boxes),
            answer: drawn.iter().map(|one| one.answer.map_or(IGNORED, i64::from)).collect(),
        };
        for (i, one) in drawn.iter().enumerate() {
            n.ids.extend(&one.input.ids[..length]);
            n.mask.extend(&one.input.mask[..length]);
            for (at, &label) in one.word_labels.iter().enumerate().filter(|(_, label)| **label != IGNORED) {
                n.places.push((i * length + at) as i64);
                n.words.push(label);
            }
            let place = self.examples.sentences.place(one.example).ok_or_else(|| no_features(one.example))?;
            let (store, row) = source.at(place);
            source.copy(
                place,
                &mut n.features[i * boxes * dim..][..boxes * dim],
                &mut n.boxes[i * boxes * 4..][..boxes * 4],
            );
            n.classes[0].extend(store.object_ids(row));
            n.classes[1].extend(store.attr_ids(row));
            n.confidences[0].extend(store.object_confs(row));
            n.confidences[1].extend(store.attr_confs(row));
        }
        if self.tasks.feat {
            n.unmasked = Some(n.features.clone());
        }
        for (features, one) in n.features.chunks_exact_mut(boxes * dim).zip(drawn) {
            n.masked.extend(change_boxes(features, dim, &one.boxes, |lender, from_box, out| {
                let lenders = self.lenders;
                let number = lenders.sampler.example(lender).ok_or_else(|| no_features(lender))?;
                let place = lenders.sentences.place(number).ok_or_else(|| no_features(number))?;
                let (store, row) = lenders.sentences.source.at(place);
                store.copy_box_features(row, from_box, out);
                Ok(())
            })?);
        }
        Ok(n)
    }
}

fn no_features(example: usize) -> Error {
    Error::bug(format!("pre-training example {example} has no features"))
}

struct Batches<'d> {
    receive: Receiver<Result<Numbers>>,
    feed: Feed<'d>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Ready>;

    fn next(&mut self) -> Option<Result<Ready>> {
        let n = match self.receive.recv().ok()? {
            Ok(numbers) => numbers,
            Err(error) => return Some(Err(error)),
        };
        let source = &self.feed.examples.sentences.source;
        let (count, length) = (n.examples.len() as i64, n.length as i64);
        let (boxes, dim) = (source.boxes() as i64, source.dim() as i64);
        let device = self.feed.device;
        let tensor = |values: &[f32], shape: &[i64]| Tensor::from_slice(values).view(shape).to_device(device);
        let whole = |values: &[i64], shape: &[i64]| Tensor::from_slice(values).view(shape).to_device(device);
        Some(Ok(Ready {
            counts: n.counts,
            rest: n.rest,
            places: whole(&n.places, &[-1]),
            ids: whole(&n.ids, &[count, length]),
            mask: whole(&n.mask, &[count, length]),
            features: tensor(&n.features, &[count, boxes, dim]),
            boxes: tensor(&n.boxes, &[count, boxes, 4]),
            words: whole(&n.words, &[-1]),
            matched: whole(&n.matched, &[count]),
            classes: n.classes.map(|classes| whole(&classes, &[count, boxes])),
            confidences: n.confidences.map(|confidences| tensor(&confidences, &[count, boxes])),
            unmasked: n.unmasked.map_or_else(Tensor::new, |features| tensor(&features, &[count, boxes, dim])),
            masked: tensor(&n.masked, &[count, boxes]),
            answer: whole(&n.answer, &[count]),
            examples: n.examples,
        }))
    }
}
