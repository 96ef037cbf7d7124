//! Rows of an answer head in another order of the same answers.

use std::collections::HashMap;

use super::super::load::{ANSWERS, chosen_rows};
use super::super::tensor::StateDict;
use crate::error::{Error, Result};

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
