//! Renames tensors from the port's names to the original's, and back.

use std::borrow::Cow;

use super::super::parameter_names::{ANSWER_HEAD, ENCODER, LOGITS, PRETRAINING_HEADS, TASK_PREFIX, TIED};
use super::super::wrappers::unwrapped;
use checkpoint::StateDict;

/// The three model classes of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HfLayout {
    /// `LxmertForPreTraining`: `lxmert.*`, `cls.*`, `obj_predict_head.*`, `answer_head.*`.
    PreTraining,
    /// `LxmertForQuestionAnswering`: `lxmert.*`, `answer_head.*`.
    QuestionAnswering,
    /// `LxmertModel`: the encoder, with or without `lxmert.` before its names.
    Model,
}

impl HfLayout {
    /// Returns the name of the port's class.
    pub fn class(self) -> &'static str {
        match self {
            Self::PreTraining => "LxmertForPreTraining",
            Self::QuestionAnswering => "LxmertForQuestionAnswering",
            Self::Model => "LxmertModel",
        }
    }
}

/// The port's prefix of the encoder.
const PORT: &str = "lxmert.";

/// Returns the port's model that has these names; `None` for the original's, BERT's and all others.
pub fn recognise(state: &StateDict) -> Option<HfLayout> {
    let any = |prefix: &str| state.keys().any(|name| unwrapped(name).starts_with(prefix));
    if any(PORT) {
        return Some(match (any(PRETRAINING_HEADS), any(ANSWER_HEAD)) {
            (true, _) => HfLayout::PreTraining,
            (false, true) => HfLayout::QuestionAnswering,
            (false, false) => HfLayout::Model,
        });
    }
    (any("embeddings.word_embeddings.") && any("encoder.x_layers.")).then_some(HfLayout::Model)
}

/// Renames the port's tensors to the original's names. Names that are not the port's stay.
///
/// Also returns the names of tensors that are left out, each with the reason: buffers of positions, which no model needs, and a
/// decoder whose values differ from the word embeddings that it is tied to. The port itself replaces the latter when it loads.
pub fn to_original(layout: HfLayout, state: StateDict) -> (StateDict, Vec<String>) {
    let mut left_out = Vec::new();
    let task = if layout == HfLayout::QuestionAnswering { TASK_PREFIX } else { "" };
    let mut renamed: StateDict = state
        .into_iter()
        .filter_map(|(name, tensor)| {
            let known: Cow<'_, str> = unwrapped(&name);
            if known.ends_with("embeddings.position_ids") {
                left_out.push(format!("{name} (a buffer that counts positions)"));
                return None;
            }
            let name = match (known.strip_prefix(PORT), known.strip_prefix(ANSWER_HEAD), layout) {
                (Some(encoder), ..) => format!("{task}{ENCODER}{encoder}"),
                (None, Some(head), HfLayout::QuestionAnswering) => head.to_owned(),
                (None, _, HfLayout::Model) => format!("{ENCODER}{known}"),
                _ => known.to_string(),
            };
            Some((name, tensor))
        })
        .collect();
    if let (Some(table), Some(decoder)) = (renamed.get(TIED[0]), renamed.get(TIED[1]))
        && table != decoder
    {
        renamed.shift_remove(TIED[1]);
        left_out.push(format!("{} (tied to the word embeddings, but stored with other values)", TIED[1]));
    }
    (renamed, left_out)
}

/// Renames the original's tensors (without `module.`) to the port's names. As in the port's own files, the tied decoder is left
/// out and `LxmertModel` has no prefix.
pub fn from_original(layout: HfLayout, state: StateDict) -> StateDict {
    let port = if layout == HfLayout::Model { "" } else { PORT };
    state
        .into_iter()
        .filter(|(name, _)| name != TIED[1])
        .map(|(name, tensor)| {
            let plain = name.strip_prefix(TASK_PREFIX).unwrap_or(&name);
            let name = match plain.strip_prefix(ENCODER) {
                Some(encoder) => format!("{port}{encoder}"),
                None if plain.starts_with(LOGITS) => format!("{ANSWER_HEAD}{plain}"),
                None => plain.to_owned(),
            };
            (name, tensor)
        })
        .collect()
}
