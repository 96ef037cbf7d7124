//! The pre-training model: all heads and their losses.

use tch::{Device, Tensor};

use super::config::Config;
use super::encoder::{Inputs, Lxrt};
use super::heads::{AnswerHead, ObjectHead, ObjectScores, PretrainingHeads};
use super::layers::Pass;
use super::losses::{self, VisualTargets};
use super::parameters::Parameters;
use crate::checkpoint::StateDict;
use crate::error::Result;

/// Name of the decoder's second entry in the original's state dict; it is the word table.
pub const TIED_DECODER: &str = "cls.predictions.decoder.weight";
/// The word table's name in the pre-training model.
pub const WORD_TABLE: &str = "bert.embeddings.word_embeddings.weight";

/// Which pre-training tasks add their losses (`--taskMaskLM` and so on).
#[derive(Debug, Clone, Copy)]
pub struct Tasks {
    /// Masked cross-modality language model.
    pub mask_lm: bool,
    /// Image-sentence matching.
    pub matched: bool,
    /// Masked object prediction: object, attribute and feature losses.
    pub obj_predict: bool,
    /// Image question answering.
    pub qa: bool,
}

impl Tasks {
    /// All four, as in the paper.
    pub const ALL: Self = Self { mask_lm: true, matched: true, obj_predict: true, qa: true };
}

/// What the losses compare with.
pub struct Targets<'a> {
    /// Original ids of masked words (B, S) int64, −1 elsewhere.
    pub words: &'a Tensor,
    /// 1 where sentence and image belong together (B) int64.
    pub matched: &'a Tensor,
    /// Objects, attributes and features.
    pub visual: VisualTargets<'a>,
    /// Answer (B) int64, −1 for none.
    pub answer: &'a Tensor,
}

/// Scores of every head.
pub struct Scores {
    /// (B, S, vocab).
    pub words: Tensor,
    /// (B, 2).
    pub matched: Tensor,
    /// Objects, attributes, features.
    pub objects: ObjectScores,
    /// (B, answers).
    pub answer: Tensor,
}

/// LXMERT with all pre-training heads (LXRTPretraining, src/lxrt/modeling.py @ 0db1182).
pub struct PretrainingModel {
    parameters: Parameters,
    bert: Lxrt,
    cls: PretrainingHeads,
    objects: ObjectHead,
    answer: AnswerHead,
}

impl PretrainingModel {
    /// A freshly initialised model with `answers` answers (the paper's table: 9500).
    pub fn new(config: &Config, answers: usize, device: Device) -> Result<Self> {
        config.check()?;
        let parameters = Parameters::new(device, config.initializer_range);
        let root = parameters.root();
        let bert = Lxrt::new(&root.sub("bert"), config);
        let cls = PretrainingHeads::new(&root.sub("cls"), config);
        let objects = ObjectHead::new(&root.sub("obj_predict_head"), config);
        let answer = AnswerHead::new(&root.sub("answer_head.logit_fc"), config.hidden_size, config, answers);
        Ok(Self { parameters, bert, cls, objects, answer })
    }

    /// The named parameters; the tied decoder is counted once, as the word table.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The original's state dict: the parameters and the decoder's second name for the word table, sharing its bytes.
    pub fn state(&self) -> StateDict {
        let mut state = self.parameters.state();
        if let Some(table) = state.get(WORD_TABLE).cloned() {
            let after = state.get_index_of("cls.predictions.transform.LayerNorm.bias").map_or(state.len(), |i| i + 1);
            state.shift_insert(after, TIED_DECODER.to_owned(), table);
        }
        state
    }

    /// Scores of every head.
    pub fn forward(&self, inputs: &Inputs, pass: Pass) -> Scores {
        let out = self.bert.forward(inputs, pass);
        Scores {
            words: self.cls.words(&out.lang, self.bert.word_table()),
            matched: self.cls.matched(&out.pooled),
            objects: self.objects.forward(&out.visn),
            answer: self.answer.forward(&out.pooled),
        }
    }

    /// The model below the heads.
    pub fn lxrt(&self) -> &Lxrt {
        &self.bert
    }
}

/// The losses of the chosen tasks with their names, in the original's order; the total is their plain sum.
/// The names are right for every choice; the original zips names and losses by position and prints wrong ones.
pub fn losses(scores: &Scores, targets: &Targets, tasks: Tasks) -> Vec<(&'static str, Tensor)> {
    let mut named = Vec::new();
    if tasks.mask_lm {
        let vocab = scores.words.size()[2];
        named.push(("Mask_LM", losses::labelled(&scores.words.reshape([-1, vocab]), &targets.words.reshape([-1]))));
    }
    if tasks.matched {
        named.push(("Matched", losses::classes(&scores.matched, targets.matched)));
    }
    if tasks.obj_predict {
        let [obj, attr, feat] = losses::visual(&scores.objects, &targets.visual);
        named.extend([("Obj", obj), ("Attr", attr), ("Feat", feat)]);
    }
    if tasks.qa {
        named.push(("QA", losses::labelled(&scores.answer, targets.answer)));
    }
    named
}
