//! Computes the accuracies of a run again from its saved answers, and compares its verdict with an earlier one.

use std::path::Path;

use crate::evidence::items;
use crate::evidence::run::{RunEvidence, TaskEvidence};
use crate::report::{EarlierVerdict, GoldenRecord, Report, json};
use crate::verdict::eval_gate::AnswerItem;
use base::error::{Error, Result};
use data::dataset::{self, TaskData};

/// Maximum difference, in points, of two sums of the same scores.
const SUM_ERROR: f64 = 1e-6;
/// Maximum difference, in points, of two accuracies that print alike.
const SHOWN: f64 = 0.005;

/// Reads the items of a result and checks them against their checksum and the result; `None` if only the accuracy was kept.
///
/// # Errors
/// Checksum if the file is another one; data if it is damaged, or if its accuracy or number of items is not the recorded one.
pub fn verified_items(found: &TaskEvidence) -> Result<Option<Vec<AnswerItem>>> {
    let Some(known) = &found.record.items else { return Ok(None) };
    let answers = items::read_verified(&found.folder, known)?;
    agrees(found, &answers, &format!("its {}", known.file))?;
    Ok(Some(answers))
}

/// Scores the predictions of a result again by the labels below `data_root`.
///
/// # Errors
/// Usage if it kept no predictions; checksum if they are other ones; data if they do not belong to the labels, or if the accuracy
/// is not the recorded one.
pub fn scored_again(found: &TaskEvidence, data_root: &Path) -> Result<Vec<AnswerItem>> {
    let record = &found.record;
    let Some(known) = &record.predictions else {
        return Err(Error::usage(format!("{} kept its accuracy and no predictions", found.folder.display()))
            .next("regrade it without --data-root, or evaluate its weights with --output"));
    };
    let path = found.folder.join(&known.file);
    items::verify(&path, &known.sha256)?;
    let data = TaskData::load(record.task, data_root, &record.splits)?;
    let predictions = dataset::read_predictions(record.task, &path)?;
    // Refuses what does not belong to the data.
    dataset::score(&data, &predictions)?;
    let again = items::score_each(&data, &predictions)?;
    agrees(found, &again, &format!("its predictions with the labels below {}", data_root.display()))?;
    Ok(again)
}

/// Refuses a result whose predictions answer only a part of the split although no features were missing.
///
/// # Errors
/// Data, naming both numbers.
pub fn answers_all(found: &TaskEvidence) -> Result<()> {
    let record = &found.record;
    let (answered, left_out) = (record.n, record.left_out);
    match answered.saturating_add(left_out) < record.examples {
        false => Ok(()),
        true => Err(Error::data(format!(
            "the {} result in {} answers {answered} of the {} examples of {}",
            record.task,
            found.folder.display(),
            record.examples,
            record.splits
        ))
        .because(format!("{left_out} were left out for want of features, the others have no prediction"))
        .next("evaluate predictions for the whole split, or pass --allow-missing-predictions to judge the part")),
    }
}

fn agrees(found: &TaskEvidence, answers: &[AnswerItem], of: &str) -> Result<()> {
    let record = &found.record;
    let (accuracy, n) = (items::accuracy(answers).unwrap_or(f64::NAN), answers.len() as u64);
    let what = if n != record.n {
        format!("{} items are recorded, {of} give {n}", record.n)
    } else if (accuracy - record.accuracy).abs() <= SUM_ERROR {
        return Ok(());
    } else {
        format!("an accuracy of {:.4} is recorded, {of} give {accuracy:.4}", record.accuracy)
    };
    Err(Error::data(format!("the {} result in {} contradicts itself", record.task, found.folder.display()))
        .because(what)
        .next("evaluate the run again: one of the two is not what the evaluation wrote"))
}

/// Returns the earlier verdict of a run and what differs now; `None` if it has no report.
///
/// # Errors
/// Data if its report is damaged.
pub fn before(run: &RunEvidence, now: &Report) -> Result<Option<EarlierVerdict>> {
    let Some(path) = &run.report else { return Ok(None) };
    let then = json::read(path)?;
    let mut changes = editions(&then.golden, &now.golden);
    for row in &now.rows {
        let Some(old) = then.rows.iter().find(|old| (&old.name, old.gate) == (&row.name, row.gate)) else {
            changes.push(format!("{} ({}) was not judged and is {}", row.name, row.gate.as_str(), row.verdict));
            continue;
        };
        if let (Some(was), Some(is)) = (old.observed, row.observed)
            && (was - is).abs() > SHOWN
        {
            changes.push(format!("{}: its report says accuracy {was:.2}, what it saved says {is:.2}", row.name));
        }
        if old.verdict != row.verdict {
            changes.push(format!("{} was {} and is {}", row.name, old.verdict, row.verdict));
        }
    }
    for old in &then.rows {
        if !now.rows.iter().any(|row| (&row.name, row.gate) == (&old.name, old.gate)) {
            changes.push(format!("{} was {} and is not judged now", old.name, old.verdict));
        }
    }
    Ok(Some(EarlierVerdict { verdict: then.verdict, golden: then.golden, changes }))
}

/// Returns the differences between the golden files of two verdicts, in sentences.
fn editions(then: &[GoldenRecord], now: &[GoldenRecord]) -> Vec<String> {
    if then.is_empty() {
        return vec!["the earlier report does not say which golden file judged it".to_owned()];
    }
    // A file is the same under another path.
    let of = |list: &[GoldenRecord], wanted: &GoldenRecord| {
        let named = list.iter().find(|golden| golden.name == wanted.name);
        named.or_else(|| list.iter().find(|golden| golden.sha256 == wanted.sha256)).cloned()
    };
    let mut changes = Vec::new();
    for golden in now {
        match of(then, golden) {
            None => changes.push(format!("{} edition {} did not judge before", golden.name, golden.edition)),
            Some(old) if old.edition != golden.edition => {
                changes.push(format!(
                    "{} judges by edition {}, then by edition {}",
                    golden.name, golden.edition, old.edition
                ));
            }
            Some(old) if old.sha256 != golden.sha256 => {
                changes.push(format!("{} edition {} has another content than then", golden.name, golden.edition));
            }
            Some(_) => {}
        }
    }
    let gone = then.iter().filter(|golden| of(now, golden).is_none());
    changes.extend(gone.map(|golden| format!("{} edition {} does not judge now", golden.name, golden.edition)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_golden_file_is_said() {
        let golden =
            |name: &str, edition, sha256: &str| GoldenRecord { name: name.into(), edition, sha256: sha256.into() };
        let old = |name: &str| golden(name, 1, name);
        let then = [old("published"), old("demo"), old("features"), golden("mine.toml", 1, "m")];
        let now = [golden("published", 2, "b"), golden("demo", 1, "b"), old("mine"), golden("../mine.toml", 1, "m")];
        assert_eq!(
            editions(&then, &now),
            [
                "published judges by edition 2, then by edition 1",
                "demo edition 1 has another content than then",
                "mine edition 1 did not judge before",
                "features edition 1 does not judge now",
            ]
        );
        assert_eq!(editions(&then, &then), [""; 0]);
        assert!(editions(&[], &now)[0].contains("does not say"));
    }
}
