//! Draws one pre-training example, with everything that is random about it.

use super::data::PretrainData;
use super::masking::{BoxChange, IGNORED, mask_boxes, mask_words};
use super::pieces::SentencePieces;
use super::random::RandomDraws;
use crate::dataset::tokenizer::{Encoding, MAX_WORDS, Tokenizer};
use crate::features::RELEASED_BOXES;
use base::error::{Error, Result};

/// How examples are made. The defaults are the original's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainRules {
    /// Whether half of the sentences are exchanged (`--taskMatched`); else all stay.
    pub match_sentences: bool,
    /// Share of pieces to predict (`--wordMaskRate`).
    pub word_mask_rate: f64,
    /// Share of boxes to predict (`--objMaskRate`).
    pub box_mask_rate: f64,
    /// Word positions, `[CLS]` and `[SEP]` included.
    pub max_len: usize,
    /// Returns the number of boxes per image.
    pub boxes: usize,
}

impl Default for PretrainRules {
    fn default() -> Self {
        Self {
            match_sentences: true,
            word_mask_rate: 0.15,
            box_mask_rate: 0.15,
            max_len: MAX_WORDS,
            boxes: RELEASED_BOXES,
        }
    }
}

/// Input and targets of the model. Features, boxes and object labels are always those of the example's own image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PretrainInstance {
    /// Number of the example in its [`PretrainData`].
    pub example: usize,
    /// The sentence with words hidden.
    pub input: Encoding,
    /// The hidden words at their positions, [`IGNORED`] elsewhere.
    pub word_labels: Vec<i64>,
    /// The change of each box.
    pub boxes: Vec<BoxChange>,
    /// Whether the sentence is the image's own.
    pub matched: bool,
    /// Id of the answer to predict.
    pub answer: Option<u32>,
}

/// The examples that have features, in order.
#[derive(Debug)]
pub struct PretrainSampler<'a> {
    data: &'a PretrainData,
    usable: Vec<usize>,
    rules: PretrainRules,
}

impl<'a> PretrainSampler<'a> {
    /// Creates a sampler over `usable` examples ([`PretrainData::with_features`]). Exchanging sentences needs two images.
    pub fn new(data: &'a PretrainData, usable: Vec<usize>, rules: PretrainRules) -> Result<Self> {
        let images: Option<Vec<usize>> = usable.iter().map(|&i| Some(data.examples().get(i)?.image())).collect();
        let images = images.ok_or_else(|| Error::bug("a usable pre-training example is not in the data"))?;
        if images.is_empty() {
            return Err(Error::data("no pre-training sentence belongs to an image with features")
                .next("check that sentences and features are of the same source"));
        }
        if rules.match_sentences && images.iter().all(|image| *image == images[0]) {
            return Err(Error::data("all pre-training sentences belong to one image, so none can be exchanged")
                .next("use more images, or leave --taskMatched out"));
        }
        for (name, rate) in [("--wordMaskRate", rules.word_mask_rate), ("--objMaskRate", rules.box_mask_rate)] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(
                    Error::usage(format!("{name} {rate} is not a probability")).next("choose a value from 0 to 1")
                );
            }
        }
        Ok(Self { data, usable, rules })
    }

    /// Returns how many examples there are.
    pub fn len(&self) -> usize {
        self.usable.len()
    }

    /// Always returns false: a sampler without examples cannot be created.
    pub fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    /// Returns the number in the data of the example at a position of this sampler.
    pub fn example(&self, position: usize) -> Option<usize> {
        self.usable.get(position).copied()
    }

    /// Draws the example at `position`, in the original's order: match, words, boxes, answer. `pieces` are those of this data;
    /// `lenders` is the number of examples of the TRAINING sampler, whose boxes are borrowed.
    pub fn draw(
        &self,
        tokenizer: &Tokenizer,
        pieces: &SentencePieces,
        position: usize,
        lenders: usize,
        draws: &mut impl RandomDraws,
    ) -> Result<PretrainInstance> {
        let outside = || Error::bug(format!("pre-training example {position} of {}", self.usable.len()));
        let number = self.example(position).ok_or_else(outside)?;
        let own = self.data.examples().get(number).ok_or_else(outside)?;
        let (mut told, mut told_number) = (own, number);
        if self.rules.match_sentences && draws.unit() < 0.5 {
            while told.image() == own.image() {
                told_number = self.example(draws.below(self.len())).ok_or_else(outside)?;
                told = &self.data.examples()[told_number];
            }
        }
        let matched = std::ptr::eq(told, own);

        let max_len = self.rules.max_len.max(2);
        let pieces: Vec<u32> = pieces.of(told_number).take(max_len - 2).collect();
        let rate = self.rules.word_mask_rate;
        let words = mask_words(&pieces, rate, tokenizer.vocab_size(), tokenizer.mask_id(), draws);
        let mut word_labels = vec![IGNORED; max_len];
        word_labels[1..=words.labels.len()].copy_from_slice(&words.labels);

        let boxes = mask_boxes(self.rules.boxes, self.rules.box_mask_rate, lenders, draws);
        let answer = own.label().filter(|_| matched).and_then(|label| draw_answer(label, draws));
        Ok(PretrainInstance {
            example: number,
            input: tokenizer.wrap(&words.ids, max_len),
            word_labels,
            boxes,
            matched,
            answer,
        })
    }
}

/// Draws an answer in proportion to its score; a single answer takes no draw.
pub fn draw_answer(label: &[(u32, f64)], draws: &mut impl RandomDraws) -> Option<u32> {
    let (last, others) = label.split_last()?;
    if others.is_empty() {
        return Some(last.0);
    }
    let mut left = draws.unit() * label.iter().map(|(_, score)| score).sum::<f64>();
    for (answer, score) in label {
        if left < *score {
            return Some(*answer);
        }
        left -= score;
    }
    // Rounding may leave a crumb: it belongs to the last answer that can be drawn at all.
    label.iter().rev().find(|(_, score)| *score > 0.0).map(|(answer, _)| *answer)
}
