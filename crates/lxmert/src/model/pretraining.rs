//! The pre-training model, which is the encoder with all pre-training heads, and its losses.

use tch::{Device, Kind, Tensor};

use super::encoder::{EncoderInputs, Lxrt};
use super::heads::{AnswerHead, ObjectHead, ObjectScores, PretrainingHeads};
use super::layers::ForwardContext;
use super::losses::{self, VisualTargets};
use super::parameters::Parameters;
use base::error::Result;
use checkpoint::StateDict;
use lxmert_spec::config::Config;
use lxmert_spec::pretrain_tasks::PretrainTasks;

/// Name under which the original's state dict lists the word embedding table a second time, as the masked-word decoder.
pub const TIED_DECODER: &str = "cls.predictions.decoder.weight";
/// Name of the word embedding table in the pre-training model.
pub const WORD_TABLE: &str = "bert.embeddings.word_embeddings.weight";

/// The number of items that each loss is a mean over. If a batch is split into parts, the counts are those of the whole batch, so
/// that the losses of the parts add up to that of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LossCounts {
    /// Words to predict.
    pub words: usize,
    /// Sentences with their images.
    pub examples: usize,
    /// Boxes, masked or not.
    pub boxes: usize,
    /// Answers to predict.
    pub answers: usize,
}

impl LossCounts {
    /// Counts the items of a whole batch.
    pub fn of(targets: &PretrainTargets) -> Self {
        let labelled = |labels: &Tensor| labels.ne(-1).sum(Kind::Int64).int64_value(&[]) as usize;
        Self {
            words: labelled(targets.words),
            examples: targets.matched.numel(),
            boxes: targets.visual.obj.numel(),
            answers: labelled(targets.answer),
        }
    }
}

/// The targets of the pre-training losses.
pub struct PretrainTargets<'a> {
    /// Original ids of masked words, int64, −1 for words that are not masked; (B, S), or (N) if only N positions are scored.
    pub words: &'a Tensor,
    /// 1 if sentence and image belong together, else 0 (B) int64.
    pub matched: &'a Tensor,
    /// Targets of the three visual losses.
    pub visual: VisualTargets<'a>,
    /// Answer (B) int64, −1 for none.
    pub answer: &'a Tensor,
}

/// The scores of the pre-training heads. Scores that were not requested are undefined tensors.
pub struct PretrainScores {
    /// Word scores (B, S, vocab), or (N, vocab) for N chosen positions.
    pub words: Tensor,
    /// Matching scores (B, 2).
    pub matched: Tensor,
    /// Scores of objects, attributes and features.
    pub objects: ObjectScores,
    /// Answer scores (B, answers).
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
    /// Creates a randomly initialised model with `answers` answers (9500 in the paper).
    ///
    /// # Errors
    /// Usage if no model can have these sizes.
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

    /// Returns the named parameters. The tied decoder is listed once, as the word embedding table.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the original's state dict: the parameters, and the word embedding table again as the decoder, sharing its bytes.
    pub fn state(&self) -> StateDict {
        let mut state = self.parameters.state();
        if let Some(table) = state.get(WORD_TABLE).cloned() {
            let after = state.get_index_of("cls.predictions.transform.LayerNorm.bias").map_or(state.len(), |i| i + 1);
            state.shift_insert(after, TIED_DECODER.to_owned(), table);
        }
        state
    }

    /// Computes the scores of every head.
    pub fn forward(&self, inputs: &EncoderInputs, pass: ForwardContext) -> PretrainScores {
        self.scores(inputs, PretrainTasks::ALL, None, pass)
    }

    /// Computes the scores that these tasks need. Word scores, which are the largest, are computed only at the positions `words`
    /// (N) int64 in the flattened (B, S).
    pub fn forward_for(
        &self,
        inputs: &EncoderInputs,
        tasks: PretrainTasks,
        words: &Tensor,
        pass: ForwardContext,
    ) -> PretrainScores {
        self.scores(inputs, tasks, Some(words), pass)
    }

