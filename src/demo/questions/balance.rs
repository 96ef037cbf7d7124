//! Chooses questions with balanced answers, and writes the JSON files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::super::random::Random;
use super::super::scenes::Scene;
use base::error::{Error, Result};
use base::files::write_atomically;

/// A question about a scene, with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The question.
    pub sent: String,
    /// The only true answer.
    pub answer: String,
}

/// Counts how often each answer belongs to each question, to keep them even.
#[derive(Debug, Default)]
pub struct Balance {
    uses: BTreeMap<String, BTreeMap<String, i64>>,
}

impl Balance {
    /// Returns how far this answer is above its even share; the question has `answers` possible answers.
    fn ahead(&self, candidate: &Candidate, answers: i64) -> i64 {
        let Some(given) = self.uses.get(&candidate.sent) else { return 0 };
        given.get(&candidate.answer).unwrap_or(&0) * answers - given.values().sum::<i64>()
    }

    /// Takes up to `count` candidates: those whose answer is furthest below its share, ties in random order. Candidates whose answer
    /// is far above its share are never taken.
    pub(super) fn take(
        &mut self,
        random: &mut Random,
        mut from: Vec<Candidate>,
        count: usize,
        answers: usize,
    ) -> Vec<Candidate> {
        let answers = answers as i64;
        random.shuffle(&mut from);
        from.sort_by_key(|c| self.ahead(c, answers));
        // An answer may be at most two uses beyond its even share.
        from.retain(|c| self.ahead(c, answers) <= 2 * answers);
        from.truncate(count);
        for c in &from {
            *self.uses.entry(c.sent.clone()).or_default().entry(c.answer.clone()).or_default() += 1;
        }
        from
    }
}

/// Writes JSON in the style of the original's files: indented by four spaces, keys in the order of the (sorted) fields, no final
/// newline.
pub(in crate::demo) fn write_json(path: &Path, data: &impl Serialize) -> Result<()> {
    write_atomically(path, |out| {
        let mut serializer =
            serde_json::Serializer::with_formatter(out, serde_json::ser::PrettyFormatter::with_indent(b"    "));
        data.serialize(&mut serializer).map_err(|e| Error::infra(format!("cannot write {}", path.display())).because(e))
    })
}

/// Generates the questions about a list of pictures and makes an entry of each. Pictures are numbered from `first`; `entry` gets the
/// picture's number and id, and the number of earlier questions about it.
pub(super) fn each_picture<Q, T>(
    seed: u64,
    pictures: &[(String, Scene)],
    first: u64,
    questions: impl Fn(&mut Random, &mut Balance, &Scene) -> Vec<Q>,
    entry: impl Fn(&mut Random, (u64, u64), &str, Q) -> T,
) -> Vec<T> {
    let mut balance = Balance::default();
    let mut entries = Vec::new();
    for (number, (img_id, scene)) in (first..).zip(pictures) {
        let mut random = Random::named(seed, &format!("questions/{img_id}"));
        let asked = questions(&mut random, &mut balance, scene);
        entries.extend((0..).zip(asked).map(|(k, question)| entry(&mut random, (number, k), img_id, question)));
    }
    entries
}

/// Writes a file per split, and the tables of all answers; `splits` are names and entries.
pub(super) fn write_splits<'a, T: Serialize, K: Iterator<Item = &'a String>>(
    folder: &Path,
    splits: &'a [(&str, Vec<T>)],
    answers: impl Fn(&'a T) -> K,
) -> Result<()> {
    for (name, data) in splits {
        write_json(&folder.join(format!("{name}.json")), data)?;
    }
    write_answer_tables(folder, splits.iter().flat_map(|(_, data)| data).flat_map(answers))
}

/// Writes `trainval_ans2label.json` and `trainval_label2ans.json` with all answers, sorted.
fn write_answer_tables<'a>(folder: &Path, answers: impl Iterator<Item = &'a String>) -> Result<()> {
    let label2ans: std::collections::BTreeSet<&String> = answers.collect();
    let ans2label: BTreeMap<&String, usize> = label2ans.iter().enumerate().map(|(label, ans)| (*ans, label)).collect();
    write_json(&folder.join("trainval_ans2label.json"), &ans2label)?;
    write_json(&folder.join("trainval_label2ans.json"), &label2ans)
}
