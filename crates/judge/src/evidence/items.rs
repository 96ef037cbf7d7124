//! `items.jsonl`: the answer to each example with its score, one JSON array a line:
//! `[id, answer, score, cluster]`.
//!
//! The score lies between 0 and 1. Examples of one cluster depend on each other: those of one image in VQA and GQA (its
//! `img_id`), those of one sentence in NLVR2.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Read};
use std::path::Path;

use super::result::FileDigest;
use crate::verdict::eval_gate::AnswerItem;
use base::error::{Error, Result};
use base::files;
use data::dataset::{Id, Prediction, Task, TaskData, nlvr2_official};

/// Name of the file.
pub const FILE: &str = "items.jsonl";
/// Maximum length of a line in bytes; real lines are far shorter.
const LONGEST_LINE: u64 = 1 << 16;
/// Maximum number of items; no split has as many.
const MOST: usize = 20_000_000;

/// Returns the word for a cluster of a task, such as `image`.
pub fn cluster(task: Task) -> &'static str {
    match task {
        Task::Vqa | Task::Gqa => "image",
        Task::Nlvr2 => "sentence",
    }
}

/// Scores predictions one by one. Their ids must be in `data`, which must have labels ([`data::dataset::score`] checks both).
///
/// # Errors
/// Data for an id that `data` lacks, or an NLVR2 identifier without its fields.
pub fn score_each(data: &TaskData, predictions: &[Prediction]) -> Result<Vec<AnswerItem>> {
    let by_id: HashMap<&Id, _> = data.examples.iter().map(|example| (&example.id, example)).collect();
    predictions
        .iter()
        .map(|Prediction { id, answer }| {
            let example =
                by_id.get(id).ok_or_else(|| Error::data(format!("{id} is predicted but is not in the data")))?;
            let cluster = match data.task {
                Task::Vqa | Task::Gqa => example.images.first().cloned().unwrap_or_default(),
                Task::Nlvr2 => nlvr2_official::sentence_group(&id.to_string())?,
            };
            let score = example.label.as_ref().map_or(0.0, |label| label.points(answer));
            Ok(AnswerItem { id: id.to_string(), answer: answer.clone(), score, cluster })
        })
        .collect()
}

/// Returns the mean score in points, summed in order as the evaluators do; `None` without items.
pub fn accuracy(items: &[AnswerItem]) -> Option<f64> {
    (!items.is_empty()).then(|| items.iter().map(|item| item.score).sum::<f64>() / items.len() as f64 * 100.0)
}

/// Returns the accuracy, in points, of a model that always gives the same answer; `None` if the items do not show it. If all
/// items have one answer, it is their accuracy. For NLVR2 it is the share of the more frequent label, because a wrong answer
/// tells the right one.
pub fn majority(task: Task, items: &[AnswerItem]) -> Option<f64> {
    let first = items.first()?;
    if items.iter().all(|item| item.answer == first.answer) {
        return accuracy(items);
    }
    let is_true = |item: &&AnswerItem| (item.answer == "True") == (item.score > 0.0);
    (task == Task::Nlvr2).then(|| {
        let share = items.iter().filter(is_true).count() as f64 / items.len() as f64;
        100.0 * share.max(1.0 - share)
    })
}

/// Returns the content of a file of these items, in their order.
///
/// # Errors
/// A bug if an item cannot be written.
pub fn to_lines(items: &[AnswerItem]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for AnswerItem { id, answer, score, cluster } in items {
        serde_json::to_writer(&mut text, &(id, answer, score, cluster))
            .map_err(|e| Error::bug("an item cannot be written").because(e))?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Writes items in their order.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, items: &[AnswerItem]) -> Result<()> {
    files::write_bytes(path, &to_lines(items)?)
}

/// Reads a file of items.
///
/// # Errors
/// Data, naming the line, for anything but such an array, a repeated id, a score outside 0 to 1 or a line that is too long; data
/// for an empty file.
pub fn read(path: &Path) -> Result<Vec<AnswerItem>> {
    let mut lines = files::text::open_text(path)?;
    let (mut items, mut seen, mut line) = (Vec::new(), HashSet::new(), Vec::new());
    loop {
        line.clear();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|e| Error::io("read", path, &e))?;
        if line.is_empty() {
            break;
        }
        let wrong = |why: String| {
            Error::data(format!("{} line {} is no item", path.display(), items.len() + 1))
                .because(why)
                .next("evaluate the run again; a line is [id, answer, score, cluster]")
        };
        if line.last() != Some(&b'\n') {
            return Err(wrong("it is cut short or too long".to_owned()));
        }
        let (id, answer, score, cluster): (String, String, f64, String) =
            serde_json::from_slice(&line).map_err(|e| wrong(e.to_string()))?;
        if !(0.0..=1.0).contains(&score) {
            return Err(wrong(format!("its score {score} is not within 0 and 1")));
        }
        if !seen.insert(id.clone()) {
            return Err(wrong(format!("{id} is there twice")));
        }
        if items.len() == MOST {
            return Err(wrong("there are more items than any data set has".to_owned()));
        }
        items.push(AnswerItem { id, answer, score, cluster });
    }
    match items.is_empty() {
        true => Err(Error::data(format!("{} is empty", path.display())).next("evaluate the run again")),
        false => Ok(items),
    }
}