    fn scores(
        &self,
        inputs: &EncoderInputs,
        tasks: PretrainTasks,
        words: Option<&Tensor>,
        pass: ForwardContext,
    ) -> PretrainScores {
        let out = self.bert.forward(inputs, pass);
        let when = |wanted: bool, scores: &dyn Fn() -> Tensor| if wanted { scores() } else { Tensor::new() };
        let lang = match words {
            Some(positions) => out.lang.reshape([-1, out.lang.size()[2]]).index_select(0, positions),
            None => out.lang.shallow_clone(),
        };
        PretrainScores {
            words: when(tasks.mask_lm, &|| self.cls.words(&lang, self.bert.word_table())),
            matched: when(tasks.matched, &|| self.cls.matched(&out.pooled)),
            objects: self.objects.forward(&out.visn, [tasks.obj, tasks.attr, tasks.feat]),
            answer: when(tasks.qa, &|| self.answer.forward(&out.pooled)),
        }
    }

    /// Returns the encoder below the heads.
    pub fn lxrt(&self) -> &Lxrt {
        &self.bert
    }
}

/// Returns the losses of the chosen tasks by name, in the original's order; the total loss is their sum.
///
/// Unlike here, the original pairs names and losses by position, so it prints wrong names unless all tasks are on.
pub fn losses(scores: &PretrainScores, targets: &PretrainTargets, tasks: PretrainTasks) -> Vec<(&'static str, Tensor)> {
    losses_of_part(scores, targets, tasks, LossCounts::of(targets))
}

/// Like [`losses()`], for a part of a batch. With the `counts` of the whole batch, the losses of its parts add up to that of the
/// batch, and so do their gradients.
pub fn losses_of_part(
    scores: &PretrainScores,
    targets: &PretrainTargets,
    tasks: PretrainTasks,
    counts: LossCounts,
) -> Vec<(&'static str, Tensor)> {
    let visual = &targets.visual;
    let loss = |name: &str| match name {
        "Mask_LM" => losses::labelled(&rows(&scores.words), &targets.words.reshape([-1]), counts.words),
        "Matched" => losses::labelled(&scores.matched, targets.matched, counts.examples),
        "Obj" => losses::detected(&scores.objects.obj, visual.obj, visual.obj_conf, counts.boxes),
        "Attr" => losses::detected(&scores.objects.attr, visual.attr, visual.attr_conf, counts.boxes),
        "Feat" => losses::features(&scores.objects.feat, visual.feat, visual.feat_mask, counts.boxes),
        _ => losses::labelled(&scores.answer, targets.answer, counts.answers),
    };
    tasks.names().into_iter().map(|name| (name, loss(name))).collect()
}

/// Counts the items whose highest score is correct, for each chosen task that classifies: masked words, matching, and the classes
/// of boxes. The counts are 0-d tensors.
pub fn correct(
    scores: &PretrainScores,
    targets: &PretrainTargets,
    tasks: PretrainTasks,
) -> Vec<(&'static str, Tensor)> {
    let correct = |scores: &Tensor, labels: &Tensor| {
        rows(scores).argmax(1, false).eq_tensor(&labels.reshape([-1])).sum(Kind::Int64)
    };
    let of = |name| match name {
        "Mask_LM" => Some(correct(&scores.words, targets.words)),
        "Matched" => Some(correct(&scores.matched, targets.matched)),
        "Obj" => Some(correct(&scores.objects.obj, targets.visual.obj)),
        "Attr" => Some(correct(&scores.objects.attr, targets.visual.attr)),
        _ => None,
    };
    tch::no_grad(|| tasks.names().into_iter().filter_map(|name| Some((name, of(name)?))).collect())
}

/// Reshapes scores (…, classes) to (N, classes).
fn rows(scores: &Tensor) -> Tensor {
    scores.reshape([-1, scores.size().last().copied().unwrap_or(1)])
}
