//! Reads pairs of a sentence and its images from a file, from lists or from a task's split, and checks them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files;
use data::dataset::{Id, TaskData};
use data::features::IdClue;
use trainings::examples::without_features;

/// Largest file of pairs: the original's largest split has 0.1 GB.
const LARGEST: u64 = 4 << 30;

/// A sentence and the image that it is read with; NLVR2's statements have two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Its id in the file, else its number, counted from 0.
    pub id: Id,
    /// The images' ids in the feature files.
    #[serde(rename = "img_ids")]
    pub images: Vec<String>,
    /// The sentence as given.
    pub sent: String,
}

/// A pair in a JSON file. Other fields, such as labels, are ignored.
#[derive(Deserialize)]
struct Record {
    #[serde(alias = "question_id", alias = "identifier")]
    id: Option<Id>,
    img_id: Option<Id>,
    img0: Option<Id>,
    img1: Option<Id>,
    #[serde(alias = "sentence")]
    sent: String,
}

impl Record {
    fn pair(self, number: usize) -> Result<Pair, String> {
        let images = match (self.img_id, self.img0, self.img1) {
            (Some(image), None, None) => vec![image.to_string()],
            (None, Some(left), Some(right)) => vec![left.to_string(), right.to_string()],
            _ => return Err("it must have either img_id, or img0 and img1".to_owned()),
        };
        Ok(Pair { id: self.id.unwrap_or(Id::Int(number as i64)), images, sent: self.sent })
    }
}

/// Reads pairs from a file, in one of these formats, which it recognises by the content:
///
/// - a JSON list or JSON lines, with `sent`, either `img_id` or `img0` and `img1`, and optionally `id`;
/// - tab-separated lines of `img_id`, `sent` or of `id`, `img_id`, `sent`, with or without these names as the first line.
///
/// # Errors
/// Data, with the place, if a pair is malformed or its sentence is empty, or if there is no pair.
pub fn pairs_of_file(path: &Path) -> Result<Vec<Pair>> {
    let text = files::read_text(path, LARGEST)?;
    let pairs = match text.trim_start().chars().next() {
        Some('[') => list(&text),
        Some('{') => {
            lines(&text, |line, number| serde_json::from_str::<Record>(line).map_err(|e| e.to_string())?.pair(number))
        }
        _ => {
            let header =
                text.lines().next().is_some_and(|line| ["img_id\tsent", "id\timg_id\tsent"].contains(&line.trim_end()));
            lines(if header { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text }, columns)
                .map_err(|(place, why)| (place + usize::from(header), why))
        }
    };
    let pairs = pairs.map_err(|(line, why)| {
        Error::data(format!(
            "{} is damaged at {}",
            path.display(),
            if line == 0 { "an entry of its list".to_owned() } else { format!("line {line}") }
        ))
        .because(why)
        .next("write each pair as {\"img_id\": …, \"sent\": …} on a line of its own, or as img_id, tab, sentence")
    })?;
    checked(pairs).map_err(|e| e.while_doing(format!("cannot use {}", path.display())))
}

/// A line's number from 1 (0 for none), and what is wrong there.
type LineError = (usize, String);

fn list(text: &str) -> Result<Vec<Pair>, LineError> {
    let records: Vec<Record> = serde_json::from_str(text).map_err(|e| (e.line(), e.to_string()))?;
    let pair =
        |(number, record): (usize, Record)| record.pair(number).map_err(|why| (0, format!("entry {number}: {why}")));
    records.into_iter().enumerate().map(pair).collect()
}

fn lines(text: &str, mut read: impl FnMut(&str, usize) -> Result<Pair, String>) -> Result<Vec<Pair>, LineError> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        pairs.push(read(line, pairs.len()).map_err(|why| (index + 1, why))?);
    }
    Ok(pairs)
}

