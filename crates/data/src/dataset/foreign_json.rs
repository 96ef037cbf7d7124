//! Recognises question, answer and prediction files of another format than the expected one by their shape, and says what to
//! do with them. This is checked before a file is called damaged.

use std::path::Path;

use super::json_outline::{FileOutline, JsonKind, JsonOutline};
use super::task::Task;
use base::error::{Error, Result};

/// The expected content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpectedFile {
    /// The questions of a split as training reads them.
    Split(Task),
    /// Predictions in the task's submission format.
    Predictions(Task),
    /// NLVR2's examples as published.
    Nlvr2Official,
    /// GQA's questions as published.
    GqaOfficial,
    /// Sentences of pre-training.
    Sentences,
    /// `trainval_label2ans.json`.
    AnswerList,
    /// `trainval_ans2label.json`.
    AnswerLabels,
    /// `all_ans.json`.
    AnswerSets,
}

/// The recognised content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DetectedFile {
    Is(ExpectedFile),
    VqaQuestions,
    VqaAnnotations,
    Captions,
    SceneGraphs,
    AnswersById,
    Tokenizer,
    Empty,
    Text,
}

/// A file's content: what it is, and the name under which a list of it stands in an object.
struct Content {
    found: DetectedFile,
    wrapped: Option<String>,
}

/// Returns an error that says what the file is instead of `wanted`; `error` if that is unknown.
pub(crate) fn explain(path: &Path, wanted: ExpectedFile, error: Error) -> Error {
    match refuse(path, wanted) {
        Err(instead) => instead,
        Ok(()) => error,
    }
}

/// Refuses a file that is recognised as something other than `wanted`.
///
/// # Errors
/// Data with what the file is and what to do, or if it cannot be read.
pub(crate) fn refuse(path: &Path, wanted: ExpectedFile) -> Result<()> {
    let seen = FileOutline::of(path)?;
    let Some(Content { found, wrapped }) = recognise(&seen) else { return Ok(()) };
    let name = path.display();
    if let Some(key) = wrapped {
        return Err(Error::data(format!("{name} is an object with {} under {key:?}", found.what()))
            .because(format!("expected {}: {}", wanted.what(), wanted.form()))
            .next(match found == DetectedFile::Is(wanted) {
                true => format!("keep that list alone, such as with: jq .{key} {name} > NEW"),
                false => way(found, wanted, path),
            }));
    }
    // Only the kind of their ids tells VQA's questions from GQA's: the error about the field says more.
    let close = |one| matches!(one, ExpectedFile::Split(Task::Vqa | Task::Gqa));
    if matches!(found, DetectedFile::Is(is) if is == wanted || (close(is) && close(wanted))) {
        return Ok(());
    }
    Err(Error::data(format!("{name} is {}", found.what()))
        .because(format!("expected {}: {}", wanted.what(), wanted.form()))
        .next(way(found, wanted, path)))
}

impl ExpectedFile {
    fn what(self) -> String {
        match self {
            Self::Split(task) => format!("a split of {} as training reads it", title(task)),
            Self::Predictions(task) => format!("a file of predictions for {}", title(task)),
            Self::Nlvr2Official => "a file of NLVR2's examples as published".to_owned(),
            Self::GqaOfficial => "a file of GQA's questions as published".to_owned(),
            Self::Sentences => "a file of sentences for pre-training".to_owned(),
            Self::AnswerList => "a list of answers in the order of their labels (trainval_label2ans.json)".to_owned(),
            Self::AnswerLabels => "an object from answers to labels (trainval_ans2label.json)".to_owned(),
            Self::AnswerSets => "the table of pre-training answers (all_ans.json)".to_owned(),
        }
    }

