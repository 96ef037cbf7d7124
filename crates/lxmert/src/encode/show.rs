//! Reads the scores of the heads from an output file and picks the best ones, for people.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::layout::read_description;
use super::sizes::ModelSizes;
use base::error::{Error, Result};
use checkpoint::{self, StateDict, TensorData};
use data::dataset::answers::{AnswerTable, LabelTable};
use data::dataset::nlvr2_answer;
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::loading::{ModelHeads, hf};

/// The best scores of the heads for a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestScores {
    /// The pair's id.
    pub id: Value,
    /// Its images.
    pub img_ids: Value,
    /// Its sentence.
    pub sent: Value,
    /// Probability for each image that the sentence belongs to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<f32>,
    /// Most probable words for each `[MASK]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<MaskWords>,
    /// Answers with the highest scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<ScoredAnswer>,
}

/// A `[MASK]` with its most probable words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MaskWords {
    /// Image of the pair that it was read with.
    pub img_id: Value,
    /// Its position, `[CLS]` being 0.
    pub position: i64,
    /// Words with their probabilities, the most probable first.
    pub top: Vec<(String, f32)>,
}

/// An answer and its score before any softmax or sigmoid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredAnswer {
    /// Its text, or its number if the answer table is unknown.
    pub answer: Value,
    /// The head's score.
    pub score: f32,
}

/// Returns the texts of an answer head's answers; `None` if they are unknown. They come from a folder in Hugging Face's layout if
/// it names them, else from the answer table below the data root that has as many: the pre-training table, VQA's or GQA's. NLVR2
/// needs none.
///
/// # Errors
/// Data if the folder's configuration cannot be read.
pub fn answer_names(checkpoint: &Path, data_root: &Path, sizes: &ModelSizes) -> Result<Option<Vec<String>>> {
    let Some(count) = sizes.answers() else { return Ok(None) };
    let described = hf::folder::config_of(checkpoint)?.map(|config| config.answers()).transpose()?.flatten();
    if let Some(answers) = described.filter(|answers| answers.len() == count) {
        return Ok(Some(answers));
    }
    let tables = [LabelTable::vqa, LabelTable::gqa];
    Ok(match sizes.heads {
        ModelHeads::Answers { images: 2, .. } => {
            (count == 2).then(|| [0, 1].map(|class| nlvr2_answer(class).to_owned()).to_vec())
        }
        ModelHeads::Answers { .. } => tables
            .into_iter()
            .filter_map(|read| read(data_root).ok())
            .find(|table| table.len() == count)
            .map(|table| table.answers().to_vec()),
        _ => AnswerTable::load(data_root)
            .ok()
            .filter(|table| table.len() == count)
            .and_then(|table| (0..count).map(|id| table.answer(id).map(str::to_owned)).collect()),
    })
}

/// Returns the best scores for each pair of a file, with `top` words and answers each.
///
/// # Errors
/// Data if the file was changed after it was written.
pub(crate) fn read_best_scores(
    path: &Path,
    tokenizer: &Tokenizer,
    answers: Option<&[String]>,
    top: usize,
) -> Result<Vec<BestScores>> {
    let changed = || {
        Error::data(format!("{} was changed after it was written", path.display()))
            .next("remove it and run the command again")
    };
    let description = read_description(path).ok_or_else(changed)?;
    let tensors = checkpoint::read_checkpoint(path)?;
    let pairs = description["pairs"].as_array().ok_or_else(changed)?;
    let images = pairs.first().and_then(|pair| pair["img_ids"].as_array()).map_or(1, Vec::len).max(1);
    let mut results: Vec<BestScores> = pairs
        .iter()
        .map(|pair| BestScores {
            id: pair["id"].clone(),
            img_ids: pair["img_ids"].clone(),
            sent: pair["sent"].clone(),
            matching: Vec::new(),
            masks: Vec::new(),
            answers: Vec::new(),
        })
        .collect();
    for (row, scores) in rows(&tensors, "heads.matched").enumerate() {
        let probability = softmax(&scores?).get(1).copied().ok_or_else(changed)?;
        results.get_mut(row / images).ok_or_else(changed)?.matching.push(probability);
    }
    let positions = read_i64(&tensors, "heads.mask_positions");
    for (place, scores) in positions.as_chunks::<2>().0.iter().zip(rows(&tensors, "heads.words")) {
        let row = usize::try_from(place[0]).map_err(|_| changed())?;
        let pair = results.get_mut(row / images).ok_or_else(changed)?;
        let probabilities = softmax(&scores?);
        let word = |id: usize| tokenizer.piece(id as u32).unwrap_or("?").to_owned();
        let top = highest(&probabilities, top).into_iter().map(|id| (word(id), probabilities[id])).collect();
        pair.masks.push(MaskWords { img_id: pair.img_ids[row % images].clone(), position: place[1], top });
    }
    let scores = rows(&tensors, "heads.answer");
    let each = (scores.len() / pairs.len().max(1)).max(1);
    for (row, scores) in scores.enumerate() {
        let scores = scores?;
        let name =
            |id: usize| answers.and_then(|all| all.get(id)).map_or(Value::from(id), |name| Value::from(name.as_str()));
        let best = highest(&scores, top).into_iter().map(|id| ScoredAnswer { answer: name(id), score: scores[id] });
        results.get_mut(row / each).ok_or_else(changed)?.answers.extend(best);
    }
    Ok(results)
}

/// Returns the rows of a two-dimensional tensor, one at a time; none if it is missing.
fn rows<'a>(tensors: &'a StateDict, name: &str) -> impl ExactSizeIterator<Item = Result<Vec<f32>>> + use<'a> {
    let tensor = tensors.get(name);
    let count = tensor.and_then(|t| t.shape.first()).copied().unwrap_or(0);
    (0..count).map(move |row| {
        let tensor = tensor.ok_or_else(|| Error::bug("a row of a missing tensor"))?;
        let bytes = tensor.data.len() / count;
        let data = tensor.data.slice(row * bytes..(row + 1) * bytes);
        TensorData { dtype: tensor.dtype, shape: vec![bytes / tensor.dtype.size()], data }.to_f32()
    })
}

fn read_i64(tensors: &StateDict, name: &str) -> Vec<i64> {
    tensors.get(name).map_or_else(Vec::new, |t| t.data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect())
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = scores.iter().map(|s| f64::from(s - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|g| (g / sum) as f32).collect()
}

/// Returns the indices of the highest values in descending order; among equal values the first comes first.
fn highest(values: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let by = |a: &usize, b: &usize| values[*b].total_cmp(&values[*a]).then(a.cmp(b));
    if count < order.len() {
        order.select_nth_unstable_by(count, by);
        order.truncate(count);
    }
    order.sort_by(by);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_and_their_probabilities() {
        let values = [1.0, 3.0, 3.0, -1.0, 2.0];
        assert_eq!(highest(&values, 3), [1, 2, 4]);
        assert_eq!(highest(&values, 9), [1, 2, 4, 0, 3]);
        assert!(highest(&values, 0).is_empty());
        let p = softmax(&[1000.0, 1000.0, f32::NEG_INFINITY]);
        assert_eq!(p, [0.5, 0.5, 0.0]);
    }
}
