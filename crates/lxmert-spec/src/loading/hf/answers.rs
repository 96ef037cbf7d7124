//! Which answers the rows of an answer head stand for.

use std::collections::HashMap;
use std::path::Path;

use super::super::load::chosen_rows;
use super::super::policy::ANSWERS;
use super::folder;
use base::error::{Error, Result};
use checkpoint::StateDict;

/// Refuses a model of the port whose `config.json` tells other answers, or another order of them, than `wanted`. Other files do
/// not tell theirs.
pub fn check<'a>(path: &Path, wanted: impl Iterator<Item = &'a str>) -> Result<()> {
    let Some(told) = folder::config_of(path)?.map(|config| config.answers()).transpose()?.flatten() else {
        return Ok(());
    };
    if told.iter().map(String::as_str).eq(wanted) {
        return Ok(());
    }
    Err(Error::data(format!("the answers of {} are not the task's, or not in its order", path.display()))
        .because("its config.json tells them (id2label)")
        .next("put them into the task's order: repro convert --from FOLDER --to FILE.safetensors --answers trainval_label2ans.json"))
}

/// Puts the rows of the answer head, which are in the order `from`, into the order `to`.
///
/// # Errors
/// Data where the two are not the same answers, each once.
pub fn reorder(state: &mut StateDict, from: &[String], to: &[String]) -> Result<()> {
    let rows: HashMap<&str, usize> = from.iter().enumerate().map(|(row, text)| (text.as_str(), row)).collect();
    let chosen: Vec<Option<usize>> = to.iter().map(|text| rows.get(text.as_str()).copied()).collect();
    let absent = to.iter().zip(&chosen).find(|(_, row)| row.is_none());
    let distinct: std::collections::HashSet<_> = chosen.iter().collect();
    if absent.is_some() || distinct.len() != from.len() || rows.len() != from.len() || to.len() != from.len() {
        let what =
            Error::data(format!("the model has {} answers, and not the {} that were asked for", from.len(), to.len()));
        return Err(match absent {
            Some((text, _)) => what.because(format!("the model does not know {text:?}")),
            None => what.because("an answer is there twice, or only in the model"),
        });
    }
    for (name, tensor) in state.iter_mut().filter(|(name, _)| name.contains(ANSWERS)) {
        *tensor = chosen_rows(name, tensor, &chosen)?;
    }
    Ok(())
}