    fn form(self) -> &'static str {
        match self {
            Self::Split(Task::Vqa) => "a list of {question_id: number, img_id, sent, label: {answer: score}}",
            Self::Split(Task::Gqa) => "a list of {question_id: text, img_id, sent, label: {answer: 1.0}}",
            Self::Split(Task::Nlvr2) => "a list of {identifier, img0, img1, sent, label: 0 or 1}",
            Self::Predictions(Task::Vqa) => "a list of {answer, question_id: number}",
            Self::Predictions(Task::Gqa) => "a list of {prediction, questionId: text}",
            Self::Predictions(Task::Nlvr2) => "lines of identifier,True or identifier,False",
            Self::Nlvr2Official => "lines of {identifier, sentence, label: True or False}",
            Self::GqaOfficial => "an object from question ids to {imageId, question}",
            Self::Sentences => "a list of {img_id, sentf, labelf}",
            Self::AnswerList => "a list of texts",
            Self::AnswerLabels => "an object from texts to numbers",
            Self::AnswerSets => "a list of {ans, dsets}",
        }
    }
}

impl DetectedFile {
    fn what(self) -> String {
        match self {
            Self::Is(wanted) => wanted.what(),
            Self::VqaQuestions => {
                "the questions of VQA as published, without images' names and scores of answers".into()
            }
            Self::VqaAnnotations => "the annotations of VQA as published (ten answers to each question)".into(),
            Self::Captions => "a file of COCO's annotations (captions or boxes)".into(),
            Self::SceneGraphs => "GQA's scene graphs".into(),
            Self::AnswersById => "an object from question ids to answers".into(),
            Self::Tokenizer => "a tokenizer.json".into(),
            Self::Empty => "empty".into(),
            Self::Text => "text, not JSON".into(),
        }
    }
}

fn title(task: Task) -> &'static str {
    match task {
        Task::Vqa => "VQA",
        Task::Gqa => "GQA",
        Task::Nlvr2 => "NLVR2",
    }
}

/// Returns what to do with a file that was found in place of another.
fn way(found: DetectedFile, wanted: ExpectedFile, path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let known = |names: &[&str], prefix: &str, group: &str| match names.contains(&stem) {
        true => format!("{prefix}{stem}"),
        false => format!("--task {group}"),
    };
    match (wanted, found) {
        (ExpectedFile::Split(Task::Vqa), DetectedFile::VqaQuestions | DetectedFile::VqaAnnotations) => {
            let asset = known(&["train", "nominival", "minival", "test"], "vqa-", "vqa");
            format!("move it away; `repro fetch {asset}` gets the processed file, made of questions and annotations")
        }
        (ExpectedFile::Split(Task::Gqa), DetectedFile::Is(ExpectedFile::GqaOfficial)) => {
            let splits = ["train", "valid", "testdev", "submit"];
            let (asset, made) = (known(&splits, "gqa-", "gqa"), known(&splits, "gqa-official-", "gqa-official"));
            format!(
                "move it away; `repro fetch {asset}` gets the processed file, `repro prepare {made}` makes it of this one"
            )
        }
        (ExpectedFile::Split(Task::Nlvr2), DetectedFile::Is(ExpectedFile::Nlvr2Official)) => {
            let official = match stem {
                "valid" => "dev",
                "test" => "test1",
                "hidden" => "test2",
                other => other,
            };
            let folder = path.parent().unwrap_or(Path::new("")).join("official");
            let place = folder.join(official).with_extension("json");
            let made = known(&["train", "valid", "test", "hidden"], "nlvr2-", "nlvr2");
            format!("move it to {}; `repro prepare {made}` makes the split of it", place.display())
        }
        (ExpectedFile::Split(_), DetectedFile::Is(ExpectedFile::Predictions(task))) => {
            format!(
                "put the questions there, and score this file with: repro evaluate {task} --predictions FILE --split SPLIT"
            )
        }
        (ExpectedFile::Split(task), DetectedFile::Is(ExpectedFile::Split(other))) => {
            format!("put it into the folder {other}/, and {task}'s own split here")
        }
        (ExpectedFile::Predictions(_), DetectedFile::Is(ExpectedFile::Predictions(task))) => {
            format!("score it as that task's: repro evaluate {task} --predictions FILE")
        }
        (
            ExpectedFile::Predictions(_),
            DetectedFile::Is(ExpectedFile::Split(_)) | DetectedFile::VqaQuestions | DetectedFile::VqaAnnotations,
        )
        | (ExpectedFile::Predictions(_), DetectedFile::Is(ExpectedFile::GqaOfficial | ExpectedFile::Nlvr2Official)) => {
            "name the file that `repro predict` wrote; the questions are named with --split".to_owned()
        }
        (ExpectedFile::Nlvr2Official, DetectedFile::Is(ExpectedFile::Split(Task::Nlvr2))) => {
            "name the official file (`repro fetch nlvr2-official-dev`), or this split with --split".to_owned()
        }
        (ExpectedFile::Nlvr2Official, DetectedFile::Is(ExpectedFile::Predictions(_))) => {
            "pass it with --predictions; the official examples are another file".to_owned()
        }
        (
            ExpectedFile::AnswerList | ExpectedFile::AnswerLabels,
            DetectedFile::Is(ExpectedFile::AnswerList | ExpectedFile::AnswerLabels),
        ) => "if the two tables are swapped, rename them; otherwise fetch them again: repro fetch --task vqa,gqa"
            .to_owned(),
        (ExpectedFile::AnswerList | ExpectedFile::AnswerLabels | ExpectedFile::AnswerSets, _) => {
            "fetch the answer tables of airsplay/lxmert again: repro fetch --task vqa,gqa,pretrain".to_owned()
        }
        (_, DetectedFile::Empty) => "fetch or write it again".to_owned(),
        (ExpectedFile::Predictions(_), DetectedFile::AnswersById | DetectedFile::Text) => {
            format!("write it as {}", wanted.form())
        }
        _ => format!("name another file, or put {} there", wanted.what()),
    }
}

