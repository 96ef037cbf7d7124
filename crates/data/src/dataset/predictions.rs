//! Submission files: JSON for VQA and GQA, `identifier,True|False` lines for NLVR2, byte-identical to the original's dumps.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::MapAccess;

use super::evaluate::Prediction;
use super::example::Id;
use super::foreign_json::{ExpectedFile, explain};
use super::python_format;
use super::records::{self, Draft, field, required};
use super::task::Task;
use base::error::{Error, Result};
use base::files::{read_text, write_atomically};

/// Larger than any NLVR2 file: the longest split has 86,373 lines of about 20 bytes.
const CSV_LIMIT: u64 = 1 << 30;

/// Writes predictions in their order, in the task's submission format.
pub fn write_predictions(task: Task, path: &Path, predictions: &[Prediction]) -> Result<()> {
    match task {
        Task::Vqa => python_format::write_list(path, |push| {
            predictions.iter().try_for_each(|prediction| match prediction.id {
                Id::Int(question_id) => push(VqaEntry { answer: &prediction.answer, question_id }),
                Id::Text(_) => Err(foreign_id(task, &prediction.id)),
            })
        }),
        Task::Gqa => python_format::write_list(path, |push| {
            predictions.iter().try_for_each(|prediction| match &prediction.id {
                Id::Text(question_id) => push(GqaEntry { prediction: &prediction.answer, question_id }),
                Id::Int(_) => Err(foreign_id(task, &prediction.id)),
            })
        }),
        Task::Nlvr2 => write_atomically(path, |out| {
            for Prediction { id, answer } in predictions {
                match id {
                    Id::Text(identifier) if !identifier.contains([',', '\n', '\r']) => {
                        writeln!(out, "{identifier},{answer}").map_err(|e| Error::io("write", path, &e))?;
                    }
                    _ => return Err(foreign_id(task, id)),
                }
            }
            Ok(())
        }),
    }
}

/// Reads what [`write_predictions`] writes; NLVR2's answers in any case, as its official script takes them.
pub fn read_predictions(task: Task, path: &Path) -> Result<Vec<Prediction>> {
    let mut predictions = Vec::new();
    if task == Task::Nlvr2 {
        for (index, line) in read_text(path, CSV_LIMIT)?.lines().enumerate() {
            let (identifier, answer) = line.trim().split_once(',').unwrap_or((line, ""));
            let answer = ["True", "False"].into_iter().find(|word| word.eq_ignore_ascii_case(answer));
            let (false, Some(answer)) = (identifier.is_empty(), answer) else {
                let error = Error::data(format!("{} is wrong at line {}: `{line}`", path.display(), index + 1))
                    .next("each line is identifier,True or identifier,False, such as dev-850-0-0,False");
                return Err(if index == 0 { explain(path, ExpectedFile::Predictions(task), error) } else { error });
            };
            predictions.push(Prediction { id: Id::Text(identifier.into()), answer: answer.into() });
        }
    } else {
        records::read_list(
            path,
            ExpectedFile::Predictions(task),
            || PredictionDraft { task, number: None, text: None, answer: None },
            |prediction| {
                predictions.push(prediction);
                Ok(())
            },
        )?;
    }
    Ok(predictions)
}

fn foreign_id(task: Task, id: &Id) -> Error {
    Error::bug(format!("`{id}` cannot be an id in {task} predictions"))
}

#[derive(Serialize)]
struct VqaEntry<'a> {
    answer: &'a str,
    question_id: i64,
}

#[derive(Serialize)]
struct GqaEntry<'a> {
    prediction: &'a str,
    #[serde(rename = "questionId")]
    question_id: &'a str,
}

/// An entry of a VQA or GQA file that is being read.
struct PredictionDraft {
    task: Task,
    number: Option<i64>,
    text: Option<String>,
    answer: Option<String>,
}

impl PredictionDraft {
    fn answer_field(&self) -> &'static str {
        if self.task == Task::Vqa { "answer" } else { "prediction" }
    }
}

