//! NLVR2's official figures: accuracy, consistency over sentences, and accuracy by linguistic category (lil-lab/nlvr).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use serde::de::MapAccess;

use super::evaluate::Prediction;
use super::example::nlvr2_answer;
use super::example::{Id, Label};
use super::foreign_json::ExpectedFile;
use super::python_format::float_repr;
use super::records::{self, Draft, field, required};
use super::task_data::TaskData;
use base::error::{Error, Result};
use base::files::read_text;

/// An official example: what is asked of which pair of images, and whether it is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nlvr2Gold {
    /// `split-set-pair-sentence`, such as `dev-850-0-0`.
    pub identifier: String,
    /// The statement.
    pub sentence: String,
    /// `True` or `False`; case does not count.
    pub label: String,
}

/// Reads an official file, one JSON object a line (or a list of them): a split or one of its balanced and unbalanced subsets.
pub fn read_nlvr2_gold(path: &Path) -> Result<Vec<Nlvr2Gold>> {
    let mut gold = Vec::new();
    records::read_list(path, ExpectedFile::Nlvr2Official, GoldDraft::default, |example| {
        gold.push(example);
        Ok(())
    })?;
    Ok(gold)
}

/// Converts loaded NLVR2 data to the official script's view.
pub fn nlvr2_gold(data: &TaskData) -> Result<Vec<Nlvr2Gold>> {
    data.examples
        .iter()
        .map(|example| match example.label {
            Some(Label::Class(class)) => Ok(Nlvr2Gold {
                identifier: example.id.to_string(),
                sentence: example.sentence.clone(),
                label: nlvr2_answer(class).into(),
            }),
            _ => Err(Error::data(format!("{} {} has no NLVR2 labels", data.task, data.splits.join(",")))
                .next("choose a labelled NLVR2 split")),
        })
        .collect()
}

/// Accuracy and consistency as counts. Displayed as the official `metrics.py` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nlvr2Score {
    /// Right predictions.
    pub correct: usize,
    /// Examples.
    pub examples: usize,
    /// Sentences (of one set of images) with every prediction right.
    pub consistent: usize,
    /// Sentences.
    pub groups: usize,
}

impl Nlvr2Score {
    /// Returns the share of right predictions, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.examples as f64
    }

    /// Returns the accuracy times 100, rounded like the official script for the balanced and unbalanced subsets.
    pub fn accuracy_percent(&self) -> f64 {
        100.0 * self.correct as f64 / self.examples as f64
    }

    /// Returns the share of sentences that are answered correctly for all their image pairs, 0 to 1.
    pub fn consistency(&self) -> f64 {
        self.consistent as f64 / self.groups as f64
    }
}

impl fmt::Display for Nlvr2Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accuracy={}\nconsistency={}", float_repr(self.accuracy()), float_repr(self.consistency()))
    }
}

/// Computes the official score. The sentence an example belongs to is its identifier without the third field (the image
/// pair).
///
/// Predictions may cover more than `gold`, so that a subset is scored from predictions for the whole split. Fewer
/// predictions than examples give the official message as an error (the official script prints it and exits with 0).
pub fn nlvr2_official(gold: &[Nlvr2Gold], predictions: &[Prediction]) -> Result<Nlvr2Score> {
    let answers = Answers::new(gold, predictions)?;
    let mut groups: HashMap<String, bool> = HashMap::new();
    let mut correct = 0;
    for example in gold {
        let right = answers.right(example)?;
        correct += usize::from(right);
        *groups.entry(sentence_group(&example.identifier)?).or_insert(true) &= right;
    }
    let consistent = groups.values().filter(|consistent| **consistent).count();
    Ok(Nlvr2Score { correct, examples: gold.len(), consistent, groups: groups.len() })
}

/// Accuracy by category of the annotated sentences. Displayed as the official script prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nlvr2Categories {
    /// Annotated sentences in the annotation file.
    pub annotated: usize,
    /// Category, right predictions and examples, sorted by name; a sentence counts once for each of its image pairs.
    pub categories: Vec<(String, usize, usize)>,
}