/// Recognises a file by its beginning; `None` if unknown.
fn recognise(seen: &FileOutline) -> Option<Content> {
    let plain = |found| Some(Content { found, wrapped: None });
    let FileOutline { outline, start, .. } = seen;
    match outline.kind {
        JsonKind::Nothing if start.trim_ascii().is_empty() => plain(DetectedFile::Empty),
        JsonKind::Nothing => text(start).and_then(plain),
        JsonKind::List => match outline.entries.first() {
            None => None,
            Some((_, first)) if first.kind == JsonKind::Text => plain(DetectedFile::Is(ExpectedFile::AnswerList)),
            Some((_, first)) => record(first).and_then(plain),
        },
        JsonKind::Object => match record(outline) {
            // One record: the first of lines. Only some forms are lines.
            Some(found) => plain(found),
            None => object(outline),
        },
        JsonKind::Text | JsonKind::Number | JsonKind::Other => None,
    }
}

fn text(start: &[u8]) -> Option<DetectedFile> {
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let answer = first.iter().rposition(|byte| *byte == b',').map(|comma| &first[comma + 1..]);
    let is_line = answer.is_some_and(|answer| {
        [b"true".as_slice(), b"false"].iter().any(|word| word.eq_ignore_ascii_case(answer.trim_ascii()))
    });
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if is_line => Some(DetectedFile::Is(ExpectedFile::Predictions(Task::Nlvr2))),
        Some(b'[' | b'{' | b'"' | b'-' | b'0'..=b'9') | None => None,
        Some(_) => Some(DetectedFile::Text),
    }
}

