//! The port's tensor names and the original's, both ways.

use std::borrow::Cow;

use super::super::policy::{TASK, TIED};
use super::super::wrappers::unwrapped;
use checkpoint::StateDict;

/// The three kinds of model that the port has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `LxmertForPreTraining`: `lxmert.*`, `cls.*`, `obj_predict_head.*`, `answer_head.*`.
    PreTraining,
    /// `LxmertForQuestionAnswering`: `lxmert.*`, `answer_head.*`.
    QuestionAnswering,
    /// `LxmertModel`: the encoder, with or without `lxmert.` before its names.
    Model,
}

impl Layout {
    /// The port's class.
    pub fn class(self) -> &'static str {
        match self {
            Self::PreTraining => "LxmertForPreTraining",
            Self::QuestionAnswering => "LxmertForQuestionAnswering",
            Self::Model => "LxmertModel",
        }
    }
}

/// What the port calls the encoder.
const PORT: &str = "lxmert.";

/// Which of the port's models has these names, if any: those of the original or of BERT are not taken for it.
pub fn recognise(state: &StateDict) -> Option<Layout> {
    let any = |prefix: &str| state.keys().any(|name| unwrapped(name).starts_with(prefix));
    if any(PORT) {
        return Some(match (any("cls."), any("answer_head.")) {
            (true, _) => Layout::PreTraining,
            (false, true) => Layout::QuestionAnswering,
            (false, false) => Layout::Model,
        });
    }
    (any("embeddings.word_embeddings.") && any("encoder.x_layers.")).then_some(Layout::Model)
}

/// The port's tensors under the original's names: a pre-training model's, a task model's, or the encoder's. Also the names of
/// those that are left out, and why: buffers of positions, which no model needs, and a tied decoder that is stored with other
/// values than the word table, which the port's own reader replaces by the word table.
/// Names that are not the port's stay as they are.
pub fn to_original(layout: Layout, state: StateDict) -> (StateDict, Vec<String>) {
    let mut left_out = Vec::new();
    let task = if layout == Layout::QuestionAnswering { TASK } else { "" };
    let mut renamed: StateDict = state
        .into_iter()
        .filter_map(|(name, tensor)| {
            let known: Cow<'_, str> = unwrapped(&name);
            if known.ends_with("embeddings.position_ids") {
                left_out.push(format!("{name} (a buffer that counts positions)"));
                return None;
            }
            let name = match (known.strip_prefix(PORT), known.strip_prefix("answer_head."), layout) {
                (Some(encoder), ..) => format!("{task}bert.{encoder}"),
                (None, Some(head), Layout::QuestionAnswering) => head.to_owned(),
                (None, _, Layout::Model) => format!("bert.{known}"),
                _ => known.to_string(),
            };
            Some((name, tensor))
        })
        .collect();
    if let (Some(table), Some(decoder)) = (renamed.get(TIED[0]), renamed.get(TIED[1]))
        && table != decoder
    {
        renamed.shift_remove(TIED[1]);
        left_out.push(format!("{} (tied to the word table, but stored with other values)", TIED[1]));
    }
    (renamed, left_out)
}

/// The original's tensors (without `module.`) under the port's names. The decoder is left to its tie, as the port saves it;
/// `LxmertModel` has no prefix, as the port saves it.
pub fn from_original(layout: Layout, state: StateDict) -> StateDict {
    let port = if layout == Layout::Model { "" } else { PORT };
    state
        .into_iter()
        .filter(|(name, _)| name != TIED[1])
        .map(|(name, tensor)| {
            let plain = name.strip_prefix(TASK).unwrap_or(&name);
            let name = match plain.strip_prefix("bert.") {
                Some(encoder) => format!("{port}{encoder}"),
                None if plain.starts_with("logit_fc.") => format!("answer_head.{plain}"),
                None => plain.to_owned(),
            };
            (name, tensor)
        })
        .collect()
}
