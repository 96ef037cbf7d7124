//! One question or statement about images, as the fine-tuning programs see it.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Identifier of an example within its task: a number in VQA, text in GQA (leading zeros count) and NLVR2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// VQA's `question_id`.
    Int(i64),
    /// GQA's `question_id` or NLVR2's `identifier`.
    Text(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The correct answer of an example.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// VQA and GQA: the score, 0 to 1, of each answer that earns one, in the file's order; may be empty.
    Soft(IndexMap<String, f64>),
    /// NLVR2: 1 if the sentence is true of the images, otherwise 0.
    Class(usize),
}

impl Label {
    /// Returns the score of an answer, 0 to 1. NLVR2's answers are True and False.
    pub fn points(&self, answer: &str) -> f64 {
        match self {
            Self::Soft(scores) => scores.get(answer).copied().unwrap_or(0.0),
            Self::Class(class) => f64::from(u8::from(answer == nlvr2_answer(*class))),
        }
    }
}

/// Returns the NLVR2 answer of a class: `True` for 1, else `False`.
pub fn nlvr2_answer(class: usize) -> &'static str {
    if class == 1 { "True" } else { "False" }
}

/// One example of a split file.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Unique within its data.
    pub id: Id,
    /// The `img_id`s of the features it needs: one, or NLVR2's two in the order left, right.
    pub images: Vec<String>,
    /// The question or statement, as in the file.
    pub sentence: String,
    /// Absent in test data.
    pub label: Option<Label>,
}
