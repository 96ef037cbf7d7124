//! GQA questions: one answer each.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Balance, Candidate, ask, write_answer_tables, write_json};
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
    let mut asked = balance.take(random, ask::color_of(scene), 2, Color::ALL.len());
    asked.extend(balance.take(random, ask::shape_of(scene), 2, Shape::ALL.len()));
    asked.extend(balance.take(random, ask::side_of(scene), 1, 2));
    if random.chance(30) {
        asked.extend(balance.take(random, ask::relation(scene), 1, 2));
    }
    let (yes, no) = ask::existence(random, scene, |what| format!("Is there a {what} in the picture?"));
    if !yes.is_empty() && !no.is_empty() {
        asked.extend(balance.take(random, yes, 1, 2));
        asked.extend(balance.take(random, no, 1, 2));
    }
    asked
}

/// Asks about a list of pictures; `first` is the first of their numbers, which question ids begin with.
pub fn ask_about(seed: u64, pictures: &[(String, Scene)], first: u64) -> Vec<Gqa> {
    let mut balance = Balance::default();
    let mut out = Vec::new();
    for (number, (img_id, scene)) in (first..).zip(pictures) {
        let mut random = Random::named(seed, &format!("questions/{img_id}"));
        for (k, Candidate { sent, answer }) in (0..).zip(questions(&mut random, &mut balance, scene)) {
            out.push(Gqa {
                img_id: img_id.clone(),
                label: BTreeMap::from([(answer, 1.0)]),
                question_id: format!("{:08}", number * 100 + k),
                sent,
            });
        }
    }
    out
}

/// Writes the files of `data/gqa`; `splits` are their names and entries.
pub fn write(folder: &Path, splits: &[(&str, Vec<Gqa>)]) -> Result<()> {
    for (name, data) in splits {
        write_json(&folder.join(format!("{name}.json")), data)?;
    }
    write_answer_tables(folder, splits.iter().flat_map(|(_, data)| data).flat_map(|d| d.label.keys()))
}
