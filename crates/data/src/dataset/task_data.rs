//! Loads the examples of a task's splits and finds those whose images have features.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::de::MapAccess;

use super::example::{Example, Id, Label};
use super::foreign_json::{self, ExpectedFile};
use super::records::{self, Draft, field, required};
use super::task::{Task, split_names};
use base::error::{Error, Result};
use base::suggest::did_you_mean;

/// The examples of one or more splits.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskData {
    /// The task they belong to.
    pub task: Task,
    /// The splits, as asked for.
    pub splits: Vec<String>,
    /// All examples, in file order, one split after the other; all labelled or none.
    pub examples: Vec<Example>,
}

/// Number of missing images that [`ExampleSelection`] names.
const NAMED: usize = 5;

/// Which examples can be used with the features at hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExampleSelection {
    /// Indices into [`TaskData::examples`] of those with all their images, ascending.
    pub kept: Vec<usize>,
    /// Number of examples that lack an image. The original drops them silently.
    pub missing_examples: usize,
    /// The first few missing images, each once.
    pub missing_images: Vec<String>,
    /// Number of different images that are missing.
    pub missing_image_count: usize,
}

impl TaskData {
    /// Reads `<data_root>/<task>/<split>.json` for each name of the comma list `splits`.
    ///
    /// A missing or empty file, a field of the wrong type, an id that comes twice, and labelled examples among unlabelled
    /// ones (a batch must not mix them) are errors. An empty list of splits is a usage error; a caller for whom it means
    /// "none", as `--valid ""` does, asks [`split_names`] first.
    pub fn load(task: Task, data_root: &Path, splits: &str) -> Result<Self> {
        let splits = split_names(splits)?;
        if splits.is_empty() {
            return Err(Error::usage(format!("no {task} split is named")).next("name at least one, such as train"));
        }
        let mut examples = Vec::new();
        let mut starts = Vec::with_capacity(splits.len());
        for split in &splits {
            let path = task.split_file(data_root, split);
            if !path.exists() {
                return Err(missing_file(task, data_root, split));
            }
            let start = examples.len();
            records::read_list(
                &path,
                ExpectedFile::Split(task),
                || ExampleDraft::new(task),
                |example| {
                    examples.push(example);
                    Ok(())
                },
            )?;
            if examples.len() == start {
                return Err(Error::data(format!("{} has no examples", path.display()))
                    .next(format!("put the {task} split `{split}` there: {}", layout(task))));
            }
            starts.push((path, start));
        }
        let data = Self { task, splits, examples };
        data.check_ids(&starts)?;
        data.check_labels(&starts)?;
        Ok(data)
    }

    /// Looks whether the files of splits are there and begin as such files do; reads no further.
    ///
    /// # Errors
    /// Data for a file that is missing or something else, with its name.
    pub fn look(task: Task, data_root: &Path, splits: &str) -> Result<()> {
        for split in split_names(splits)? {
            let path = task.split_file(data_root, &split);
            if !path.exists() {
                return Err(missing_file(task, data_root, &split));
            }
            foreign_json::refuse(&path, ExpectedFile::Split(task))?;
        }
        Ok(())
    }

    /// Returns whether the examples have labels (test data has none).
    pub fn is_labelled(&self) -> bool {
        self.examples.first().is_some_and(|example| example.label.is_some())
    }

    /// Removes the examples with an image that is not `available`. Above zero this is an error for the caller to raise,
    /// unless it loaded features in part (`--tiny`, `--fast`) or was told to go on.
    pub fn with_images(&self, available: impl Fn(&str) -> bool) -> ExampleSelection {
        let mut filtered = ExampleSelection::default();
        let mut missing = HashSet::new();
        for (index, example) in self.examples.iter().enumerate() {
            let mut complete = true;
            for image in example.images.iter().filter(|image| !available(image)) {
                complete = false;
                if missing.insert(image.as_str()) && filtered.missing_images.len() < NAMED {
                    filtered.missing_images.push(image.clone());
                }
            }
            if complete {
                filtered.kept.push(index);
            } else {
                filtered.missing_examples += 1;
            }
        }
        filtered.missing_image_count = missing.len();
        filtered
    }

    fn check_ids(&self, starts: &[(PathBuf, usize)]) -> Result<()> {
        let mut seen = HashMap::with_capacity(self.examples.len());
        for (index, example) in self.examples.iter().enumerate() {
            if let Some(before) = seen.insert(&example.id, index) {
                return Err(Error::data(format!("{} {} occurs twice", self.task.id_field(), example.id))
                    .because(format!("{} and {}", place(starts, before), place(starts, index)))
                    .next("remove one of them, or name only one of the splits"));
            }
        }
        Ok(())
    }