impl Draft for PredictionDraft {
    type Record = Prediction;

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "question_id" if self.task == Task::Vqa => field(&mut self.number, key, map),
            "questionId" if self.task == Task::Gqa => field(&mut self.text, key, map),
            _ if key == self.answer_field() => field(&mut self.answer, key, map),
            _ => Ok(false),
        }
    }

    fn finish(self) -> Result<Prediction, String> {
        let answer_field = self.answer_field();
        let id = match self.task {
            Task::Vqa => Id::Int(required(self.number, "question_id")?),
            Task::Gqa | Task::Nlvr2 => Id::Text(required(self.text, "questionId")?),
        };
        Ok(Prediction { id, answer: required(self.answer, answer_field)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every dump of the original reads back and is written again with the same bytes.
    #[test]
    fn the_originals_dumps_round_trip() {
        let again = tempfile::NamedTempFile::new().unwrap();
        for folder in ["data/eval", "programs"] {
            let Some(folder) = fixtures::lxrt(folder) else { continue };
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let Some(task) = name
                    .contains("_predict.")
                    .then(|| Task::ALL.into_iter().find(|task| name.starts_with(task.name())))
                    .flatten()
                else {
                    continue;
                };
                let predictions = read_predictions(task, &path).unwrap();
                write_predictions(task, again.path(), &predictions).unwrap();
                assert_eq!(std::fs::read(again.path()).unwrap(), std::fs::read(&path).unwrap(), "{name}");
            }
        }
    }

    #[test]
    fn dumps_have_the_originals_digests() {
        let Some(expected) = fixtures::lxrt("data/data.json").map(|path| fixtures::json(&path)) else {
            return;
        };
        for (task, name, case) in
            [(Task::Vqa, "vqa_predictions.json", "vqa_eval"), (Task::Gqa, "gqa_predictions.json", "gqa_eval")]
        {
            let Some(path) = fixtures::lxrt(&format!("data/eval/{name}")) else { continue };
            let pairs: Vec<(Id, String)> = serde_json::from_value(fixtures::json(&path)).unwrap();
            let predictions: Vec<_> = pairs.into_iter().map(|(id, answer)| Prediction { id, answer }).collect();
            let out = tempfile::NamedTempFile::new().unwrap();
            write_predictions(task, out.path(), &predictions).unwrap();
            let Some(digest) = expected[case]["dump_sha256"].as_str() else { continue };
            assert_eq!(base::files::sha256(out.path()).unwrap(), digest, "{name}");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (task, text, part) in [
            (Task::Vqa, r#"[{"answer": "a", "question_id": "1"}]"#, "`question_id`"),
            (Task::Vqa, r#"[{"question_id": 1}]"#, "`answer` is missing"),
            (Task::Gqa, r#"[{"prediction": "a", "questionId": 1}]"#, "`questionId`"),
            (Task::Gqa, r#"{"prediction": "a"}"#, "it is a list of records"),
            (Task::Gqa, "", "is empty"),
            (Task::Vqa, r#"{"results": [{"answer": "a", "question_id": 1}]}"#, "under \"results\""),
            (Task::Nlvr2, r#"[{"answer": "a", "question_id": 1}]"#, "predictions for VQA"),
            (Task::Nlvr2, "a-0-0-0,True\na-0-1-0 True\n", "line 2"),
            (Task::Nlvr2, "a-0-0-0,True\n\n", "line 2"),
            (Task::Nlvr2, "a-0-0-0, True\n", "line 1"),
            (Task::Nlvr2, ",True\n", "line 1"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = read_predictions(task, file.path()).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        std::fs::write(file.path(), "\u{feff}a-0-0-0,true\r\n").unwrap();
        let read = read_predictions(Task::Nlvr2, file.path()).unwrap();
        assert_eq!((read[0].id.to_string().as_str(), read[0].answer.as_str()), ("a-0-0-0", "True"));
        std::fs::write(
            file.path(),
            "{\"answer\": \"a\", \"question_id\": 1}\n\n{\"question_id\": 2, \"answer\": \"b\"}",
        )
        .unwrap();
        assert_eq!(read_predictions(Task::Vqa, file.path()).unwrap().len(), 2);
        let number = Prediction { id: Id::Int(1), answer: "a".into() };
        let comma = Prediction { id: Id::Text("a,b".into()), answer: "True".into() };
        assert!(write_predictions(Task::Gqa, file.path(), std::slice::from_ref(&number)).is_err());
        assert!(write_predictions(Task::Nlvr2, file.path(), &[comma]).is_err());
    }
}
