//! Builds masked batches in a given order, on a background thread that is ahead of the model.

use std::thread::Scope;

use tch::kind::Element;
use tch::{Device, Tensor};

use crate::model::encoder::EncoderInputs;
use crate::model::losses::VisualTargets;
use crate::model::pretraining::{LossCounts, PretrainTargets};
use crate::train::batches::spawn_ahead;
use crate::train::transfer;
use base::error::{Error, Result};
use data::dataset::pretrain::masking::{IGNORED, change_boxes};
use data::dataset::pretrain::random::ExampleDraws;
use data::dataset::pretrain::sampler::PretrainInstance;
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use trainings::pretrain::data::PretrainExamples;

/// A source of batches: the examples, the random draws and the use of the batches.
#[derive(Clone, Copy)]
pub struct PretrainBatchSource<'a> {
    /// Tokeniser with which the sentences were tokenised.
    pub tokenizer: &'a Tokenizer,
    /// Examples to draw from.
    pub examples: &'a PretrainExamples<'a>,
    /// Training data that supply features of other images' boxes for masking.
    pub lenders: &'a PretrainExamples<'a>,
    /// Determines the draws, together with `stream` and the example's number. They depend neither on batches nor on their order.
    pub seed: u64,
    /// Distinguishes draws of the same example: the epoch, of training or of validation.
    pub stream: u64,
    /// Examples per batch.
    pub batch_size: usize,
    /// Number of parts into which a batch is split.
    pub parts: usize,
    /// Tasks whose targets are needed.
    pub tasks: PretrainTasks,
    /// Device of the tensors.
    pub device: Device,
}

/// Returns the stream of draws for the training in an epoch.
pub fn training_stream(epoch: u64) -> u64 {
    epoch
}

/// Returns the stream of draws for the validation after an epoch, which is never one of training.
pub fn validation_stream(epoch: u64) -> u64 {
    epoch | 1 << 63
}

/// A batch or a part of one (B examples, S words, O boxes).
pub struct PretrainBatch {
    /// Numbers of the examples in the data.
    pub examples: Vec<usize>,
    /// Number of items in the whole batch, over which the losses are means.
    pub counts: LossCounts,
    /// Number of parts of this batch that are still to come.
    pub rest: usize,
    /// Positions (N) of the masked words in the flattened (B, S).
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

impl PretrainBatch {
    /// Returns the model's input.
    pub fn inputs(&self) -> EncoderInputs<'_> {
        EncoderInputs::padded([&self.ids, &self.mask], &self.features, &self.boxes)
    }

    /// Returns the targets. Words (N) are only those at [`places`](Self::places); unmasked features are present only for the
    /// feature task.
    pub fn targets(&self) -> PretrainTargets<'_> {
        let ([obj, attr], [obj_conf, attr_conf]) = (&self.classes, &self.confidences);
        let visual = VisualTargets { obj, obj_conf, attr, attr_conf, feat: &self.unmasked, feat_mask: &self.masked };
        PretrainTargets { words: &self.words, matched: &self.matched, visual, answer: &self.answer }
    }

    /// Applies `change` to each tensor; those that are not needed are undefined.
    fn map(self, change: impl Fn(Tensor) -> Tensor) -> Self {
        Self {
            examples: self.examples,
            counts: self.counts,
            rest: self.rest,
            places: change(self.places),
            ids: change(self.ids),
            mask: change(self.mask),
            features: change(self.features),
            boxes: change(self.boxes),
            words: change(self.words),
            matched: change(self.matched),
            classes: self.classes.map(&change),
            confidences: self.confidences.map(&change),
            unmasked: change(self.unmasked),
            masked: change(self.masked),
            answer: change(self.answer),
        }
    }
}

/// Returns the batches of `order` (positions of the source's sampler) in order, each in its parts; the last batch may be shorter.
///
/// Sentences are padded to the longest one of the part. Padding influences nothing, since its attention probability e^-10000 is
/// 0 in f32.
pub fn stream<'s, 'd: 's>(
    scope: &'s Scope<'s, 'd>,
    source: PretrainBatchSource<'d>,
    order: &'d [usize],
) -> impl Iterator<Item = Result<PretrainBatch>> + use<'d> {
    let parts = spawn_ahead(scope, move |give| {
        for positions in order.chunks(source.batch_size.max(1)) {
            let pinned = |part: PretrainBatch| part.map(|tensor| transfer::pinned(tensor, source.device));
            match source.batch(positions, &mut |part| give(Ok(pinned(part))).is_ok()) {
                Ok(true) => {}
                // The loop ended early and dropped the receiver.
                Ok(false) => return,
                Err(error) => return drop(give(Err(error))),
            }
        }
    });
    let on_device = move |part: PretrainBatch| part.map(|tensor| transfer::to_device(tensor, source.device));
    parts.map(move |part: Result<PretrainBatch>| part.map(on_device))
}

