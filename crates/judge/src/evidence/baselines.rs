//! The scores of weaker predictors on the items that a model is judged by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::verdict::baseline::Baseline;
use data::dataset::Task;

/// Baselines of the three tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// Learnt from train and nominival, scored on minival.
    pub vqa: TaskBaselines,
    /// Learnt from train and valid, scored on testdev.
    pub gqa: TaskBaselines,
    /// Learnt from train, scored on valid.
    pub nlvr2: TaskBaselines,
}

/// Accuracies, 0 to 1, of predictors that lack the question, the image or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskBaselines {
    /// Accuracies over all questions.
    pub all: Accuracies,
    /// Accuracies by the first two words of a question; `prior` is then the best answer to that kind.
    pub kinds: BTreeMap<String, Accuracies>,
}

/// Accuracies, 0 to 1, over some questions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracies {
    /// Number of questions.
    pub questions: usize,
    /// Accuracy of always giving the same answer.
    pub prior: f64,
    /// Accuracy of answering by the question alone.
    pub question_only: f64,
    /// Accuracy of answering by the image alone.
    pub image_only: f64,
    /// Accuracy of answering by the image and the first two words of the question.
    pub image_and_kind: f64,
}

impl Baselines {
    /// Returns the baselines that reports show beside the accuracy on a task, in points.
    pub fn beside(&self, task: Task) -> Vec<Baseline> {
        let alone = match task {
            Task::Vqa => &self.vqa.all,
            Task::Gqa => &self.gqa.all,
            Task::Nlvr2 => &self.nlvr2.all,
        };
        [("question-only", alone.question_only), ("image-only", alone.image_and_kind), ("chance", alone.prior)]
            .map(|(name, share)| Baseline { name: name.to_owned(), accuracy: share * 100.0 })
            .to_vec()
    }
}
