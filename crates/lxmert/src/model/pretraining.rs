//! The pre-training model: all heads and their losses.

use tch::{Device, Kind, Tensor};

use super::encoder::{Inputs, Lxrt};
use super::heads::{AnswerHead, ObjectHead, ObjectScores, PretrainingHeads};
use super::layers::Pass;
use super::losses::{self, VisualTargets};
use super::parameters::Parameters;
use base::error::Result;
use checkpoint::StateDict;
use lxmert_spec::config::Config;
use lxmert_spec::pretrain_tasks::PretrainTasks;

/// Name of the decoder's second entry in the original's state dict; it is the word table.
pub const TIED_DECODER: &str = "cls.predictions.decoder.weight";
/// The word table's name in the pre-training model.
pub const WORD_TABLE: &str = "bert.embeddings.word_embeddings.weight";

/// How many items each loss is a mean over. Where a batch is gone through in parts, those of the whole batch make the parts'
/// losses add up to the batch's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// Words to predict.
    pub words: usize,
    /// Sentences with their images.
    pub examples: usize,
    /// Boxes, masked or not.
    pub boxes: usize,
    /// Answers to predict.
    pub answers: usize,
}

impl Counts {
    /// Those of a whole batch.
    pub fn of(targets: &Targets) -> Self {
        let labelled = |labels: &Tensor| labels.ne(-1).sum(Kind::Int64).int64_value(&[]) as usize;
        Self {
            words: labelled(targets.words),
            examples: targets.matched.numel(),
            boxes: targets.visual.obj.numel(),
            answers: labelled(targets.answer),
        }
    }
}

/// What the losses compare with.
pub struct Targets<'a> {
    /// Original ids of masked words (B, S) int64, −1 elsewhere; in the shape of the word scores.
    pub words: &'a Tensor,
    /// 1 where sentence and image belong together (B) int64.
    pub matched: &'a Tensor,
    /// Objects, attributes and features.
    pub visual: VisualTargets<'a>,
    /// Answer (B) int64, −1 for none.
    pub answer: &'a Tensor,
}

/// Scores of the heads; undefined tensors where a head was not asked.
pub struct Scores {
    /// (B, S, vocab), or (N, vocab) of N chosen positions.
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
        self.scores(inputs, PretrainTasks::ALL, None, pass)
    }

    /// Scores of the heads that these tasks need. Word scores, the largest of all, only for the `words` to predict: positions
    /// (N) int64 in the flattened (B, S).
    pub fn forward_for(&self, inputs: &Inputs, tasks: PretrainTasks, words: &Tensor, pass: Pass) -> Scores {
        self.scores(inputs, tasks, Some(words), pass)
    }

    fn scores(&self, inputs: &Inputs, tasks: PretrainTasks, words: Option<&Tensor>, pass: Pass) -> Scores {
        let out = self.bert.forward(inputs, pass);
        let when = |wanted: bool, scores: &dyn Fn() -> Tensor| if wanted { scores() } else { Tensor::new() };
        let lang = match words {
            Some(positions) => out.lang.reshape([-1, out.lang.size()[2]]).index_select(0, positions),
            None => out.lang.shallow_clone(),
        };
        Scores {
            words: when(tasks.mask_lm, &|| self.cls.words(&lang, self.bert.word_table())),
            matched: when(tasks.matched, &|| self.cls.matched(&out.pooled)),
            objects: self.objects.forward(&out.visn, [tasks.obj, tasks.attr, tasks.feat]),
            answer: when(tasks.qa, &|| self.answer.forward(&out.pooled)),
        }
    }

    /// The model below the heads.
    pub fn lxrt(&self) -> &Lxrt {
        &self.bert
    }
}

/// The losses of the chosen tasks with their names, in the original's order; the total is their plain sum.
/// The names are right for every choice; the original zips names and losses by position and prints wrong ones.
pub fn losses(scores: &Scores, targets: &Targets, tasks: PretrainTasks) -> Vec<(&'static str, Tensor)> {
    losses_of_part(scores, targets, tasks, Counts::of(targets))
}

/// [`losses()`] of a part of a batch, where `counts` are those of the whole: the parts' losses add up to the batch's, and so do
/// their gradients.
pub fn losses_of_part(
    scores: &Scores,
    targets: &Targets,
    tasks: PretrainTasks,
    counts: Counts,
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

/// How many items the highest score is right for, as 0-d tensors, of the chosen tasks that classify: words to predict,
/// matches, and the classes of boxes.
pub fn right(scores: &Scores, targets: &Targets, tasks: PretrainTasks) -> Vec<(&'static str, Tensor)> {
    let right = |scores: &Tensor, labels: &Tensor| {
        rows(scores).argmax(1, false).eq_tensor(&labels.reshape([-1])).sum(Kind::Int64)
    };
    let of = |name| match name {
        "Mask_LM" => Some(right(&scores.words, targets.words)),
        "Matched" => Some(right(&scores.matched, targets.matched)),
        "Obj" => Some(right(&scores.objects.obj, targets.visual.obj)),
        "Attr" => Some(right(&scores.objects.attr, targets.visual.attr)),
        _ => None,
    };
    tch::no_grad(|| tasks.names().into_iter().filter_map(|name| Some((name, of(name)?))).collect())
}

/// (…, classes) as (N, classes).
fn rows(scores: &Tensor) -> Tensor {
    scores.reshape([-1, scores.size().last().copied().unwrap_or(1)])
}
