//! The scores of the original's evaluators, summed in its order so that printed digits agree.

use std::collections::{HashMap, HashSet};

use super::example::{Example, Id, Label};
use super::task::Task;
use super::task_data::TaskData;
use base::error::{Error, Result};

/// A model's answer to one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// Id of the example.
    pub id: Id,
    /// The answer's text; for NLVR2 `True` or `False`.
    pub answer: String,
}

/// Computes the mean score, 0 to 1, of the predictions: VQA and GQA add the label's score of each answer (none: 0), NLVR2
/// counts the right ones. The mean is over the predictions, not over the data: an example left out does not count.
///
/// No prediction, an id that the data lack or that is predicted twice, and data without labels are errors.
pub fn score(data: &TaskData, predictions: &[Prediction]) -> Result<f64> {
    if predictions.is_empty() {
        return Err(Error::data("there is no prediction to score").next(
            "check that the split has examples and their images have features, and that a training batch fits in the data",
        ));
    }
    let by_id: HashMap<&Id, &Example> = data.examples.iter().map(|example| (&example.id, example)).collect();
    let mut seen = HashSet::with_capacity(predictions.len());
    let mut sum = 0.0;
    for Prediction { id, answer } in predictions {
        let example = by_id.get(id).ok_or_else(|| {
            Error::data(format!(
                "{} {id} is predicted but is not in {} {}",
                data.task.id_field(),
                data.task,
                data.splits.join(",")
            ))
            .next("score predictions against the split they were made for")
        })?;
        if !seen.insert(id) {
            return Err(Error::data(format!("{} {id} is predicted twice", data.task.id_field()))
                .next("keep one prediction for each example"));
        }
        sum += match &example.label {
            Some(Label::Class(_)) if !matches!(answer.as_str(), "True" | "False") => {
                return Err(Error::data(format!("the prediction for {id} is `{answer}`, neither True nor False"))
                    .next("write each NLVR2 prediction as `identifier,True` or `identifier,False`"));
            }
            Some(label) => label.points(answer),
            None => {
                return Err(Error::data(format!(
                    "{} {} has no labels to score against",
                    data.task,
                    data.splits.join(",")
                ))
                .next("write the predictions and submit them to the task's server, or choose a labelled split"));
            }
        };
    }
    Ok(sum / predictions.len() as f64)
}

