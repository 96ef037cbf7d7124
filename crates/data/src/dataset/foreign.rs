//! Question, answer and prediction files in another form than the one wanted: known by their shape, named, with the way on. Asked
//! before a file is called damaged.

use std::path::Path;

use super::outline::{Kind, Outline, Seen};
use super::task::Task;
use base::error::{Error, Result};

/// What a file should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
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

/// What a file is, where that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Is(Wanted),
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
    found: Found,
    wrapped: Option<String>,
}

/// The error about a file that could not be read as `wanted`: what it is instead, where that can be told, else `error`.
pub(crate) fn explain(path: &Path, wanted: Wanted, error: Error) -> Error {
    match refuse(path, wanted) {
        Err(instead) => instead,
        Ok(()) => error,
    }
}

/// Refuses a file whose beginning shows that it is something else than `wanted`.
///
/// # Errors
/// Data with what it is and what to do; where it cannot be read.
pub(crate) fn refuse(path: &Path, wanted: Wanted) -> Result<()> {
    let seen = Seen::of(path)?;
    let Some(Content { found, wrapped }) = recognise(&seen) else { return Ok(()) };
    let name = path.display();
    if let Some(key) = wrapped {
        return Err(Error::data(format!("{name} is an object that holds {} under {key:?}", found.what()))
            .because(format!("{} is wanted: {}", wanted.what(), wanted.form()))
            .next(match found == Found::Is(wanted) {
                true => format!("keep that list alone, such as with: jq .{key} {name} > NEW"),
                false => way(found, wanted, path),
            }));
    }
    // Only the kind of their ids tells VQA's questions from GQA's: the error about the field says more.
    let close = |one| matches!(one, Wanted::Split(Task::Vqa | Task::Gqa));
    if matches!(found, Found::Is(is) if is == wanted || (close(is) && close(wanted))) {
        return Ok(());
    }
    Err(Error::data(format!("{name} is {}", found.what()))
        .because(format!("{} is wanted: {}", wanted.what(), wanted.form()))
        .next(way(found, wanted, path)))
}

