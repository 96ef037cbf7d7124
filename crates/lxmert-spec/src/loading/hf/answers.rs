//! The answers that the rows of an answer head of Hugging Face's port stand for: checks and changes their order.

use std::collections::HashMap;
use std::path::Path;

use super::super::mapping::chosen_rows;
use super::super::parameter_names::ANSWER_ROWS;
use super::folder;
use base::error::{Error, Result};
use checkpoint::StateDict;

/// Checks that the answers in the `config.json` of the port's model are those of `wanted`, in this order. Files that name no
/// answers pass.
///
/// # Errors
/// Data if the answers or their order differ.
pub fn check<'a>(path: &Path, wanted: impl Iterator<Item = &'a str>) -> Result<()> {
    let Some(told) = folder::config_of(path)?.map(|config| config.answers()).transpose()?.flatten() else {
        return Ok(());
    };
    if told.iter().map(String::as_str).eq(wanted) {
        return Ok(());
    }
    Err(Error::data(format!("the answers of {} are not those of the task, or are in another order", path.display()))
        .because("its config.json lists them under id2label")
        .next("reorder them: repro convert --from FOLDER --to FILE.safetensors --answers trainval_label2ans.json"))
}

/// Reorders the rows of the answer head from the order `from` to the order `to`.
///
/// # Errors
/// Data unless both list the same answers, each once.
pub fn reorder(state: &mut StateDict, from: &[String], to: &[String]) -> Result<()> {
    let rows: HashMap<&str, usize> = from.iter().enumerate().map(|(row, text)| (text.as_str(), row)).collect();
    let chosen: Vec<Option<usize>> = to.iter().map(|text| rows.get(text.as_str()).copied()).collect();
    let absent = to.iter().zip(&chosen).find(|(_, row)| row.is_none());
    let distinct: std::collections::HashSet<_> = chosen.iter().collect();
    if absent.is_some() || distinct.len() != from.len() || rows.len() != from.len() || to.len() != from.len() {
        let what = Error::data(format!("the model's {} answers are not the {} of the list", from.len(), to.len()))
            .next("name the answer list that the model was trained with");
        return Err(match absent {
            Some((text, _)) => what.because(format!("the model has no answer {text:?}")),
            None => what.because("an answer is there twice, or is missing in the list"),
        });
    }
    for (name, tensor) in state.iter_mut().filter(|(name, _)| name.contains(ANSWER_ROWS)) {
        *tensor = chosen_rows(name, tensor, &chosen)?;
    }
    Ok(())
}
