//! Accuracy of the answers given in pre-training.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::data::PretrainData;
use crate::error::{Error, Result};

/// Mean score of the answers to questions, overall and per category; shown as the original prints it, without the line
/// end.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    /// Over all questions, from 0 to 1.
    pub overall: f64,
    /// Per category.
    pub per_category: BTreeMap<String, f64>,
}

#[derive(Default)]
struct Tally {
    score: f64,
    count: u32,
}

impl Tally {
    fn add(&mut self, score: f64) {
        self.score += score;
        self.count += 1;
    }

    fn mean(&self) -> f64 {
        self.score / f64::from(self.count)
    }
}

/// Scores answers (ids in the answer table) to examples, given by their numbers. Examples of categories without answers do
/// not count; questions whose answers are all outside the table do, with 0. No question at all is an error.
pub fn evaluate(data: &PretrainData, answers: impl IntoIterator<Item = (usize, Option<usize>)>) -> Result<Accuracy> {
    let mut overall = Tally::default();
    let mut per_category: BTreeMap<&str, Tally> = BTreeMap::new();
    for (number, answer) in answers {
        let Some(example) = data.examples().get(number) else { continue };
        let Some(label) = example.label() else { continue };
        let score = label.iter().find(|(id, _)| answer == Some(*id as usize)).map_or(0.0, |(_, score)| *score);
        overall.add(score);
        per_category.entry(data.category(example)).or_default().add(score);
    }
    if overall.count == 0 {
        return Err(Error::data("no answer belongs to a question of the pre-training data")
            .next("check that the predictions are of this data"));
    }
    let per_category = per_category.into_iter().map(|(name, tally)| (name.to_owned(), tally.mean())).collect();
    Ok(Accuracy { overall: overall.mean(), per_category })
}

/// Numbers of the questions by uid, for [`evaluate`]; of questions with the same uid the last.
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