impl fmt::Display for Nlvr2Categories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Loaded {} annotated examples.", self.annotated)?;
        writeln!(f, "Found {} categories.", self.categories.len())?;
        writeln!(f, "Per-category accuracy:")?;
        for (name, correct, examples) in &self.categories {
            writeln!(f, "{name}: {:.2} (of {examples} examples)", 100.0 * *correct as f64 / *examples as f64)?;
        }
        Ok(())
    }
}

/// Scores each linguistic category of the official annotations (`annotated_dev_examples.txt`: blocks of a sentence and its
/// `* category` lines, blank lines between them). A category whose sentences `gold` lacks is an error: the files do not
/// belong together.
pub fn nlvr2_categories(annotations: &Path, gold: &[Nlvr2Gold], predictions: &[Prediction]) -> Result<Nlvr2Categories> {
    let text = read_text(annotations, 1 << 24)?;
    let sentences = read_annotations(&text).map_err(|wrong| {
        Error::data(format!("{} cannot be used", annotations.display()))
            .because(wrong)
            .next("it holds blocks of a sentence and lines `* category`, with blank lines between the blocks")
    })?;
    let answers = Answers::new(gold, predictions)?;
    let mut counts: BTreeMap<&str, (usize, usize)> =
        sentences.values().flatten().map(|category| (*category, (0, 0))).collect();
    for example in gold {
        for category in sentences.get(example.sentence.as_str()).into_iter().flatten() {
            let (correct, examples) = counts.entry(category).or_default();
            *correct += usize::from(answers.right(example)?);
            *examples += 1;
        }
    }
    if let Some((category, _)) = counts.iter().find(|(_, (_, examples))| *examples == 0) {
        return Err(Error::data(format!("no example has a sentence of the category `{category}`"))
            .next(format!("give the split that {} annotates (dev)", annotations.display())));
    }
    let categories =
        counts.into_iter().map(|(name, (correct, examples))| (name.to_owned(), correct, examples)).collect();
    Ok(Nlvr2Categories { annotated: sentences.len(), categories })
}

/// Parses the categories of each sentence.
fn read_annotations(text: &str) -> Result<HashMap<&str, Vec<&str>>, String> {
    let mut sentences: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut current = None;
    for (index, line) in text.lines().map(str::trim_end).enumerate() {
        match (line.strip_prefix("* "), current) {
            _ if line.is_empty() => current = None,
            (Some(category), Some(sentence)) => sentences.entry(sentence).or_default().push(category),
            (None, None) => {
                if sentences.insert(line, Vec::new()).is_some() {
                    return Err(format!("line {}: this sentence is annotated twice", index + 1));
                }
                current = Some(line);
            }
            (Some(_), None) => return Err(format!("line {}: a category without a sentence", index + 1)),
            (None, Some(_)) => return Err(format!("line {}: neither a category nor a blank line", index + 1)),
        }
    }
    Ok(sentences)
}

/// Returns the group of an example's sentence: the identifier with the third dash field (the pair of images) blanked.
pub fn sentence_group(identifier: &str) -> Result<String> {
    let mut fields: Vec<&str> = identifier.split('-').collect();
    match fields.get_mut(2) {
        Some(pair) => *pair = "",
        None => {
            return Err(Error::data(format!("the identifier `{identifier}` has fewer than three fields"))
                .next("identifiers look like dev-850-0-0: split, set, pair, sentence"));
        }
    }
    Ok(fields.join("-"))
}

/// Predictions by identifier.
struct Answers<'a>(HashMap<&'a str, &'a str>);

impl<'a> Answers<'a> {
    fn new(gold: &[Nlvr2Gold], predictions: &'a [Prediction]) -> Result<Self> {
        let mut answers = HashMap::with_capacity(predictions.len());
        for Prediction { id, answer } in predictions {
            let Id::Text(identifier) = id else {
                return Err(Error::data(format!("`{id}` is not an NLVR2 identifier"))
                    .next("score predictions against the task they were made for"));
            };
            if answers.insert(identifier.as_str(), answer.as_str()).is_some() {
                return Err(Error::data(format!("identifier {id} is predicted twice"))
                    .next("keep one prediction for each example"));
            }
        }
        if gold.is_empty() {
            return Err(Error::data("there is no NLVR2 example to score").next("choose a split that has examples"));
        }
        if answers.len() < gold.len() {
            return Err(some_missing(gold, &answers));
        }
        Ok(Self(answers))
    }