/// Recognises a file by the fields of one of its records.
fn record(outline: &JsonOutline) -> Option<DetectedFile> {
    let has = |names: &[&str]| names.iter().all(|name| outline.kind_of(name).is_some());
    let id = outline.kind_of("question_id");
    let found = if has(&["identifier", "sentence"]) {
        DetectedFile::Is(ExpectedFile::Nlvr2Official)
    } else if has(&["imageId", "question"]) {
        DetectedFile::Is(ExpectedFile::GqaOfficial)
    } else if has(&["question_id", "image_id", "question"]) {
        DetectedFile::VqaQuestions
    } else if has(&["question_id", "answers"]) {
        DetectedFile::VqaAnnotations
    } else if has(&["img_id", "sentf"]) {
        DetectedFile::Is(ExpectedFile::Sentences)
    } else if has(&["identifier", "img0"]) || has(&["identifier", "img1"]) {
        DetectedFile::Is(ExpectedFile::Split(Task::Nlvr2))
    } else if has(&["question_id", "img_id"]) && id == Some(JsonKind::Number) {
        DetectedFile::Is(ExpectedFile::Split(Task::Vqa))
    } else if has(&["question_id", "img_id"]) && id == Some(JsonKind::Text) {
        DetectedFile::Is(ExpectedFile::Split(Task::Gqa))
    } else if has(&["questionId", "prediction"]) {
        DetectedFile::Is(ExpectedFile::Predictions(Task::Gqa))
    } else if has(&["question_id", "answer"]) {
        DetectedFile::Is(ExpectedFile::Predictions(Task::Vqa))
    } else if has(&["image_id", "caption"]) || has(&["image_id", "bbox"]) {
        DetectedFile::Captions
    } else if has(&["ans", "dsets"]) {
        DetectedFile::Is(ExpectedFile::AnswerSets)
    } else {
        return None;
    };
    Some(found)
}