fn columns(line: &str, number: usize) -> Result<Pair, String> {
    let columns: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
    let (id, image, sent) = match columns[..] {
        [image, sent] => (Id::Int(number as i64), image, sent),
        [id, image, sent] => (id.parse().map_or_else(|_| Id::Text(id.to_owned()), Id::Int), image, sent),
        _ => return Err(format!("it has {} columns, not 2 (img_id, sent) or 3 (id, img_id, sent)", columns.len())),
    };
    Ok(Pair { id, images: vec![image.to_owned()], sent: sent.to_owned() })
}

/// Pairs images with sentences. A list with one entry is paired with every entry of the other.
///
/// # Errors
/// Usage if the lengths do not match.
pub fn pairs_of_lists(images: &[String], sentences: &[String]) -> Result<Vec<Pair>> {
    let (i, s) = (images.len(), sentences.len());
    if i == 0 || s == 0 || (i != s && i != 1 && s != 1) {
        return Err(Error::usage(format!("{i} images cannot be paired with {s} sentences"))
            .next("give as many --image as --sentence, or one of either"));
    }
    let pair = |n: usize| Pair {
        id: Id::Int(n as i64),
        images: vec![images[n.min(i - 1)].clone()],
        sent: sentences[n.min(s - 1)].clone(),
    };
    checked((0..i.max(s)).map(pair).collect()).map_err(|e| e.while_doing("cannot use the pairs of the command line"))
}

/// Returns the examples of a task's splits as pairs.
///
/// # Errors
/// Data if a sentence is empty, or if there is no example.
pub fn pairs_of_split(data: TaskData) -> Result<Vec<Pair>> {
    let pair = |e: data::dataset::Example| Pair { id: e.id, images: e.images, sent: e.sentence };
    checked(data.examples.into_iter().map(pair).collect())
}

/// Returns the pairs whose images are all `available`, and the number of other pairs. `clue` describes how missing ids differ from
/// existing ones.
///
/// # Errors
/// Data if a pair lacks features, unless that is `allowed`; data if no pair is left.
pub fn with_features(
    mut pairs: Vec<Pair>,
    available: impl Fn(&str) -> bool,
    clue: impl Fn(&[String]) -> Option<IdClue>,
    allowed: bool,
) -> Result<(Vec<Pair>, usize)> {
    let total = pairs.len();
    let mut missing: Vec<String> =
        pairs.iter().flat_map(|pair| &pair.images).filter(|image| !available(image)).cloned().collect();
    missing.sort();
    missing.dedup();
    pairs.retain(|pair| pair.images.iter().all(|image| available(image)));
    let lost = total - pairs.len();
    if lost > 0 && (!allowed || pairs.is_empty()) {
        let some: Vec<&str> = missing.iter().take(3).map(String::as_str).collect();
        let (count, some) = (missing.len(), some.join(", "));
        let error = format!("{lost} of {total} pairs have images without features ({count} images, such as {some})");
        return Err(without_features(Error::data(error), clue(&missing), pairs.is_empty(), "pairs"));
    }
    Ok((pairs, lost))
}