    fn check_labels(&self, starts: &[(PathBuf, usize)]) -> Result<()> {
        let labelled = self.is_labelled();
        match self.examples.iter().position(|example| example.label.is_some() != labelled) {
            None => Ok(()),
            Some(index) => Err(Error::data("labelled and unlabelled examples are mixed, which a batch must not do")
                .because(format!(
                    "{} has {} label, {} has {}",
                    place(starts, 0),
                    if labelled { "a" } else { "no" },
                    place(starts, index),
                    if labelled { "none" } else { "one" },
                ))
                .next("load test splits apart from the others, or complete the file")),
        }
    }
}

/// Adds the entry and the file of an example to an error.
fn place(starts: &[(PathBuf, usize)], index: usize) -> String {
    match starts.iter().rev().find(|(_, start)| *start <= index) {
        Some((path, start)) => format!("entry {} (from 0) of {}", index - start, path.display()),
        None => format!("example {index}"),
    }
}

fn layout(task: Task) -> &'static str {
    match task {
        Task::Vqa => "a JSON list of {question_id: number, img_id, sent, label: {answer: score}}",
        Task::Gqa => "a JSON list of {question_id: text, img_id, sent, label: {answer: 1.0}}",
        Task::Nlvr2 => "a JSON list of {identifier, img0, img1, sent, label: 0 or 1}",
    }
}

fn missing_file(task: Task, data_root: &Path, split: &str) -> Error {
    let path = task.split_file(data_root, split);
    let mut there: Vec<String> = path
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .filter(|name| !name.starts_with("trainval_"))
        .collect();
    there.sort();
    let meant =
        did_you_mean(split, there.iter().map(String::as_str)).map_or_else(String::new, |meant| meant + " Else ");
    let there =
        if there.is_empty() { "no split is there".into() } else { format!("splits there: {}", there.join(", ")) };
    Error::data(format!("there is no file {} for the {task} split `{split}`", path.display())).because(there).next(
        format!("{meant}put it there ({}; no label in test data), or name another split or --data-root", layout(task)),
    )
}

/// An example whose fields are being read.
struct ExampleDraft {
    task: Task,
    number: Option<i64>,
    text: Option<String>,
    image: Option<String>,
    second_image: Option<String>,
    sentence: Option<String>,
    scores: Option<IndexMap<String, f64>>,
    class: Option<i64>,
}

impl ExampleDraft {
    fn new(task: Task) -> Self {
        Self {
            task,
            number: None,
            text: None,
            image: None,
            second_image: None,
            sentence: None,
            scores: None,
            class: None,
        }
    }
}