impl Wanted {
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

impl Found {
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

/// What to do with a file that was found in place of another.
fn way(found: Found, wanted: Wanted, path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let known = |names: &[&str], prefix: &str, group: &str| match names.contains(&stem) {
        true => format!("{prefix}{stem}"),
        false => format!("--task {group}"),
    };
    match (wanted, found) {
        (Wanted::Split(Task::Vqa), Found::VqaQuestions | Found::VqaAnnotations) => {
            let asset = known(&["train", "nominival", "minival", "test"], "vqa-", "vqa");
            format!("move it away; `repro fetch {asset}` gets the processed file, made of questions and annotations")
        }
        (Wanted::Split(Task::Gqa), Found::Is(Wanted::GqaOfficial)) => {
            let splits = ["train", "valid", "testdev", "submit"];
            let (asset, made) = (known(&splits, "gqa-", "gqa"), known(&splits, "gqa-official-", "gqa-official"));
            format!(
                "move it away; `repro fetch {asset}` gets the processed file, `repro prepare {made}` makes it of this one"
            )
        }
        (Wanted::Split(Task::Nlvr2), Found::Is(Wanted::Nlvr2Official)) => {
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
        (Wanted::Split(_), Found::Is(Wanted::Predictions(task))) => {
            format!(
                "put the questions there, and score this file with: repro evaluate {task} --predictions FILE --split SPLIT"
            )
        }
        (Wanted::Split(task), Found::Is(Wanted::Split(other))) => {
            format!("put it into the folder {other}/, and {task}'s own split here")
        }
        (Wanted::Predictions(_), Found::Is(Wanted::Predictions(task))) => {
            format!("score it as that task's: repro evaluate {task} --predictions FILE")
        }
        (Wanted::Predictions(_), Found::Is(Wanted::Split(_)) | Found::VqaQuestions | Found::VqaAnnotations)
        | (Wanted::Predictions(_), Found::Is(Wanted::GqaOfficial | Wanted::Nlvr2Official)) => {
            "name the file that `repro predict` wrote; the questions are named with --split".to_owned()
        }
        (Wanted::Nlvr2Official, Found::Is(Wanted::Split(Task::Nlvr2))) => {
            "name the official file (`repro fetch nlvr2-official-dev`), or this split with --split".to_owned()
        }
        (Wanted::Nlvr2Official, Found::Is(Wanted::Predictions(_))) => {
            "pass it with --predictions; the official examples are another file".to_owned()
        }
        (Wanted::AnswerList | Wanted::AnswerLabels, Found::Is(Wanted::AnswerList | Wanted::AnswerLabels)) => {
            "where the two tables are exchanged, give each the other's name; else fetch them again: repro fetch --task vqa,gqa".to_owned()
        }
        (Wanted::AnswerList | Wanted::AnswerLabels | Wanted::AnswerSets, _) => {
            "fetch the answer tables of airsplay/lxmert again: repro fetch --task vqa,gqa,pretrain".to_owned()
        }
        (_, Found::Empty) => "fetch or write it again".to_owned(),
        (Wanted::Predictions(_), Found::AnswersById | Found::Text) => {
            format!("write it as {}", wanted.form())
        }
        _ => format!("name another file, or put {} there", wanted.what()),
    }
}

/// What the beginning of a file shows; `None` for what is not known.
fn recognise(seen: &Seen) -> Option<Content> {
    let plain = |found| Some(Content { found, wrapped: None });
    let Seen { outline, start, .. } = seen;
    match outline.kind {
        Kind::Nothing if start.trim_ascii().is_empty() => plain(Found::Empty),
        Kind::Nothing => text(start).and_then(plain),
        Kind::List => match outline.entries.first() {
            None => None,
            Some((_, first)) if first.kind == Kind::Text => plain(Found::Is(Wanted::AnswerList)),
            Some((_, first)) => record(first).and_then(plain),
        },
        Kind::Object => match record(outline) {
            // One record: the first of lines. Only some forms are lines.
            Some(found) => plain(found),
            None => object(outline),
        },
        Kind::Text | Kind::Number | Kind::Other => None,
    }
}

fn text(start: &[u8]) -> Option<Found> {
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let answer = first.iter().rposition(|byte| *byte == b',').map(|comma| &first[comma + 1..]);
    let is_line = answer.is_some_and(|answer| {
        [b"true".as_slice(), b"false"].iter().any(|word| word.eq_ignore_ascii_case(answer.trim_ascii()))
    });
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if is_line => Some(Found::Is(Wanted::Predictions(Task::Nlvr2))),
        Some(b'[' | b'{' | b'"' | b'-' | b'0'..=b'9') | None => None,
        Some(_) => Some(Found::Text),
    }
}

/// What a record with these fields belongs to.
fn record(outline: &Outline) -> Option<Found> {
    let has = |names: &[&str]| names.iter().all(|name| outline.kind_of(name).is_some());
    let id = outline.kind_of("question_id");
    let found = if has(&["identifier", "sentence"]) {
        Found::Is(Wanted::Nlvr2Official)
    } else if has(&["imageId", "question"]) {
        Found::Is(Wanted::GqaOfficial)
    } else if has(&["question_id", "image_id", "question"]) {
        Found::VqaQuestions
    } else if has(&["question_id", "answers"]) {
        Found::VqaAnnotations
    } else if has(&["img_id", "sentf"]) {
        Found::Is(Wanted::Sentences)
    } else if has(&["identifier", "img0"]) || has(&["identifier", "img1"]) {
        Found::Is(Wanted::Split(Task::Nlvr2))
    } else if has(&["question_id", "img_id"]) && id == Some(Kind::Number) {
        Found::Is(Wanted::Split(Task::Vqa))
    } else if has(&["question_id", "img_id"]) && id == Some(Kind::Text) {
        Found::Is(Wanted::Split(Task::Gqa))
    } else if has(&["questionId", "prediction"]) {
        Found::Is(Wanted::Predictions(Task::Gqa))
    } else if has(&["question_id", "answer"]) {
        Found::Is(Wanted::Predictions(Task::Vqa))
    } else if has(&["image_id", "caption"]) || has(&["image_id", "bbox"]) {
        Found::Captions
    } else if has(&["ans", "dsets"]) {
        Found::Is(Wanted::AnswerSets)
    } else {
        return None;
    };
    Some(found)
}

/// What an object is that is no record itself.
fn object(outline: &Outline) -> Option<Content> {
    let plain = |found| Some(Content { found, wrapped: None });
    let list = |name: &str| outline.get(name).filter(|value| value.kind == Kind::List);
    let first_of = |list: &Outline| list.entries.first().and_then(|(_, first)| record(first));
    if list("questions").is_some() && list("questions").and_then(first_of).is_none_or(|f| f == Found::VqaQuestions) {
        return plain(Found::VqaQuestions);
    }
    if let Some(annotations) = list("annotations") {
        return match first_of(annotations) {
            Some(Found::VqaAnnotations) => plain(Found::VqaAnnotations),
            _ if outline.get("images").is_some() => plain(Found::Captions),
            found => found.and_then(plain),
        };
    }
    if outline.get("model").is_some() && outline.get("added_tokens").is_some() {
        return plain(Found::Tokenizer);
    }
    if let Some((key, found)) = outline.entries.iter().find_map(|(key, value)| Some((key, first_of(value)?))) {
        return Some(Content { found, wrapped: Some(key.clone()) });
    }
    let (key, first) = outline.entries.first()?;
    let is_id = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    match first.kind {
        Kind::Object if record(first) == Some(Found::Is(Wanted::GqaOfficial)) => plain(Found::Is(Wanted::GqaOfficial)),
        Kind::Object if first.get("objects").is_some() => plain(Found::SceneGraphs),
        Kind::Text if is_id => plain(Found::AnswersById),
        Kind::Number => plain(Found::Is(Wanted::AnswerLabels)),
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
            (Found::Is(Wanted::Split(Task::Vqa)), format!("[{vqa}]")),
            (Found::Is(Wanted::Split(Task::Gqa)), format!("[{gqa}, {gqa}]")),
            (Found::Is(Wanted::Split(Task::Nlvr2)), format!("\n [{nlvr2}")),
            (Found::Is(Wanted::Split(Task::Vqa)), format!("{vqa}\n{vqa}\n")),
            (Found::Is(Wanted::Nlvr2Official), format!("{official}\n{official}")),
            (Found::Is(Wanted::GqaOfficial), r#"{"07": {"semantic": [], "question": "q", "imageId": "1"}"#.into()),
            (Found::Is(Wanted::Predictions(Task::Vqa)), r#"[{"answer": "a", "question_id": 1}]"#.into()),
            (Found::Is(Wanted::Predictions(Task::Gqa)), r#"[{"prediction": "a", "questionId": "1"}]"#.into()),
            (Found::Is(Wanted::Predictions(Task::Nlvr2)), "dev-0-0-0,True\ndev-0-1-0,False\n".into()),
            (Found::Is(Wanted::Sentences), r#"[{"img_id": "a", "sentf": {"mscoco": ["s"]}, "labelf": {}}]"#.into()),
            (Found::Is(Wanted::AnswerList), r#"["yes", "no"]"#.into()),
            (Found::Is(Wanted::AnswerLabels), r#"{"yes": 0}"#.into()),
            (Found::Is(Wanted::AnswerSets), r#"[{"ans": "yes", "dsets": ["vqa"]}]"#.into()),
            (Found::VqaQuestions, r#"{"info": {}, "task_type": "Open-Ended", "questions": [{"image_id": 1, "question": "q", "question_id": 2}]}"#.into()),
            (Found::VqaQuestions, r#"[{"image_id": 1, "question": "q", "question_id": 2}]"#.into()),
            (Found::VqaAnnotations, r#"{"annotations": [{"answers": [{"answer": "a"}], "question_id": 1, "image_id": 2}]}"#.into()),
            (Found::Captions, r#"{"images": [], "annotations": [{"image_id": 1, "id": 2, "caption": "c"}]}"#.into()),
            (Found::SceneGraphs, r#"{"241": {"width": 1, "objects": {}}}"#.into()),
            (Found::AnswersById, r#"{"262148000": "yes", "262148001": "no"}"#.into()),
            (Found::Tokenizer, r#"{"version": "1.0", "added_tokens": [], "model": {}}"#.into()),
            (Found::Empty, " \n".into()),
            (Found::Text, "question,answer\n1,yes\n".into()),
        ];
        for (found, text) in &forms {
            std::fs::write(&path, text).unwrap();
            let seen = recognise(&Seen::of(&path).unwrap()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((seen.found, seen.wrapped), (*found, None), "{text}");
            // Whatever else is wanted is refused with the name of what is there.
            for wanted in [Wanted::Split(Task::Vqa), Wanted::Predictions(Task::Nlvr2), Wanted::AnswerList] {
                match refuse(&path, wanted) {
                    Ok(()) => assert!([Found::Is(wanted), Found::Is(Wanted::Split(Task::Gqa))].contains(found)),
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
            refuse(&path, Wanted::Split(Task::Vqa)).unwrap();
        }
    }

    #[test]
    fn a_list_under_a_name_is_to_be_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, r#"{"version": 1, "results": [{"answer": "a", "question_id": 1}]}"#).unwrap();
        let error = refuse(&path, Wanted::Predictions(Task::Vqa)).unwrap_err().to_string();
        assert!(error.contains("under \"results\"") && error.contains("jq .results"), "{error}");
        let error = refuse(&path, Wanted::Predictions(Task::Gqa)).unwrap_err().to_string();
        assert!(error.contains("repro evaluate vqa"), "{error}");
    }
}