/// Recognises an object that is not a record itself.
fn object(outline: &JsonOutline) -> Option<Content> {
    let plain = |found| Some(Content { found, wrapped: None });
    let list = |name: &str| outline.get(name).filter(|value| value.kind == JsonKind::List);
    let first_of = |list: &JsonOutline| list.entries.first().and_then(|(_, first)| record(first));
    if list("questions").is_some()
        && list("questions").and_then(first_of).is_none_or(|f| f == DetectedFile::VqaQuestions)
    {
        return plain(DetectedFile::VqaQuestions);
    }
    if let Some(annotations) = list("annotations") {
        return match first_of(annotations) {
            Some(DetectedFile::VqaAnnotations) => plain(DetectedFile::VqaAnnotations),
            _ if outline.get("images").is_some() => plain(DetectedFile::Captions),
            found => found.and_then(plain),
        };
    }
    if outline.get("model").is_some() && outline.get("added_tokens").is_some() {
        return plain(DetectedFile::Tokenizer);
    }
    if let Some((key, found)) = outline.entries.iter().find_map(|(key, value)| Some((key, first_of(value)?))) {
        return Some(Content { found, wrapped: Some(key.clone()) });
    }
    let (key, first) = outline.entries.first()?;
    let is_id = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    match first.kind {
        JsonKind::Object if record(first) == Some(DetectedFile::Is(ExpectedFile::GqaOfficial)) => {
            plain(DetectedFile::Is(ExpectedFile::GqaOfficial))
        }
        JsonKind::Object if first.get("objects").is_some() => plain(DetectedFile::SceneGraphs),
        JsonKind::Text if is_id => plain(DetectedFile::AnswersById),
        JsonKind::Number => plain(DetectedFile::Is(ExpectedFile::AnswerLabels)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind as ErrorKind;

    #[test]
    fn every_form_is_told_from_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("valid.json");
        let vqa = r#"{"question_id": 1, "img_id": "a", "sent": "s", "label": {}}"#;
        let gqa = r#"{"question_id": "1", "img_id": "a", "sent": "s"}"#;
        let nlvr2 = r#"{"identifier": "a-0-0-0", "img0": "a", "img1": "b", "sent": "s"}"#;
        let official = r#"{"sentence": "s", "label": "True", "identifier": "a-0-0-0", "left_url": "u"}"#;
        let forms = [
            (DetectedFile::Is(ExpectedFile::Split(Task::Vqa)), format!("[{vqa}]")),
            (DetectedFile::Is(ExpectedFile::Split(Task::Gqa)), format!("[{gqa}, {gqa}]")),
            (DetectedFile::Is(ExpectedFile::Split(Task::Nlvr2)), format!("\n [{nlvr2}")),
            (DetectedFile::Is(ExpectedFile::Split(Task::Vqa)), format!("{vqa}\n{vqa}\n")),
            (DetectedFile::Is(ExpectedFile::Nlvr2Official), format!("{official}\n{official}")),
            (DetectedFile::Is(ExpectedFile::GqaOfficial), r#"{"07": {"semantic": [], "question": "q", "imageId": "1"}"#.into()),
            (DetectedFile::Is(ExpectedFile::Predictions(Task::Vqa)), r#"[{"answer": "a", "question_id": 1}]"#.into()),
            (DetectedFile::Is(ExpectedFile::Predictions(Task::Gqa)), r#"[{"prediction": "a", "questionId": "1"}]"#.into()),
            (DetectedFile::Is(ExpectedFile::Predictions(Task::Nlvr2)), "dev-0-0-0,True\ndev-0-1-0,False\n".into()),
            (DetectedFile::Is(ExpectedFile::Sentences), r#"[{"img_id": "a", "sentf": {"mscoco": ["s"]}, "labelf": {}}]"#.into()),
            (DetectedFile::Is(ExpectedFile::AnswerList), r#"["yes", "no"]"#.into()),
            (DetectedFile::Is(ExpectedFile::AnswerLabels), r#"{"yes": 0}"#.into()),
            (DetectedFile::Is(ExpectedFile::AnswerSets), r#"[{"ans": "yes", "dsets": ["vqa"]}]"#.into()),
            (DetectedFile::VqaQuestions, r#"{"info": {}, "task_type": "Open-Ended", "questions": [{"image_id": 1, "question": "q", "question_id": 2}]}"#.into()),
            (DetectedFile::VqaQuestions, r#"[{"image_id": 1, "question": "q", "question_id": 2}]"#.into()),
            (DetectedFile::VqaAnnotations, r#"{"annotations": [{"answers": [{"answer": "a"}], "question_id": 1, "image_id": 2}]}"#.into()),
            (DetectedFile::Captions, r#"{"images": [], "annotations": [{"image_id": 1, "id": 2, "caption": "c"}]}"#.into()),
            (DetectedFile::SceneGraphs, r#"{"241": {"width": 1, "objects": {}}}"#.into()),
            (DetectedFile::AnswersById, r#"{"262148000": "yes", "262148001": "no"}"#.into()),
            (DetectedFile::Tokenizer, r#"{"version": "1.0", "added_tokens": [], "model": {}}"#.into()),
            (DetectedFile::Empty, " \n".into()),
            (DetectedFile::Text, "question,answer\n1,yes\n".into()),
        ];
        for (found, text) in &forms {
            std::fs::write(&path, text).unwrap();
            let seen = recognise(&FileOutline::of(&path).unwrap()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((seen.found, seen.wrapped), (*found, None), "{text}");
            // Whatever else is wanted is refused with the name of what is there.
            for wanted in
                [ExpectedFile::Split(Task::Vqa), ExpectedFile::Predictions(Task::Nlvr2), ExpectedFile::AnswerList]
            {
                match refuse(&path, wanted) {
                    Ok(()) => assert!(
                        [DetectedFile::Is(wanted), DetectedFile::Is(ExpectedFile::Split(Task::Gqa))].contains(found)
                    ),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Data);
                        assert!(error.to_string().contains(&found.what()), "{error}");
                        assert!(error.to_string().contains("\n  next: "), "{error}");
                    }
                }
            }
        }
        for text in ["[]", "[1]", "{}", "[{\"a\": 1}]", "7", "\"a\"", "[[1]]"] {
            std::fs::write(&path, text).unwrap();
            refuse(&path, ExpectedFile::Split(Task::Vqa)).unwrap();
        }
    }

    #[test]
    fn a_list_under_a_name_is_to_be_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, r#"{"version": 1, "results": [{"answer": "a", "question_id": 1}]}"#).unwrap();
        let error = refuse(&path, ExpectedFile::Predictions(Task::Vqa)).unwrap_err().to_string();
        assert!(error.contains("under \"results\"") && error.contains("jq .results"), "{error}");
        let error = refuse(&path, ExpectedFile::Predictions(Task::Gqa)).unwrap_err().to_string();
        assert!(error.contains("repro evaluate vqa"), "{error}");
    }
}