/// Reads a file of items after comparing its checksum.
///
/// # Errors
/// Checksum if it differs; those of [`read`].
pub fn read_verified(folder: &Path, known: &FileDigest) -> Result<Vec<AnswerItem>> {
    let path = folder.join(&known.file);
    verify(&path, &known.sha256)?;
    read(&path)
}

/// Refuses a file whose SHA-256 is not the recorded one.
///
/// # Errors
/// Checksum if it differs.
pub fn verify(path: &Path, sha256: &str) -> Result<()> {
    let found = files::sha256(path)?;
    match found == sha256 {
        true => Ok(()),
        false => Err(Error::checksum(format!("{} is not the file that was recorded", path.display()))
            .because(format!("its sha256 is {found}, recorded is {sha256}"))
            .next("take the file from where the run was made, or evaluate again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::dataset::{Example, Label};

    fn item(id: &str, answer: &str, score: f64, cluster: &str) -> AnswerItem {
        AnswerItem { id: id.into(), answer: answer.into(), score, cluster: cluster.into() }
    }

    #[test]
    fn what_is_written_is_read_again_unless_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let items = [item("1", "a \"b\"\n", 0.3, "img"), item("2", "é", 1.0, "img")];
        write(&path, &items).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().nth(1), Some(r#"["2","é",1.0,"img"]"#));
        let known = FileDigest::of(folder.path(), FILE).unwrap();
        assert_eq!(read_verified(folder.path(), &known).unwrap(), items);
        assert_eq!(accuracy(&items), Some(65.0));
        std::fs::write(&path, "[\"1\",\"a\",1.0,\"img\"]\n").unwrap();
        let error = read_verified(folder.path(), &known).unwrap_err();
        assert_eq!(error.kind(), base::error::Kind::Checksum);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let good = "[\"1\",\"a\",1.0,\"i\"]\n";
        let long = format!("[\"2\",\"{}\",1.0,\"i\"]\n", "x".repeat(1 << 16));
        for (text, message) in [
            (format!("{good}{good}"), "line 2 is no item\n  caused by: 1 is there twice"),
            (format!("{good}[\"2\",\"a\",1.5,\"i\"]\n"), "score 1.5"),
            (format!("{good}[\"2\",\"a\",1.0]\n"), "line 2"),
            (format!("{good}[\"2\",\"a\""), "cut short"),
            (format!("{good}{long}"), "too long"),
            (String::new(), "is empty"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn clusters_are_images_or_sentences() {
        let example = |id: &str, images: &[&str]| Example {
            id: Id::Text(id.into()),
            images: images.iter().map(|image| (*image).into()).collect(),
            sentence: String::new(),
            label: Some(Label::Class(1)),
        };
        let data = |task, examples| TaskData { task, splits: vec!["valid".into()], examples };
        let say = |id: &str, answer: &str| Prediction { id: Id::Text(id.into()), answer: answer.into() };
        let nlvr2 = data(Task::Nlvr2, vec![example("dev-8-0-1", &["a", "b"]), example("dev-8-3-1", &["c", "d"])]);
        let items = score_each(&nlvr2, &[say("dev-8-0-1", "True"), say("dev-8-3-1", "False")]).unwrap();
        assert_eq!(items, [item("dev-8-0-1", "True", 1.0, "dev-8--1"), item("dev-8-3-1", "False", 0.0, "dev-8--1")]);
        let gqa = data(Task::Gqa, vec![example("07", &["n5"])]);
        assert_eq!(score_each(&gqa, &[say("07", "x")]).unwrap()[0].cluster, "n5");
        assert!(score_each(&gqa, &[say("7", "x")]).is_err());
    }

    #[test]
    fn one_answer_to_everything_is_seen() {
        let items = |answers: [&str; 4], scores: [f64; 4]| {
            answers
                .into_iter()
                .zip(scores)
                .enumerate()
                .map(|(at, (answer, score))| item(&at.to_string(), answer, score, ""))
                .collect::<Vec<_>>()
        };
        let constant = items(["no"; 4], [0.3, 0.0, 0.9, 0.0]);
        assert_eq!(majority(Task::Vqa, &constant), accuracy(&constant));
        let mixed = items(["True", "False", "False", "True"], [1.0, 0.0, 1.0, 1.0]);
        assert_eq!((majority(Task::Nlvr2, &mixed), majority(Task::Vqa, &mixed)), (Some(75.0), None));
        assert_eq!((majority(Task::Gqa, &[]), accuracy(&[])), (None, None));
    }
}
