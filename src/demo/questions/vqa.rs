//! Generates VQA questions with soft scores, as from ten annotators.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::balance::{each_picture, write_splits};
use super::{Balance, Candidate, templates};
use crate::demo::random::Random;
use crate::demo::scenes::{Color, Scene, Shape};
use base::error::Result;

/// One entry of `data/vqa/*.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vqa {
    /// `other`, `yes/no` or `number`.
    pub answer_type: String,
    /// The picture.
    pub img_id: String,
    /// Scores of the answers.
    pub label: BTreeMap<String, Score>,
    /// Unique over all files.
    pub question_id: u64,
    /// The question's first three words.
    pub question_type: String,
    /// The question.
    pub sent: String,
}

/// A score of 0.3, 0.6, 0.9 or 1; the last is a whole number in the official files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// 1.
    Full(u8),
    /// 0.3, 0.6 or 0.9.
    Part(f64),
}

impl Score {
    /// Returns the score of an answer that this many of ten annotators gave, as in the original.
    fn of(annotators: usize) -> Self {
        match annotators {
            1 => Self::Part(0.3),
            2 => Self::Part(0.6),
            3 => Self::Part(0.9),
            _ => Self::Full(1),
        }
    }

    /// As a number.
    pub fn value(self) -> f64 {
        match self {
            Self::Full(n) => f64::from(n),
            Self::Part(x) => x,
        }
    }
}

/// Returns other answers that annotators may give, each with its percentage.
fn other_words(answer: &str) -> Vec<(String, usize)> {
    let words: &[(&str, usize)] = match answer {
        "purple" => &[("violet", 18)],
        "yellow" => &[("gold", 6)],
        "square" => &[("box", 10), ("diamond", 4)],
        "circle" => &[("ball", 10)],
        "large" => &[("big", 20)],
        "small" => &[("little", 12)],
        "yes" => &[("no", 3)],
        "no" => &[("yes", 3)],
        _ => &[],
    };
    let mut all: Vec<(String, usize)> = words.iter().map(|(w, share)| ((*w).to_owned(), *share)).collect();
    if let Ok(count) = answer.parse::<usize>() {
        // The higher the count, the more often people miscount.
        all.push(((count + 1).to_string(), 2 * count));
        all.push((count.saturating_sub(1).to_string(), 2 * count));
    }
    all
}

/// Simulates ten annotators.
fn annotate(random: &mut Random, answer: &str) -> BTreeMap<String, Score> {
    let others = other_words(answer);
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..10 {
        let mut draw = random.below(100);
        let mut said = answer;
        for (word, share) in &others {
            if draw < *share {
                said = word;
                break;
            }
            draw -= share;
        }
        *given.entry(said.to_owned()).or_default() += 1;
    }
    given.into_iter().map(|(answer, n)| (answer, Score::of(n))).collect()
}

fn questions(random: &mut Random, balance: &mut Balance, scene: &Scene) -> Vec<(&'static str, Candidate)> {
    let mut asked: Vec<(&'static str, Candidate)> = Vec::new();
    let mut add = |kind, list: Vec<Candidate>| asked.extend(list.into_iter().map(|c| (kind, c)));
    add("other", balance.take(random, templates::color_of(scene), 2, Color::ALL.len()));
    add("other", balance.take(random, templates::shape_of(scene), 2, Shape::ALL.len()));
    if random.chance(50) {
        add("other", balance.take(random, templates::size_of(scene), 1, 2));
    }
    let (yes, no) = templates::existence(random, scene, |what| format!("Is there a {what}?"));
    if !yes.is_empty() && !no.is_empty() {
        add("yes/no", balance.take(random, yes, 1, 2));
        add("yes/no", balance.take(random, no, 1, 2));
    }
    if random.chance(40) {
        add("number", balance.take(random, templates::how_many(scene), 1, 3));
    }
    asked
}

/// Generates the questions about a list of pictures, which are numbered from `first`; question ids begin with that number.
pub fn ask_about(seed: u64, pictures: &[(String, Scene)], first: u64) -> Vec<Vqa> {
    each_picture(
        seed,
        pictures,
        first,
        questions,
        |random, (number, k), img_id, (answer_type, Candidate { sent, answer })| Vqa {
            answer_type: answer_type.into(),
            img_id: img_id.to_owned(),
            label: annotate(random, &answer),
            question_id: number * 1000 + k,
            question_type: sent.to_lowercase().split(' ').take(3).collect::<Vec<_>>().join(" "),
            sent,
        },
    )
}

/// Writes the files of `data/vqa`; `splits` are their names and entries.
pub fn write(folder: &Path, splits: &[(&str, Vec<Vqa>)]) -> Result<()> {
    write_splits(folder, splits, |entry| entry.label.keys())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotators_mostly_agree() {
        assert_eq!([1, 2, 3, 4, 10].map(|n| Score::of(n).value()), [0.3, 0.6, 0.9, 1.0, 1.0]);
        let mut random = Random::named(1, "annotators");
        for (answer, other) in [("purple", "violet"), ("yes", "no"), ("2", "3"), ("large", "big"), ("red", "")] {
            let labels: Vec<_> = (0..200).map(|_| annotate(&mut random, answer)).collect();
            let total = |word: &str| labels.iter().filter_map(|l| l.get(word)).map(|s| s.value()).sum::<f64>();
            assert!(total(answer) > 198.0, "{answer}: {}", total(answer));
            let seen = total(other) / 200.0;
            assert!(if other.is_empty() { labels.iter().all(|l| l.len() == 1) } else { (0.02..0.7).contains(&seen) });
        }
    }
}
