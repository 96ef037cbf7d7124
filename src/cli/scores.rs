//! Scores one set of predictions, and renders the scores as text and JSON.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use base::error::{Error, Result};
use data::dataset::nlvr2_official::{self, Nlvr2Categories, Nlvr2Gold, Nlvr2Score};
use data::dataset::{self, Completeness, Id, Prediction, TaskData};

/// Official references for NLVR2's predictions.
#[derive(Clone)]
pub(crate) struct Nlvr2References {
    /// Official examples, from a file or made from the split.
    pub gold: Option<Vec<Nlvr2Gold>>,
    /// Name and examples of each official part.
    pub subsets: Vec<(String, Vec<Nlvr2Gold>)>,
    /// File with the official annotations of sentences.
    pub categories: Option<PathBuf>,
}

impl Nlvr2References {
    /// Removes the examples that have no prediction.
    pub(crate) fn retain_answered(&mut self, predictions: &[Prediction]) {
        let answered: HashSet<String> = predictions.iter().map(|prediction| prediction.id.to_string()).collect();
        for gold in self.gold.iter_mut().chain(self.subsets.iter_mut().map(|(_, gold)| gold)) {
            gold.retain(|example| answered.contains(&example.identifier));
        }
    }
}

/// All scores of one set of predictions.
#[derive(Default)]
pub(crate) struct ScoreReport {
    /// The predictions file; `None` if models answered.
    pub file: Option<String>,
    /// The models that answered; empty for a file.
    pub models: Vec<String>,
    /// How several models were averaged; `None` for fewer.
    pub ensemble: Option<String>,
    /// The task and its splits.
    pub split: Option<(String, String)>,
    /// Number of predictions.
    pub predictions: usize,
    /// Mean score of the predictions, from 0 to 1; `None` without labels.
    pub score: Option<f64>,
    /// Whether every question of the split has exactly one prediction; `None` without a split.
    pub complete: Option<Completeness>,
    /// NLVR2's official scores.
    pub official: Option<Nlvr2Score>,
    /// The official scores of parts of the split.
    pub subsets: Vec<(String, Nlvr2Score)>,
    /// The official scores of linguistic categories.
    pub categories: Option<Nlvr2Categories>,
}

/// Scores predictions against a split with its answer table, and against NLVR2's official references.
///
/// # Errors
/// Data if predictions answer unknown questions, or one question twice.
pub(crate) fn score_predictions(
    split: Option<(&TaskData, Option<&[String]>)>,
    against: &Nlvr2References,
    predictions: &[Prediction],
) -> Result<ScoreReport> {
    let mut result = ScoreReport { predictions: predictions.len(), ..ScoreReport::default() };
    if let Some((data, answers)) = split {
        result.split = Some((data.task.to_string(), data.splits.join(",")));
        result.complete = Some(dataset::completeness(data, answers, predictions));
        if data.is_labelled() {
            result.score = Some(dataset::score(data, predictions)?);
        }
    }
    if let Some(gold) = &against.gold {
        result.official = Some(nlvr2_official::nlvr2_official(gold, predictions)?);
        let categories = against.categories.as_ref();
        result.categories =
            categories.map(|file| nlvr2_official::nlvr2_categories(file, gold, predictions)).transpose()?;
    } else if against.categories.is_some() {
        return Err(Error::usage("--categories needs a split with labels").next("use --split valid"));
    }
    for (name, gold) in &against.subsets {
        let known: Option<HashSet<Id>> =
            split.map(|(data, _)| data.examples.iter().map(|example| example.id.clone()).collect());
        if let Some(other) = known.and_then(|known| {
            gold.iter()
                .find(|example| !known.contains(&Id::Text(example.identifier.clone())))
                .map(|one| &one.identifier)
        }) {
            return Err(Error::data(format!("the subset {name} has {other}, which is not in the split"))
                .next("use balanced_dev.json and unbalanced_dev.json with valid, and those of test1 with test"));
        }
        let score = nlvr2_official::nlvr2_official(gold, predictions)
            .map_err(|error| error.while_doing(format!("cannot score the subset {name}")))?;
        result.subsets.push((name.clone(), score));
    }
    Ok(result)
}

impl ScoreReport {
    /// Returns the scores as one JSON object.
    ///
    /// # Errors
    /// A bug if they cannot be written as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        let mut all = json!({ "task": "nlvr2", "predictions": self.predictions });
        if let Some(file) = &self.file {
            all["file"] = json!(file);
        }
        if !self.models.is_empty() {
            all["models"] = json!(self.models);
        }
        if let Some(ensemble) = &self.ensemble {
            all["together"] = json!(ensemble);
        }
        if let Some((task, split)) = &self.split {
            (all["task"], all["split"]) = (json!(task), json!(split));
        }
        if let Some(found) = &self.complete {
            all["examples"] = json!(found.questions);
            all["completeness"] =
                serde_json::to_value(found).map_err(|e| Error::bug("a result cannot be written as JSON").because(e))?;
        }
        if let Some(score) = self.score {
            all["score"] = json!(score);
        }
        if let Some(official) = &self.official {
            merge(&mut all, &figures(official));
        }
        if !self.subsets.is_empty() {
            all["subsets"] = self.subsets.iter().map(|(name, score)| (name.clone(), figures(score))).collect();
        }
        if let Some(found) = &self.categories {
            let one = |(name, correct, of): &(String, usize, usize)| json!({"category": name, "correct": correct, "examples": of});
            all["categories"] = found.categories.iter().map(one).collect();
        }
        Ok(all)
    }

    /// Returns the scores as text, headed by the file's name if `named`.
    pub(crate) fn text(&self, named: bool) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            out += &text;
            out.push('\n');
        };
        if let Some(file) = self.file.as_ref().filter(|_| named) {
            line(format!("{file}:"));
        }
        if let Some(ensemble) = &self.ensemble {
            line(ensemble.clone());
        }
        match (&self.official, self.score) {
            (Some(official), _) => official_lines(official).into_iter().for_each(&mut line),
            (None, Some(score)) => line(format!("accuracy {:.2} on {} predictions", score * 100.0, self.predictions)),
            (None, None) => {}
        }
        for (name, score) in &self.subsets {
            line(format!("{name}: {}", official_lines(score).join(", ")));
        }
        for (name, correct, of) in self.categories.iter().flat_map(|found| &found.categories) {
            line(format!("  {name}: {:.2} ({correct} of {of})", percent(*correct, *of)));
        }
        if let Some(found) = &self.complete {
            line(found.to_string());
        }
        out
    }
}

fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of as f64
}

fn official_lines(score: &Nlvr2Score) -> [String; 2] {
    let Nlvr2Score { correct, examples, consistent, groups } = score;
    [
        format!("accuracy {:.2} ({correct} of {examples})", score.accuracy() * 100.0),
        format!("consistency {:.2} ({consistent} of {groups} groups)", score.consistency() * 100.0),
    ]
}

fn figures(score: &Nlvr2Score) -> Value {
    json!({
        "accuracy": score.accuracy(),
        "accuracy_percent": score.accuracy_percent(),
        "correct": score.correct,
        "examples": score.examples,
        "consistency": score.consistency(),
        "consistent": score.consistent,
        "groups": score.groups,
    })
}

fn merge(all: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        all[key.as_str()] = value.clone();
    }
}
