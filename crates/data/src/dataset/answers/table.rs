//! Reads label tables and answer tables, and compares them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};

use super::super::foreign_json::{ExpectedFile, explain};
use base::error::{Error, Result};
use base::files;

/// The real tables are below one megabyte.
const LARGEST_TABLE: u64 = 64 << 20;
const ADVICE: &str = "fetch the answer tables of airsplay/lxmert again";

/// Entries of the released pre-training table (`data/lxmert/all_ans.json`).
pub const RELEASED_ANSWERS: usize = 9500;
/// Coverage of VQA's labels by the released pre-training table.
pub const VQA_COVERAGE: Coverage = Coverage { labels: 3129, found: 3124 };
/// Coverage of GQA's labels by the released pre-training table.
pub const GQA_COVERAGE: Coverage = Coverage { labels: 1842, found: 1736 };

/// The number of a task's labels that have a row in the pre-training table. It is shown as the original reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// All labels of the task.
    pub labels: usize,
    /// Labels whose answer is in the pre-training table.
    pub found: usize,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.labels.saturating_sub(self.found);
        write!(f, "Loaded {} answers from LXRTQA pre-training and {missing} not", self.found)
    }
}

/// An answer with its score, in the order of the file it came from.
pub type SoftLabel = IndexMap<String, f64>;

/// The answers a task's head can give; an answer's label is its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTable {
    answers: Vec<String>,
    labels: HashMap<String, usize>,
}

impl LabelTable {
    /// Reads VQA's tables (3129 labels) below a data root.
    pub fn vqa(data_root: &Path) -> Result<Self> {
        Self::of_task(&data_root.join("vqa"))
    }

    /// Reads GQA's tables (1842 labels) below a data root.
    pub fn gqa(data_root: &Path) -> Result<Self> {
        Self::of_task(&data_root.join("gqa"))
    }

    fn of_task(folder: &Path) -> Result<Self> {
        Self::from_files(&folder.join("trainval_ans2label.json"), &folder.join("trainval_label2ans.json"))
    }

    /// Reads both directions of a table. They must be each other's inverse, without duplicates.
    pub fn from_files(ans2label: &Path, label2ans: &Path) -> Result<Self> {
        let table = Self::new(parse(label2ans, ExpectedFile::AnswerList)?, &label2ans.display().to_string())?;
        let Pairs::<usize>(inverse) = parse(ans2label, ExpectedFile::AnswerLabels)?;
        let contradiction = |what: String| {
            Error::data(format!("{} contradicts {}", ans2label.display(), label2ans.display()))
                .because(what)
                .next(ADVICE)
        };
        let mut seen = HashSet::new();
        for (answer, label) in &inverse {
            if !seen.insert(answer) {
                return Err(Error::data(format!("{}: {answer:?} occurs twice", ans2label.display())).next(ADVICE));
            }
            if table.label(answer) != Some(*label) {
                let other = table.answer(*label).map_or("nothing".to_owned(), |other| format!("{other:?}"));
                return Err(contradiction(format!("{answer:?} has label {label}, but label {label} means {other}")));
            }
        }
        if inverse.len() != table.len() {
            return Err(contradiction(format!("{} answers against {} labels", inverse.len(), table.len())));
        }
        Ok(table)
    }

    /// Creates a table of these answers in label order; `origin` names it in errors. Duplicates are refused.
    pub fn new(answers: Vec<String>, origin: &str) -> Result<Self> {
        let labels = positions(&answers, origin)?;
        Ok(Self { answers, labels })
    }

    /// Returns the number of labels.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Returns whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Returns the label of an answer; the text must match exactly.
    pub fn label(&self, answer: &str) -> Option<usize> {
        self.labels.get(answer).copied()
    }

    /// Returns the answer with a label.
    pub fn answer(&self, label: usize) -> Option<&str> {
        self.answers.get(label).map(String::as_str)
    }

    /// Returns all answers in label order.
    pub fn answers(&self) -> &[String] {
        &self.answers
    }
}

/// The answers of pre-training. Each has a row (its position in the whole table) and, if `--qaSets` keeps it, an id (its
/// position among the kept ones), which is what the answer head is trained on.
#[derive(Debug, Clone)]
pub struct AnswerTable {
    entries: Vec<Entry>,
    rows: HashMap<String, usize>,
    ids: Vec<Option<usize>>,
    kept: Vec<usize>,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    ans: String,
    dsets: Vec<String>,
}

impl AnswerTable {
    /// Reads the whole table, `lxmert/all_ans.json` below a data root.
    pub fn load(data_root: &Path) -> Result<Self> {
        Self::from_file(&data_root.join("lxmert/all_ans.json"))
    }

    /// Reads the whole table from a file: a list of `{ans, dsets}`. Duplicates are refused.
    pub fn from_file(path: &Path) -> Result<Self> {
        let entries: Vec<Entry> = parse(path, ExpectedFile::AnswerSets)?;
        let answers: Vec<String> = entries.iter().map(|entry| entry.ans.clone()).collect();
        let rows = positions(&answers, &path.display().to_string())?;
        let kept: Vec<usize> = (0..entries.len()).collect();
        Ok(Self { ids: kept.iter().copied().map(Some).collect(), entries, rows, kept })
    }

