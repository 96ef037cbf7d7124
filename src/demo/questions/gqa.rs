//! Generates GQA questions, each with one answer.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::balance::{each_picture, write_splits};
use super::{Balance, Candidate, templates};
use crate::demo::random::Random;
use crate::demo::scenes::{Color, Scene, Shape};
use base::error::Result;

/// One entry of `data/gqa/*.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gqa {
    /// The picture.
    pub img_id: String,
    /// The answer, scored 1.0.
    pub label: BTreeMap<String, f64>,
    /// Eight digits, unique over all files.
    pub question_id: String,
    /// The question.
    pub sent: String,
}

fn questions(random: &mut Random, balance: &mut Balance, scene: &Scene) -> Vec<Candidate> {
    let mut asked = balance.take(random, templates::color_of(scene), 2, Color::ALL.len());
    asked.extend(balance.take(random, templates::shape_of(scene), 2, Shape::ALL.len()));
    asked.extend(balance.take(random, templates::side_of(scene), 1, 2));
    if random.chance(30) {
        asked.extend(balance.take(random, templates::relation(scene), 1, 2));
    }
    let (yes, no) = templates::existence(random, scene, |what| format!("Is there a {what} in the picture?"));
    if !yes.is_empty() && !no.is_empty() {
        asked.extend(balance.take(random, yes, 1, 2));
        asked.extend(balance.take(random, no, 1, 2));
    }
    asked
}

/// Generates the questions about a list of pictures, which are numbered from `first`; question ids begin with that number.
pub fn ask_about(seed: u64, pictures: &[(String, Scene)], first: u64) -> Vec<Gqa> {
    each_picture(seed, pictures, first, questions, |_, (number, k), img_id, Candidate { sent, answer }| Gqa {
        img_id: img_id.to_owned(),
        label: BTreeMap::from([(answer, 1.0)]),
        question_id: format!("{:08}", number * 100 + k),
        sent,
    })
}

/// Writes the files of `data/gqa`; `splits` are their names and entries.
pub fn write(folder: &Path, splits: &[(&str, Vec<Gqa>)]) -> Result<()> {
    write_splits(folder, splits, |entry| entry.label.keys())
}