fn checked(pairs: Vec<Pair>) -> Result<Vec<Pair>> {
    let Some(first) = pairs.first() else {
        return Err(Error::data("there are no pairs").next("add a pair: an image id, a tab, a sentence"));
    };
    if let Some(pair) = pairs.iter().find(|pair| pair.sent.trim().is_empty()) {
        return Err(
            Error::data(format!("the sentence of pair {} is empty", pair.id)).next("give it a sentence, or remove it")
        );
    }
    if let Some(other) = pairs.iter().find(|pair| pair.images.len() != first.images.len()) {
        return Err(Error::data(format!(
            "pair {} has {} images and pair {} has {}",
            first.id,
            first.images.len(),
            other.id,
            other.images.len()
        ))
        .next("encode pairs with one image and pairs with two in separate runs"));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Pair>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        pairs_of_file(file.path())
    }

    fn pair(id: Id, images: &[&str], sent: &str) -> Pair {
        Pair { id, images: images.iter().map(|&s| s.to_owned()).collect(), sent: sent.to_owned() }
    }

    #[test]
    fn every_format_is_read() {
        let named = |id: &str| Id::Text(id.to_owned());
        let two = vec![pair(named("q7"), &["a"], "A dog?"), pair(Id::Int(1), &["15"], "Two \"cats\".")];
        let list = r#"[{"question_id": "q7", "img_id": "a", "sent": "A dog?", "label": {"yes": 1}},
                       {"img_id": 15, "sent": "Two \"cats\"."}]"#;
        assert_eq!(read(list).unwrap(), two);
        let lines = "{\"id\": \"q7\", \"img_id\": \"a\", \"sent\": \"A dog?\"}\r\n\n{\"sent\": \"Two \\\"cats\\\".\", \"img_id\": 15}";
        assert_eq!(read(lines).unwrap(), two);
        assert_eq!(read("id\timg_id\tsent\nq7\ta\tA dog?\r\n1\t15\tTwo \"cats\".\n").unwrap(), two);
        let unnamed = [pair(Id::Int(0), &["a"], "A dog?"), pair(Id::Int(1), &["15"], "Two \"cats\".")];
        assert_eq!(read("a\tA dog?\n15\tTwo \"cats\".").unwrap(), unnamed);
        let statement = r#"[{"identifier": "dev-0-0-0", "img0": "l", "img1": "r", "sent": "Both."}]"#;
        assert_eq!(read(statement).unwrap(), [pair(named("dev-0-0-0"), &["l", "r"], "Both.")]);
    }

    #[test]
    fn errors_name_the_place() {
        for (text, place) in [
            ("a\tA dog?\nb", "line 2"),
            ("img_id\tsent\na\tA dog?\nb", "line 3"),
            ("{\"img_id\": \"a\", \"sent\": \"A\"}\n{\"sent\": \"B\"}", "line 2"),
            ("{\"img_id\": \"a\", \"sent\": \"A\"}\n{\"img_id\": \"a\"}", "missing field `sent`"),
            ("[{\"sent\": \"A\"}]", "entry 0"),
            ("[{]", "line 1"),
            ("a\t  ", "the sentence of pair 0 is empty"),
            ("", "no pairs"),
            ("img_id\tsent\n", "no pairs"),
            (r#"[{"img_id": "a", "sent": "A"}, {"img0": "a", "img1": "b", "sent": "A"}]"#, "pair 0 has 1 images"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text:?}: {error}");
        }
    }

    #[test]
    fn pairs_without_features_are_refused_or_left_out() {
        let all = read("a\tA\nb\tB\nc\tC").unwrap();
        let error = with_features(all.clone(), |image| image == "b", |_| None, false).unwrap_err().to_string();
        assert!(error.contains("2 of 3 pairs") && error.contains("2 images, such as a, c"), "{error}");
        let (left, lost) = with_features(all.clone(), |image| image == "b", |_| None, true).unwrap();
        assert_eq!((left, lost), (vec![all[1].clone()], 2));
        assert!(with_features(all, |_| false, |_| None, true).is_err());
    }

    #[test]
    fn lists_are_paired_up() {
        let list = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
        let made = pairs_of_lists(&list(&["a"]), &list(&["A", "B"])).unwrap();
        assert_eq!(made, [pair(Id::Int(0), &["a"], "A"), pair(Id::Int(1), &["a"], "B")]);
        let made = pairs_of_lists(&list(&["a", "b"]), &list(&["A", "B"])).unwrap();
        assert_eq!(made[1], pair(Id::Int(1), &["b"], "B"));
        for (images, sentences) in [(2, 3), (0, 1), (1, 0)] {
            assert!(pairs_of_lists(&vec!["a".to_owned(); images], &vec!["A".to_owned(); sentences]).is_err());
        }
        assert!(pairs_of_lists(&list(&["a"]), &list(&["A", " "])).is_err());
    }
}