    fn right(&self, example: &Nlvr2Gold) -> Result<bool> {
        match self.0.get(example.identifier.as_str()) {
            Some(answer) => Ok(answer.to_lowercase() == example.label.to_lowercase()),
            None => Err(Error::data(format!("Missing prediction for item {}", example.identifier))
                .next("score predictions against the split they were made for")),
        }
    }
}

/// Number of missing predictions that the error names.
const NAMED: usize = 10;

fn some_missing(gold: &[Nlvr2Gold], answers: &HashMap<&str, &str>) -> Error {
    let missing: Vec<_> = gold.iter().filter(|example| !answers.contains_key(example.identifier.as_str())).collect();
    let mut error = Error::data("Some predictions are missing!").because(format!(
        "Got {} predictions but expected {}",
        answers.len(),
        gold.len()
    ));
    for example in missing.iter().take(NAMED) {
        error = error.because(format!("Missing prediction for item {}", example.identifier));
    }
    if missing.len() > NAMED {
        error = error.because(format!("... and {} more", missing.len() - NAMED));
    }
    error.next("predict every example of the split")
}

/// A line of an official file that is being read.
#[derive(Default)]
struct GoldDraft {
    identifier: Option<String>,
    sentence: Option<String>,
    label: Option<String>,
}

impl Draft for GoldDraft {
    type Record = Nlvr2Gold;

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "identifier" => field(&mut self.identifier, key, map),
            "sentence" => field(&mut self.sentence, key, map),
            "label" => field(&mut self.label, key, map),
            _ => Ok(false),
        }
    }

    fn finish(self) -> Result<Nlvr2Gold, String> {
        Ok(Nlvr2Gold {
            identifier: required(self.identifier, "identifier")?,
            sentence: required(self.sentence, "sentence")?,
            label: required(self.label, "label")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::predictions::{read_predictions, write_predictions};
    use crate::dataset::task::Task;

    /// Returns the fixture's rule for predictions: right where splitmix64(fnv1a64(identifier)) mod 100 is below `percent`.
    fn by_rule(gold: &[Nlvr2Gold], percent: u64) -> Vec<Prediction> {
        let rule = |identifier: &str| {
            let hash = identifier
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
            let mut z = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) % 100 < percent
        };
        gold.iter()
            .map(|example| Prediction {
                id: Id::Text(example.identifier.clone()),
                answer: nlvr2_answer(usize::from((example.label == "True") == rule(&example.identifier))).into(),
            })
            .collect()
    }

    #[test]
    fn the_official_figures_of_the_real_sets() {
        let Some(expected) = fixtures::lxrt("data/data.json").map(|path| fixtures::json(&path)) else {
            return;
        };
        for (file, case) in [("dev", "nlvr2_eval_valid"), ("test1", "nlvr2_eval_test")] {
            let Some(path) = fixtures::beside(&format!("nlvr2/{file}.json")) else { continue };
            let expected = &expected[case];
            let Some(rule) = expected["rule"].as_str() else {
                eprintln!("skipped: {case} is not there");
                continue;
            };
            let percent = rule.split("h < ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
            let gold = read_nlvr2_gold(&path).unwrap();
            let predictions = by_rule(&gold, percent);
            let score = nlvr2_official(&gold, &predictions).unwrap();
            assert_eq!(format!("{score}\n"), expected["official_metrics_stdout"].as_str().unwrap(), "{case}");
            assert_eq!(score.groups as u64, expected["consistency_groups"].as_u64().unwrap(), "{case}");
            assert_eq!(score.examples as u64, expected["n"].as_u64().unwrap(), "{case}");
            assert_eq!(float_repr(score.accuracy()), expected["accuracy_upstream_evaluator"].to_string(), "{case}");
            assert_eq!(format!("{:.2}", score.accuracy() * 100.0), expected["log_percent"].as_str().unwrap(), "{case}");

            let csv = tempfile::NamedTempFile::new().unwrap();
            write_predictions(Task::Nlvr2, csv.path(), &predictions).unwrap();
            assert_eq!(base::files::sha256(csv.path()).unwrap(), expected["csv_sha256"].as_str().unwrap(), "{case}");

            let error = nlvr2_official(&gold, &predictions[1..]).unwrap_err().to_string();
            for line in expected["one_prediction_missing_stdout"].as_str().unwrap().lines() {
                assert!(error.contains(line), "{case}: {error}");
            }
            for subset in ["balanced", "unbalanced"] {
                let Some(path) = fixtures::beside(&format!("nlvr2/{subset}/{subset}_{file}.json")) else {
                    continue;
                };
                let score = nlvr2_official(&read_nlvr2_gold(&path).unwrap(), &predictions).unwrap();
                let expected = expected["filtered_accuracy_percent"][subset].as_str().unwrap();
                assert_eq!(float_repr(score.accuracy_percent()), expected, "{case} {subset}");
            }
        }
    }

    #[test]
    fn the_official_categories_of_dev() {
        let (Some(annotations), Some(dev), Some(csv), Some(expected)) = (
            fixtures::beside("nlvr2/annotated_dev_examples.txt"),
            fixtures::beside("nlvr2/dev.json"),
            fixtures::lxrt("data/eval/nlvr2_valid_predict.csv"),
            fixtures::lxrt("data/eval/nlvr2_dev_categories.txt"),
        ) else {
            return;
        };
        let gold = read_nlvr2_gold(&dev).unwrap();
        let predictions = read_predictions(Task::Nlvr2, &csv).unwrap();
        let report = nlvr2_categories(&annotations, &gold, &predictions).unwrap();
        assert_eq!(report.to_string(), std::fs::read_to_string(expected).unwrap());
        assert!(nlvr2_categories(&annotations, &gold[..1], &predictions).is_err());
    }

    #[test]
    fn the_small_real_set_has_its_groups() {
        let Some(root) = fixtures::beside("real/data") else { return };
        for (split, groups) in [("train", 45), ("valid", 12), ("test", 12)] {
            let gold = nlvr2_gold(&TaskData::load(Task::Nlvr2, &root, split).unwrap()).unwrap();
            let score = nlvr2_official(&gold, &by_rule(&gold, 75)).unwrap();
            assert_eq!(score.groups, groups, "{split}");
        }
        assert!(nlvr2_gold(&TaskData::load(Task::Vqa, &root, "train").unwrap()).is_err());
    }

    #[test]
    fn refusals() {
        let gold =
            |identifier: &str| Nlvr2Gold { identifier: identifier.into(), sentence: "s".into(), label: "TRUE".into() };
        let say = |id: &str| Prediction { id: Id::Text(id.into()), answer: "true".into() };
        assert_eq!(nlvr2_official(&[gold("a-0-0-0")], &[say("a-0-0-0")]).unwrap().correct, 1);
        for (gold, predictions, part) in [
            (vec![], vec![], "no NLVR2 example"),
            (vec![gold("a-0-0-0")], vec![say("a-0-1-0")], "Missing prediction for item a-0-0-0"),
            (vec![gold("a-0-0-0")], vec![say("a-0-0-0"), say("a-0-0-0")], "twice"),
            (vec![gold("a-0")], vec![say("a-0")], "fewer than three"),
            ((0..12).map(|i| gold(&format!("a-0-{i}-0"))).collect(), vec![say("b")], "... and 2 more"),
        ] {
            let error = nlvr2_official(&gold, &predictions).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        for text in ["* negation", "a\nb", "a\n\na"] {
            assert!(read_annotations(text).is_err(), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(
            &path,
            "{\"identifier\": \"a\", \"sentence\": \"s\", \"label\": \"True\"}\n{\"identifier\": 1}\n",
        )
        .unwrap();
        let error = read_nlvr2_gold(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`identifier`"), "{error}");
    }
}