impl PretrainBatchSource<'_> {
    /// Draws a batch and passes its parts to `give`. Returns whether all were accepted.
    fn batch(&self, positions: &[usize], give: &mut dyn FnMut(PretrainBatch) -> bool) -> Result<bool> {
        let sampler = &self.examples.sampler;
        let draw = |&position: &usize| {
            let number = sampler.example(position).unwrap_or(usize::MAX);
            let mut draws = ExampleDraws::new(self.seed, self.stream, number as u64);
            let lenders = self.lenders.sampler.len();
            sampler.draw(self.tokenizer, &self.examples.sentences.pieces, position, lenders, &mut draws)
        };
        let drawn: Vec<PretrainInstance> = positions.iter().map(draw).collect::<Result<_>>()?;
        let counts = LossCounts {
            words: drawn.iter().flat_map(|one| &one.word_labels).filter(|&&label| label != IGNORED).count(),
            examples: drawn.len(),
            boxes: drawn.len() * self.examples.sentences.source.boxes(),
            answers: drawn.iter().filter(|one| one.answer.is_some()).count(),
        };
        let parts: Vec<&[PretrainInstance]> = drawn.chunks(drawn.len().div_ceil(self.parts.max(1)).max(1)).collect();
        for (done, part) in parts.iter().enumerate() {
            if !give(self.part(part, counts, parts.len() - 1 - done)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Builds a part of a batch on the CPU.
    fn part(&self, drawn: &[PretrainInstance], counts: LossCounts, rest: usize) -> Result<PretrainBatch> {
        let source = &self.examples.sentences.source;
        let (boxes, dim) = (source.boxes(), source.dim());
        let words_of = |one: &PretrainInstance| one.input.mask.iter().filter(|&&m| m == 1).count();
        let length = drawn.iter().map(words_of).max().unwrap_or(0);
        let (mut ids, mut mask): (Vec<i64>, Vec<i64>) = Default::default();
        let (mut places, mut words): (Vec<i64>, Vec<i64>) = Default::default();
        let mut features = vec![0.0_f32; drawn.len() * boxes * dim];
        let mut corners = vec![0.0_f32; drawn.len() * boxes * 4];
        let mut classes: [Vec<i64>; 2] = Default::default();
        let mut confidences: [Vec<f32>; 2] = Default::default();
        for (i, one) in drawn.iter().enumerate() {
            ids.extend(&one.input.ids[..length]);
            mask.extend(&one.input.mask[..length]);
            for (at, &label) in one.word_labels.iter().enumerate().filter(|(_, label)| **label != IGNORED) {
                places.push((i * length + at) as i64);
                words.push(label);
            }
            let place = self.examples.sentences.place(one.example).ok_or_else(|| no_features(one.example))?;
            let (store, row) = source.at(place);
            source.copy(
                place,
                &mut features[i * boxes * dim..][..boxes * dim],
                &mut corners[i * boxes * 4..][..boxes * 4],
            );
            classes[0].extend(store.object_ids(row));
            classes[1].extend(store.attr_ids(row));
            confidences[0].extend(store.object_confs(row));
            confidences[1].extend(store.attr_confs(row));
        }
        let count = drawn.len() as i64;
        let images = [count, boxes as i64, dim as i64];
        let unmasked = if self.tasks.feat { tensor(&features, &images) } else { Tensor::new() };
        let mut masked = Vec::with_capacity(drawn.len() * boxes);
        for (features, one) in features.chunks_exact_mut(boxes * dim).zip(drawn) {
            masked.extend(change_boxes(features, dim, &one.boxes, |lender, from_box, out| {
                let lenders = self.lenders;
                let number = lenders.sampler.example(lender).ok_or_else(|| no_features(lender))?;
                let place = lenders.sentences.place(number).ok_or_else(|| no_features(number))?;
                let (store, row) = lenders.sentences.source.at(place);
                store.copy_box_features(row, from_box, out);
                Ok(())
            })?);
        }
        let matched: Vec<i64> = drawn.iter().map(|one| i64::from(one.matched)).collect();
        let answer: Vec<i64> = drawn.iter().map(|one| one.answer.map_or(IGNORED, i64::from)).collect();
        let (sentences, of_boxes) = ([count, length as i64], [count, boxes as i64]);
        Ok(PretrainBatch {
            examples: drawn.iter().map(|one| one.example).collect(),
            counts,
            rest,
            places: tensor(&places, &[-1]),
            ids: tensor(&ids, &sentences),
            mask: tensor(&mask, &sentences),
            features: tensor(&features, &images),
            boxes: tensor(&corners, &[count, boxes as i64, 4]),
            words: tensor(&words, &[-1]),
            matched: tensor(&matched, &[count]),
            classes: classes.map(|classes| tensor(&classes, &of_boxes)),
            confidences: confidences.map(|confidences| tensor(&confidences, &of_boxes)),
            unmasked,
            masked: tensor(&masked, &of_boxes),
            answer: tensor(&answer, &[count]),
        })
    }
}

fn tensor<T: Element>(values: &[T], shape: &[i64]) -> Tensor {
    Tensor::from_slice(values).view(shape)
}

fn no_features(example: usize) -> Error {
    Error::bug(format!("pre-training example {example} has no features"))
}