impl Draft for ExampleDraft {
    type Record = Example;

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match (self.task, key) {
            (_, "sent") => field(&mut self.sentence, key, map),
            (Task::Vqa, "question_id") => field(&mut self.number, key, map),
            (Task::Gqa, "question_id") | (Task::Nlvr2, "identifier") => field(&mut self.text, key, map),
            (Task::Vqa | Task::Gqa, "img_id") | (Task::Nlvr2, "img0") => field(&mut self.image, key, map),
            (Task::Nlvr2, "img1") => field(&mut self.second_image, key, map),
            (Task::Vqa | Task::Gqa, "label") => field(&mut self.scores, key, map),
            (Task::Nlvr2, "label") => field(&mut self.class, key, map),
            _ => Ok(false),
        }
    }

    fn finish(self) -> Result<Example, String> {
        let id_field = self.task.id_field();
        let id = match self.task {
            Task::Vqa => Id::Int(required(self.number, id_field)?),
            Task::Gqa | Task::Nlvr2 => Id::Text(required(self.text, id_field)?),
        };
        let images = match self.task {
            Task::Vqa | Task::Gqa => vec![required(self.image, "img_id")?],
            Task::Nlvr2 => vec![required(self.image, "img0")?, required(self.second_image, "img1")?],
        };
        let sentence = required(self.sentence, "sent")?;
        if let Some((answer, score)) = self.scores.iter().flatten().find(|(_, score)| !(0.0..=1.0).contains(*score)) {
            return Err(format!("field `label`: the score {score} of `{answer}` is not between 0 and 1"));
        }
        let label = match (self.scores, self.class) {
            (Some(scores), _) => Some(Label::Soft(scores)),
            (None, Some(class @ (0 | 1))) => Some(Label::Class(usize::from(class == 1))),
            (None, Some(class)) => return Err(format!("field `label`: {class} is neither 0 nor 1")),
            (None, None) => None,
        };
        Ok(Example { id, images, sentence, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::files::write_bytes;

    fn load(task: Task, files: &[(&str, &str)], splits: &str) -> Result<TaskData> {
        let root = tempfile::tempdir().unwrap();
        for (split, text) in files {
            write_bytes(&task.split_file(root.path(), split), text.as_bytes()).unwrap();
        }
        TaskData::load(task, root.path(), splits)
    }

    const VQA: &str = r#"[{"question_id": 7, "img_id": "a", "sent": "Q?", "label": {"no": 0.3, "yes": 1}, "x": [1]}]"#;

    #[test]
    fn splits_are_concatenated() {
        let other = r#"[{"label": {}, "question_id": 8, "img_id": "b", "sent": ""}]"#;
        let data = load(Task::Vqa, &[("train", VQA), ("nominival", other)], "nominival,train").unwrap();
        assert_eq!(data.splits, ["nominival", "train"]);
        assert_eq!(data.examples[0].label, Some(Label::Soft(IndexMap::new())));
        let Some(Label::Soft(scores)) = &data.examples[1].label else { panic!("no scores") };
        assert_eq!(scores.iter().map(|(a, s)| (a.as_str(), *s)).collect::<Vec<_>>(), [("no", 0.3), ("yes", 1.0)]);
        let filtered = data.with_images(|image| image == "a");
        assert_eq!((filtered.kept, filtered.missing_examples, filtered.missing_image_count), (vec![1], 1, 1));
        assert_eq!(filtered.missing_images, ["b"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let nlvr2 = |label: &str| {
            format!(
                r#"[{{"identifier":"a-0-0-0","img0":"a","img1":"b","sent":"s"}},{{"img1":"b","identifier":"a-0-1-0","img0":"a","sent":"s"{label}}}]"#
            )
        };
        let cases: [(Task, String, &[&str]); 13] = [
            (Task::Vqa, VQA.replace('7', "\"7\""), &["train.json", "entry 0", "`question_id`", "string", "line 1"]),
            (Task::Vqa, VQA.replace("\"sent\"", "\"sen\""), &["train.json", "entry 0", "`sent` is missing"]),
            (Task::Vqa, VQA.replace("1}", "1.5}"), &["`label`", "1.5", "`yes`"]),
            (Task::Vqa, VQA.replace("1}", "null}"), &["`label`", "null"]),
            (Task::Vqa, VQA.replace("\"x\"", "\"sent\""), &["`sent` occurs twice"]),
            (Task::Vqa, VQA.replace("}]", ""), &["entry 0", "EOF"]),
            (Task::Vqa, format!("{VQA} x"), &["trailing"]),
            (
                Task::Vqa,
                format!("[{0},{0}]", &VQA[1..VQA.len() - 1]),
                &["question_id 7", "entry 0", "entry 1", "twice"],
            ),
            (Task::Gqa, VQA.into(), &["`question_id`", "integer"]),
            (Task::Nlvr2, nlvr2(r#","label":2"#), &["entry 1", "`label`", "neither"]),
            (Task::Nlvr2, nlvr2(r#","label":1"#), &["mixed", "entry 0", "entry 1"]),
            (Task::Nlvr2, "[]".into(), &["train.json", "no examples"]),
            (Task::Nlvr2, String::new(), &["train.json is empty", "fetch or write it again"]),
        ];
        for (task, text, parts) in cases {
            let error = load(task, &[("train", &text)], "train").expect_err(&text).to_string();
            for part in parts {
                assert!(error.contains(part), "{text}: {error} should say {part}");
            }
        }
        assert!(load(Task::Nlvr2, &[("train", &nlvr2(""))], "train").is_ok_and(|data| !data.is_labelled()));
        let error = load(Task::Vqa, &[("train", VQA)], "valid").unwrap_err().to_string();
        assert!(error.contains("vqa/valid.json") && error.contains("splits there: train"), "{error}");
        assert!(load(Task::Vqa, &[], "").unwrap_err().to_string().contains("no vqa split is named"));
    }

    #[test]
    fn the_real_set_has_its_counts() {
        let Some(root) = fixtures::beside("real/data") else { return };
        let counts = [
            (Task::Vqa, "train", 106, 7, true),
            (Task::Vqa, "nominival", 15, 1, true),
            (Task::Vqa, "minival", 32, 2, true),
            (Task::Vqa, "test", 32, 2, false),
            (Task::Vqa, "train,nominival", 121, 8, true),
            (Task::Gqa, "train", 75, 6, true),
            (Task::Gqa, "valid", 24, 2, true),
            (Task::Gqa, "testdev", 26, 2, true),
            (Task::Gqa, "submit", 24, 2, false),
            (Task::Nlvr2, "train", 180, 16, true),
            (Task::Nlvr2, "valid", 24, 4, true),
            (Task::Nlvr2, "test", 24, 4, true),
        ];
        for (task, splits, examples, images, labelled) in counts {
            let data = TaskData::load(task, &root, splits).unwrap();
            let names: HashSet<_> = data.examples.iter().flat_map(|example| &example.images).collect();
            assert_eq!(
                (data.examples.len(), names.len(), data.is_labelled()),
                (examples, images, labelled),
                "{task} {splits}"
            );
        }
        let data = TaskData::load(Task::Nlvr2, &root, "train").unwrap();
        let ones = data.examples.iter().filter(|example| example.label == Some(Label::Class(1))).count();
        assert_eq!(ones, 82);
    }
}
