//! The figures of one set of predictions, as text and JSON.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use base::error::{Error, Result};
use data::dataset::nlvr2_official::{self, Nlvr2Categories, Nlvr2Gold, Nlvr2Score};
use data::dataset::{self, Completeness, Id, Prediction, TaskData};

/// What NLVR2's predictions are also scored against.
#[derive(Clone)]
pub(crate) struct Against {
    /// The official view of the split, or an official file.
    pub gold: Option<Vec<Nlvr2Gold>>,
    /// Name and examples of official parts of it.
    pub subsets: Vec<(String, Vec<Nlvr2Gold>)>,
    /// The official annotations of sentences.
    pub categories: Option<PathBuf>,
}

impl Against {
    /// Leaves out the examples that were not answered, where only a part was to be.
    pub(crate) fn keep(&mut self, predictions: &[Prediction]) {
        let answered: HashSet<String> = predictions.iter().map(|prediction| prediction.id.to_string()).collect();
        for gold in self.gold.iter_mut().chain(self.subsets.iter_mut().map(|(_, gold)| gold)) {
            gold.retain(|example| answered.contains(&example.identifier));
        }
    }
}

/// All figures of one set of predictions.
#[derive(Default)]
pub(crate) struct Scored {
    /// The predictions file.
    pub file: Option<String>,
    /// Or the models that answered,
    pub models: Vec<String>,
    /// and how, where they are several.
    pub together: Option<String>,
    /// The task and its splits.
    pub split: Option<(String, String)>,
    /// Predictions.
    pub predictions: usize,
    /// Share of the points, 0 to 1, over the predictions; none without labels.
    pub score: Option<f64>,
    /// Whether every question of the split is answered once; none without a split.
    pub complete: Option<Completeness>,
    /// NLVR2's official figures.
    pub official: Option<Nlvr2Score>,
    /// Those of parts of the split.
    pub subsets: Vec<(String, Nlvr2Score)>,
    /// Those of linguistic categories.
    pub categories: Option<Nlvr2Categories>,
}

/// Scores predictions against a split with its answer table, and officially.
///
/// # Errors
/// Data where they are for other questions, or come twice.
pub(crate) fn scored(
    split: Option<(&TaskData, Option<&[String]>)>,
    against: &Against,
    predictions: &[Prediction],
) -> Result<Scored> {
    let mut result = Scored { predictions: predictions.len(), ..Scored::default() };
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
        return Err(Error::usage("categories are scored on a split with labels").next("use --split valid"));
    }
    for (name, gold) in &against.subsets {
        let known: Option<HashSet<Id>> =
            split.map(|(data, _)| data.examples.iter().map(|example| example.id.clone()).collect());
        if let Some(other) = known.and_then(|known| {
            gold.iter()
                .find(|example| !known.contains(&Id::Text(example.identifier.clone())))
                .map(|one| &one.identifier)
        }) {
            return Err(Error::data(format!("the subset {name} has {other}, which the split does not have"))
                .next("balanced_dev.json and unbalanced_dev.json belong to valid, those of test1 to test"));
        }
        let score = nlvr2_official::nlvr2_official(gold, predictions)
            .map_err(|error| error.while_doing(format!("cannot score the subset {name}")))?;
        result.subsets.push((name.clone(), score));
    }
    Ok(result)
}

impl Scored {
    /// One JSON object.
    ///
    /// # Errors
    /// A bug where it cannot be written.
    pub(crate) fn json(&self) -> Result<Value> {
        let mut all = json!({ "task": "nlvr2", "predictions": self.predictions });
        if let Some(file) = &self.file {
            all["file"] = json!(file);
        }
        if !self.models.is_empty() {
            all["models"] = json!(self.models);
        }
        if let Some(together) = &self.together {
            all["together"] = json!(together);
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

    /// For a person; `named` where there are several.
    pub(crate) fn text(&self, named: bool) -> String {
        let mut out = String::new();
        let mut line = |text: String| {
            out += &text;
            out.push('\n');
        };
        if let Some(file) = self.file.as_ref().filter(|_| named) {
            line(format!("{file}:"));
        }
        if let Some(together) = &self.together {
            line(together.clone());
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
