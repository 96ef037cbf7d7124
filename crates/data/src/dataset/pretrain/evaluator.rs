//! Accuracy of the answers given in pre-training.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::data::PretrainData;

/// Mean score of the answers to questions, overall and per category; shown as the original prints it, without the line
/// end.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// Over all questions, from 0 to 1.
    pub overall: f64,
    /// Per category.
    pub per_category: BTreeMap<String, f64>,
}

/// Sums of scores; exact in JSON, so that a run can resume from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    score: f64,
    count: u64,
}

impl Tally {
    fn add(&mut self, score: f64) {
        self.score += score;
        self.count += 1;
    }

    fn mean(&self) -> f64 {
        self.score / self.count as f64
    }

    /// Returns whether the sum is possible for at most this many answers.
    fn is_within(&self, examples: u64) -> bool {
        self.count <= examples && self.score.is_finite() && self.score >= 0.0
    }
}

/// The scores of answers as they are given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerScores {
    overall: Tally,
    per_category: BTreeMap<String, Tally>,
}

impl AnswerScores {
    /// Scores an answer (an id in the answer table) to an example, given by its number. Examples of categories without answers
    /// do not count; questions whose answers are all outside the table do, with 0.
    pub fn add(&mut self, data: &PretrainData, number: usize, answer: Option<usize>) {
        let Some(example) = data.examples().get(number) else { return };
        let Some(label) = example.label() else { return };
        let score = label.iter().find(|(id, _)| answer == Some(*id as usize)).map_or(0.0, |(_, score)| *score);
        self.overall.add(score);
        let category = data.category(example);
        match self.per_category.get_mut(category) {
            Some(tally) => tally.add(score),
            None => self.per_category.entry(category.to_owned()).or_default().add(score),
        }
    }

    /// Returns what is impossible for answers to this many examples; `None` if nothing is wrong.
    pub fn flaw(&self, examples: u64) -> Option<String> {
        let all = self.per_category.iter().map(|(name, tally)| (name.as_str(), tally));
        let mut all = all.chain([("all categories", &self.overall)]);
        let (name, tally) = all.find(|(_, tally)| !tally.is_within(examples))?;
        Some(format!("a score of {} over {} answers in {name}, over {examples} examples", tally.score, tally.count))
    }

    /// Returns the means; `None` if no question was answered.
    pub fn accuracy(&self) -> Option<Accuracy> {
        let per_category = self.per_category.iter().map(|(name, tally)| (name.clone(), tally.mean())).collect();
        (self.overall.count > 0).then(|| Accuracy { overall: self.overall.mean(), per_category })
    }
}

/// Returns the numbers of the questions by uid, for [`AnswerScores::add`]; the last one if several have the same uid.
pub fn questions_by_uid(data: &PretrainData) -> HashMap<String, usize> {
    let questions = data.examples().iter().enumerate().filter(|(_, example)| example.label().is_some());
    questions.map(|(number, example)| (data.uid(example), number)).collect()
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overall Accu {:.4}, ", self.overall)?;
        for (category, accuracy) in &self.per_category {
            write!(f, "{category} Accu {accuracy:.4}, ")?;
        }
        Ok(())
    }
}
