//! Makes the split files of GQA from the official question files, byte for byte as the original's three scripts do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::MapAccess;

use super::foreign_json::ExpectedFile;
use super::python_format;
use super::records::{self, Draft, field, required};
use base::error::{Error, Result};

/// Which of the official question sets to prepare; one script of the original each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GqaSet {
    /// `*_balanced_questions.json` → train, valid, testdev, test, challenge: what LXMERT is trained and tested on.
    Balanced,
    /// `*_all_questions.json` → train_all (a folder of files), valid_all, testdev_all.
    All,
    /// `submission_all_questions.json` → submit, for the task's server.
    Submission,
}

impl GqaSet {
    /// Name of each split file (without `.json`) and of the official file or folder it is made from.
    pub fn splits(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Balanced => &[
                ("train", "train_balanced_questions.json"),
                ("valid", "val_balanced_questions.json"),
                ("testdev", "testdev_balanced_questions.json"),
                ("test", "test_balanced_questions.json"),
                ("challenge", "challenge_balanced_questions.json"),
            ],
            Self::All => &[
                ("train_all", "train_all_questions"),
                ("valid_all", "val_all_questions.json"),
                ("testdev_all", "testdev_all_questions.json"),
            ],
            Self::Submission => &[("submit", "submission_all_questions.json")],
        }
    }
}

/// Makes every split of `set`: reads the official files in `raw`, writes `<out>/<split>.json`, returns name and number of
/// questions of each. Reads and writes one question at a time.
pub fn process_gqa(raw: &Path, set: GqaSet, out: &Path) -> Result<Vec<(&'static str, usize)>> {
    set.splits()
        .iter()
        .map(|(split, source)| {
            let questions = process_gqa_split(&sources(&raw.join(source))?, &out.join(format!("{split}.json")))?;
            Ok((*split, questions))
        })
        .collect()
}

/// Makes one split of `set` as [`process_gqa`] does, as the file `out`.
///
/// # Errors
/// Usage if the set has no such split; else as [`process_gqa`].
pub fn process_gqa_one(raw: &Path, set: GqaSet, split: &str, out: &Path) -> Result<usize> {
    let (_, source) = set.splits().iter().find(|(name, _)| *name == split).ok_or_else(|| {
        let names: Vec<_> = set.splits().iter().map(|(name, _)| *name).collect();
        Error::usage(format!("there is no GQA split `{split}` in this set"))
            .next(format!("its splits: {}", names.join(", ")))
    })?;
    process_gqa_split(&sources(&raw.join(source))?, out)
}

/// Lists a file, or the JSON files of a folder by name. (The original takes a folder's files in the file system's order.)
fn sources(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| Error::io("list", path, &e))? {
        let file = entry.map_err(|e| Error::io("list", path, &e))?.path();
        if file.extension().is_some_and(|extension| extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn process_gqa_split(sources: &[PathBuf], out: &Path) -> Result<usize> {
    let mut questions = 0;
    python_format::write_list(out, |push| {
        for source in sources {
            records::read_object(
                source,
                ExpectedFile::GqaOfficial,
                QuestionDraft::default,
                |question_id, question| {
                    questions += 1;
                    push(Entry {
                        img_id: question.image,
                        label: question.answer.map(|answer| BTreeMap::from([(answer, 1.0)])),
                        question_id,
                        sent: question.text,
                    })
                },
            )?;
        }
        if questions == 0 {
            return Err(Error::data(format!("no GQA questions are found for {}", out.display()))
                .next("unpack the official questions folder and name it"));
        }
        Ok(())
    })?;
    Ok(questions)
}

/// Keys in sorted order.
#[derive(Serialize)]
struct Entry {
    img_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<BTreeMap<String, f64>>,
    question_id: String,
    sent: String,
}

struct Question {
    image: String,
    text: String,
    answer: Option<String>,
}

#[derive(Default)]
struct QuestionDraft {
    image: Option<String>,
    text: Option<String>,
    answer: Option<String>,
}

impl Draft for QuestionDraft {
    type Record = Question;

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "imageId" => field(&mut self.image, key, map),
            "question" => field(&mut self.text, key, map),
            "answer" => field(&mut self.answer, key, map),
            _ => Ok(false),
        }
    }

    fn finish(self) -> Result<Question, String> {
        Ok(Question {
            image: required(self.image, "imageId")?,
            text: required(self.text, "question")?,
            answer: self.answer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures;

    #[test]
    fn the_raw_fixture_gives_the_originals_bytes() {
        let (Some(raw), Some(expected)) = (fixtures::lxrt("data/gqa_raw"), fixtures::lxrt("data/gqa_expected")) else {
            return;
        };
        let facts = fixtures::lxrt("data/data.json").map(|path| fixtures::json(&path));
        let out = tempfile::tempdir().unwrap();
        for set in [GqaSet::Balanced, GqaSet::All, GqaSet::Submission] {
            for (split, questions) in process_gqa(&raw, set, out.path()).unwrap() {
                let name = format!("{split}.json");
                let (got, expected) = (std::fs::read(out.path().join(&name)), std::fs::read(expected.join(&name)));
                assert_eq!(String::from_utf8(got.unwrap()), String::from_utf8(expected.unwrap()), "{split}");
                if let Some(entries) = facts.as_ref().and_then(|facts| facts["gqa_process"][split]["entries"].as_u64())
                {
                    assert_eq!(questions as u64, entries, "{split}");
                }
            }
        }
    }

    #[test]
    fn damage_is_named_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (raw, out) = (folder.path().join("submission_all_questions.json"), folder.path().join("submit.json"));
        for (text, parts) in [
            ("{}", ["no GQA questions", "submit.json"]),
            (r#"{"01": {"imageId": "a", "question": "q"}, "02": {"imageId": 5}}"#, ["entry `02`", "`imageId`"]),
            (r#"{"01": {"imageId": "a"}}"#, ["entry `01`", "`question` is missing"]),
            (r#"{"01": {"imageId": "a", "#, ["entry `01`", "EOF"]),
            (r#"[{"imageId": "a"}]"#, ["submission_all", "sequence"]),
        ] {
            std::fs::write(&raw, text).unwrap();
            let error = process_gqa(folder.path(), GqaSet::Submission, folder.path()).expect_err(text).to_string();
            assert!(parts.iter().all(|part| error.contains(part)) && !out.exists(), "{error}");
        }
        std::fs::remove_file(raw).unwrap();
        assert!(process_gqa(folder.path(), GqaSet::Submission, folder.path()).is_err());
    }
}