/// Computes the "Valid Oracle" of VQA and GQA: the score of answering every example with the best answer that the table
/// holds.
///
/// `kept` names the examples that count, by index (those with features). The best answer is the original's: first maximum
/// of the float32 target row, hence answer 0 where no known answer has a score. An answer missing from the table is an
/// error in VQA and ignored in GQA.
pub fn oracle(data: &TaskData, kept: &[usize], label2ans: &[String]) -> Result<f64> {
    if data.task == Task::Nlvr2 {
        return Err(Error::usage("NLVR2 has no oracle score: its labels are not answers").next("choose vqa or gqa"));
    }
    let empty = || Error::data("the answer table is empty").next("fetch it again: repro fetch --task vqa,gqa");
    let answer_0 = label2ans.first().ok_or_else(empty)?;
    let labels: HashMap<&str, usize> =
        label2ans.iter().enumerate().map(|(label, answer)| (answer.as_str(), label)).collect();
    let mut predictions = Vec::with_capacity(kept.len());
    for &index in kept {
        let example =
            data.examples.get(index).ok_or_else(|| Error::bug(format!("there is no example {index} in the data")))?;
        let Some(Label::Soft(scores)) = &example.label else {
            return Err(Error::data(format!("{} {} has no labels", data.task, data.splits.join(",")))
                .next("choose a labelled split"));
        };
        let mut best = (0.0_f32, 0_usize, answer_0);
        for (answer, &score) in scores {
            match labels.get(answer.as_str()) {
                Some(&label) => {
                    let score = score as f32;
                    if score > best.0 || (score == best.0 && label < best.1) {
                        best = (score, label, answer);
                    }
                }
                None if data.task == Task::Gqa => {}
                None => {
                    return Err(Error::data(format!(
                        "the answer `{answer}` of {} {} is not in the answer table",
                        data.task.id_field(),
                        example.id
                    ))
                    .next("use the answer table that belongs to these data"));
                }
            }
        }
        predictions.push(Prediction { id: example.id.clone(), answer: best.2.clone() });
    }
    score(data, &predictions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::predictions::read_predictions;
    use crate::dataset::python_format::float_repr;

    fn data(task: Task, labels: Vec<Option<Label>>) -> TaskData {
        let examples = labels
            .into_iter()
            .enumerate()
            .map(|(i, label)| Example { id: Id::Int(i as i64), images: vec![], sentence: String::new(), label })
            .collect();
        TaskData { task, splits: vec!["train".into()], examples }
    }

    fn soft(scores: &[(&str, f64)]) -> Option<Label> {
        Some(Label::Soft(scores.iter().map(|(answer, score)| ((*answer).into(), *score)).collect()))
    }

    fn say(id: i64, answer: &str) -> Prediction {
        Prediction { id: Id::Int(id), answer: answer.into() }
    }

    #[test]
    fn scores_and_refusals() {
        let vqa = data(Task::Vqa, vec![soft(&[("a", 0.3)]), soft(&[])]);
        assert_eq!(score(&vqa, &[say(0, "a"), say(1, "a")]).unwrap(), 0.15);
        let nlvr2 = data(Task::Nlvr2, vec![Some(Label::Class(1)), Some(Label::Class(0))]);
        assert_eq!(score(&nlvr2, &[say(0, "True"), say(1, "True")]).unwrap(), 0.5);
        let unlabelled = data(Task::Vqa, vec![None]);
        for (data, predictions, part) in [
            (&vqa, vec![], "no prediction"),
            (&vqa, vec![say(7, "a")], "question_id 7"),
            (&vqa, vec![say(0, "a"), say(0, "a")], "twice"),
            (&nlvr2, vec![say(0, "yes")], "neither"),
            (&unlabelled, vec![say(0, "a")], "no labels"),
        ] {
            let error = score(data, &predictions).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn the_oracle_takes_the_first_maximum_of_known_answers() {
        let table: Vec<String> = ["x", "a", "b"].map(String::from).to_vec();
        let of = |task, label| oracle(&data(task, vec![label]), &[0], &table);
        // Equal in float32, so the smaller label wins although its score is less in the file.
        assert_eq!(of(Task::Vqa, soft(&[("b", 0.3), ("a", 0.299_999_999_9)])).unwrap(), 0.299_999_999_9);
        assert_eq!(of(Task::Vqa, soft(&[])).unwrap(), 0.0);
        assert_eq!(of(Task::Gqa, soft(&[("unknown", 1.0), ("x", 0.0)])).unwrap(), 0.0);
        assert!(of(Task::Vqa, soft(&[("unknown", 1.0)])).unwrap_err().to_string().contains("`unknown`"));
        assert!(of(Task::Nlvr2, Some(Label::Class(1))).is_err());
        assert!(oracle(&data(Task::Vqa, vec![soft(&[])]), &[], &table).is_err());
    }

    #[test]
    fn the_originals_evaluators_agree() {
        let Some(folder) = fixtures::lxrt("data/eval") else { return };
        let Some(expected) = fixtures::lxrt("data/data.json").map(|path| fixtures::json(&path)) else {
            return;
        };
        let cases = [
            (Task::Vqa, "vqa_minival.json", "vqa_test_predict.json", "vqa_eval"),
            (Task::Gqa, "gqa_testdev.json", "gqa_submit_predict.json", "gqa_eval"),
        ];
        for (task, examples, predictions, case) in cases {
            let (examples, predictions) = (folder.join(examples), folder.join(predictions));
            if !examples.exists() || !predictions.exists() || expected[case].is_null() {
                eprintln!("skipped: {case} is not there");
                continue;
            }
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir(root.path().join(task.name())).unwrap();
            std::fs::copy(examples, task.split_file(root.path(), "s")).unwrap();
            let data = TaskData::load(task, root.path(), "s").unwrap();
            let predictions = read_predictions(task, &predictions).unwrap();
            let got = score(&data, &predictions).unwrap();
            assert_eq!(float_repr(got), expected[case]["score"].to_string(), "{case}");
            assert_eq!(format!("{:.2}", got * 100.0), expected[case]["log_percent"].as_str().unwrap(), "{case}");
            assert_eq!(predictions.len() as u64, expected[case]["n"].as_u64().unwrap(), "{case}");
            if let Some(partial) = expected[case].get("partial_score_first_20_predictions") {
                assert_eq!(float_repr(score(&data, &predictions[..20]).unwrap()), partial.to_string(), "{case}");
            }
        }
    }

    #[test]
    fn the_real_sets_best_reachable_scores() {
        let (Some(root), Some(table)) =
            (fixtures::beside("real/data"), fixtures::beside("real/data/vqa/trainval_label2ans.json"))
        else {
            return;
        };
        let table: Vec<String> = serde_json::from_value(fixtures::json(&table)).unwrap();
        for (split, best) in [("train", "0.9877"), ("nominival", "0.9600"), ("minival", "0.9906")] {
            let data = TaskData::load(Task::Vqa, &root, split).unwrap();
            let all: Vec<usize> = (0..data.examples.len()).collect();
            assert_eq!(format!("{:.4}", oracle(&data, &all, &table).unwrap()), best, "{split}");
        }
    }
}
