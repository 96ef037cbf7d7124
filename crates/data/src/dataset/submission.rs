//! Checks that predictions answer every question of a split exactly once, as test servers require.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::evaluate::Prediction;
use super::example::Id;
use super::task_data::TaskData;
use base::error::Error;
use base::format::grouped;

/// Number of faults of a kind that are named.
const NAMED: usize = 3;

/// Things that should not be: how many, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PredictionFaults {
    /// How many.
    pub count: usize,
    /// The first ones.
    pub such_as: Vec<String>,
}

impl PredictionFaults {
    fn add(&mut self, one: impl fmt::Display) {
        self.count += 1;
        if self.such_as.len() < NAMED {
            self.such_as.push(one.to_string());
        }
    }

    fn none(&self) -> bool {
        self.count == 0
    }
}

/// Predictions beside the questions of a split. Displayed as one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Task and splits.
    pub of: String,
    /// Questions of the split.
    pub questions: usize,
    /// Nothing is missing, foreign, repeated or unknown.
    pub complete: bool,
    /// Questions without a prediction.
    pub missing: PredictionFaults,
    /// Predictions for questions that the split does not have.
    pub foreign: PredictionFaults,
    /// Questions with more than one prediction.
    pub repeated: PredictionFaults,
    /// Answers that the answer table lacks; `None` if `answers_checked` is false.
    pub unknown_answers: PredictionFaults,
    /// Whether an answer table was available.
    pub answers_checked: bool,
}

/// Compares predictions with the split that they are for, and their answers with the answer table, if there is one.
pub fn completeness(data: &TaskData, answers: Option<&[String]>, predictions: &[Prediction]) -> Completeness {
    let table: Option<HashSet<&str>> = answers.map(|answers| answers.iter().map(String::as_str).collect());
    let mut times: HashMap<&Id, usize> = data.examples.iter().map(|example| (&example.id, 0)).collect();
    let (mut foreign, mut repeated, mut unknown) =
        (PredictionFaults::default(), PredictionFaults::default(), PredictionFaults::default());
    for Prediction { id, answer } in predictions {
        match times.get_mut(id) {
            None => foreign.add(id),
            Some(times) => {
                *times += 1;
                if *times == 2 {
                    repeated.add(id);
                }
            }
        }
        if table.as_ref().is_some_and(|table| !table.contains(answer.as_str())) {
            unknown.add(format_args!("{answer:?} to {id}"));
        }
    }
    let mut missing = PredictionFaults::default();
    for example in data.examples.iter().filter(|example| times.get(&example.id) == Some(&0)) {
        missing.add(&example.id);
    }
    Completeness {
        of: format!("{} {}", data.task, data.splits.join(",")),
        questions: data.examples.len(),
        complete: missing.none() && foreign.none() && repeated.none() && unknown.none(),
        missing,
        foreign,
        repeated,
        unknown_answers: unknown,
        answers_checked: table.is_some(),
    }
}

impl Completeness {
    /// Returns whether the only fault is that questions are missing, as when features are loaded in part.
    pub fn only_missing(&self) -> bool {
        self.foreign.none() && self.repeated.none() && self.unknown_answers.none()
    }

    /// Returns the faults as an error about `name`.
    pub fn error(&self, name: impl fmt::Display) -> Error {
        Error::data(format!("{name} is {self}"))
            .next("predict again with features of every image and the model's own answer table, then submit that file")
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, all) = (&self.of, grouped(self.questions as u64));
        if self.complete {
            return write!(f, "complete: {all} of {all} questions of {of}, each once");
        }
        let faults = [
            (&self.missing, format!("of {all} questions of {of} are missing")),
            (&self.foreign, format!("predictions are for questions that {of} does not have")),
            (&self.repeated, "questions are answered more than once".to_owned()),
            (&self.unknown_answers, "answers are not in the answer table".to_owned()),
        ];
        let said = faults.iter().filter(|(found, _)| !found.none()).map(|(found, what)| {
            format!("{} {what}, such as {}", grouped(found.count as u64), found.such_as.join(", "))
        });
        write!(f, "NOT complete: {}; do not submit it", said.collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::example::Example;
    use crate::dataset::task::Task;

    fn check(questions: i64, said: &[(i64, &str)]) -> Completeness {
        let example = |id| Example { id: Id::Int(id), images: vec![], sentence: String::new(), label: None };
        let examples = (0..questions).map(example).collect();
        let data = TaskData { task: Task::Vqa, splits: vec!["test".into()], examples };
        let predictions: Vec<_> =
            said.iter().map(|(id, answer)| Prediction { id: Id::Int(*id), answer: (*answer).into() }).collect();
        completeness(&data, Some(&["yes".to_owned(), String::new()]), &predictions)
    }

    #[test]
    fn every_fault_is_counted_and_named() {
        let all: Vec<(i64, &str)> = (0..1234).map(|id| (id, "yes")).collect();
        let found = check(1234, &all);
        assert!(found.complete && found.only_missing());
        assert_eq!(found.to_string(), "complete: 1,234 of 1,234 questions of vqa test, each once");

        let found = check(1234, &all[5..]);
        assert!(!found.complete && found.only_missing());
        assert_eq!(
            found.to_string(),
            "NOT complete: 5 of 1,234 questions of vqa test are missing, such as 0, 1, 2; do not submit it"
        );
        let found = check(3, &[(0, ""), (0, "yes"), (0, "no"), (9, "yes"), (2, "yes")]);
        assert!(!found.complete && !found.only_missing());
        assert_eq!(
            found.error("a.json").to_string(),
            "a.json is NOT complete: 1 of 3 questions of vqa test are missing, such as 1; \
             1 predictions are for questions that vqa test does not have, such as 9; \
             1 questions are answered more than once, such as 0; \
             1 answers are not in the answer table, such as \"no\" to 0; do not submit it\n  \
             next: predict again with features of every image and the model's own answer table, then submit that file"
        );
        assert!(!check(1, &[]).complete && check(0, &[]).complete);
    }
}