    /// Returns the table with ids only for answers that one of these question sets uses ([`parse_qa_sets`]).
    #[must_use]
    pub fn restricted_to(mut self, qa_sets: &[String]) -> Self {
        let used = |entry: &Entry| entry.dsets.iter().any(|set| qa_sets.contains(set));
        self.kept = (0..self.entries.len()).filter(|&row| used(&self.entries[row])).collect();
        self.ids = vec![None; self.entries.len()];
        for (id, &row) in self.kept.iter().enumerate() {
            self.ids[row] = Some(id);
        }
        self
    }

    /// Returns the number of ids.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Returns whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns the id of an answer; the text must match exactly.
    pub fn id(&self, answer: &str) -> Option<usize> {
        self.rows.get(answer).and_then(|&row| self.ids[row])
    }

    /// Returns the answer with an id.
    pub fn answer(&self, id: usize) -> Option<&str> {
        self.kept.get(id).map(|&row| self.entries[row].ans.as_str())
    }

    /// Returns the row of the whole table that each label of a task takes its answer-head weights from; `None` for labels
    /// that start from zero. Restricting the table makes no difference here.
    pub fn rows_of_labels(&self, labels: &LabelTable) -> Vec<Option<usize>> {
        labels.answers().iter().map(|answer| self.rows.get(&convert_ans(answer)).copied()).collect()
    }

    /// Counts the labels that found a row. For tables of the released sizes the count is known, and any other count is an
    /// error: a table was changed.
    pub fn check_coverage(&self, rows: &[Option<usize>], released: Coverage) -> Result<Coverage> {
        let coverage = Coverage { labels: rows.len(), found: rows.iter().flatten().count() };
        let is_released = self.entries.len() == RELEASED_ANSWERS && coverage.labels == released.labels;
        if is_released && coverage.found != released.found {
            return Err(Error::data(format!(
                "{} of {} labels are in the pre-training answer table, where the released tables have {}",
                coverage.found, coverage.labels, released.found
            ))
            .next(ADVICE));
        }
        Ok(coverage)
    }

    /// Rewrites a data label in the table's terms, one answer after the other as they stood: a converted answer with
    /// an id takes the score along, overwriting one that is there and keeping its place, else going last; an answer
    /// without an id is removed. The result may be empty.
    pub fn rewrite(&self, label: &mut SoftLabel) {
        let before: Vec<String> = label.keys().cloned().collect();
        for answer in before {
            let converted = convert_ans(&answer);
            let known = self.id(&converted).is_some();
            if known && converted == answer {
                continue;
            }
            if let Some(score) = label.shift_remove(&answer)
                && known
            {
                label.insert(converted, score);
            }
        }
    }
}

/// Parses the names in a `--qaSets` argument: separated by commas, lower-cased, stripped.
pub fn parse_qa_sets(argument: &str) -> Vec<String> {
    argument.split(',').map(|set| strip(&set.to_lowercase()).to_owned()).collect()
}

/// Brings an answer into the form of the pre-training table: lower case, one final full stop and one leading article of
/// each kind off, small numbers as digits, "grey" as "gray".
pub fn convert_ans(answer: &str) -> String {
    let lower = answer.to_lowercase();
    let mut text = lower.strip_suffix('.').map_or(lower.as_str(), strip);
    for article in ["a ", "an ", "the "] {
        text = text.strip_prefix(article).map_or(text, strip);
    }
    let converted = match text {
        "a man" | "the man" => "man",
        "a woman" | "the woman" => "woman",
        "one" => "1",
        "two" => "2",
        "three" => "3",
        "four" => "4",
        "five" => "5",
        "six" => "6",
        "seven" => "7",
        "eight" => "8",
        "nine" => "9",
        "ten" => "10",
        "grey" => "gray",
        as_it_is => as_it_is,
    };
    converted.to_owned()
}

/// Strips like Python's `str.strip`, which also removes the four information separators.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1C'..='\x1F').contains(&c))
}

fn positions(answers: &[String], origin: &str) -> Result<HashMap<String, usize>> {
    let mut positions = HashMap::with_capacity(answers.len());
    for (position, answer) in answers.iter().enumerate() {
        if let Some(earlier) = positions.insert(answer.clone(), position) {
            return Err(
                Error::data(format!("{origin}: {answer:?} is both entry {earlier} and entry {position}")).next(ADVICE)
            );
        }
    }
    Ok(positions)
}

fn parse<T: DeserializeOwned>(path: &Path, wanted: ExpectedFile) -> Result<T> {
    let text = files::read_text(path, LARGEST_TABLE)?;
    serde_json::from_str(&text).map_err(|e| {
        explain(path, wanted, Error::data(format!("{} is not an answer table", path.display())).because(e).next(ADVICE))
    })
}

/// A JSON object with every pair it holds, duplicates included.
struct Pairs<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for All<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(All(PhantomData))
    }
}
