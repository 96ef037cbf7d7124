//! Generates NLVR2 sentences about two pictures. A set has four pairs. Each of its sentences is used with all four pairs and is true
//! for two of them, and each pair has as many true as false sentences, so that neither sentence nor pictures alone tell anything.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::templates::{ObjectFilter, colors, pairs, shapes};
use super::write_json;
use crate::demo::random::Random;
use crate::demo::scenes::{Scene, draw};
use base::error::{Error, Result};
use lxmert_spec::demo::PictureRecipe;

/// Number of pairs of pictures in a set.
pub const PAIRS: usize = 4;

/// How much more often a sentence about a colour or a shape is used than one about both. The latter are twice as many and harder to
/// learn.
const SINGLE_SHARE: usize = 3;

/// One entry of `data/nlvr2/*.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nlvr2 {
    /// `split-set-pair-sentence`, as in the official files; the consistency score groups entries by all parts except the pair.
    pub identifier: String,
    /// The left picture.
    pub img0: String,
    /// The right picture.
    pub img1: String,
    /// 1 if the sentence is true, else 0.
    pub label: u8,
    /// The sentence.
    pub sent: String,
    /// Unique over all files.
    pub uid: String,
}

/// Where something is, according to a sentence.
const PLACES: [&str; 4] = ["left", "right", "both", "any"];

fn sentence(place: &str, what: &str) -> String {
    match place {
        "both" => format!("Both images contain a {what}."),
        "any" => format!("At least one image contains a {what}."),
        side => format!("The {side} image contains a {what}."),
    }
}

fn holds(place: &str, what: &ObjectFilter, [left, right]: &[Scene; 2]) -> bool {
    let (left, right) = (what.count(left) > 0, what.count(right) > 0);
    match place {
        "left" => left,
        "right" => right,
        "both" => left && right,
        _ => left || right,
    }
}

/// Returns the sentences that are true for two pairs, grouped by which two (bit i for pair i).
fn fitting(set: &[[Scene; 2]; PAIRS]) -> BTreeMap<u8, Vec<(ObjectFilter, String)>> {
    let mut by_pattern: BTreeMap<u8, Vec<_>> = BTreeMap::new();
    for place in PLACES {
        for what in colors().chain(shapes()).chain(pairs()) {
            let pattern = (0..PAIRS).fold(0, |bits, i| bits | u8::from(holds(place, &what, &set[i])) << i);
            if pattern.count_ones() == 2 {
                by_pattern.entry(pattern).or_default().push((what, sentence(place, &what.words())));
            }
        }
    }
    by_pattern
}

/// Chooses sentences in twos, such that one is true exactly if the other is false, preferring the least used. Returns `None` if the
/// set has too few.
fn choose(
    random: &mut Random,
    set: &[[Scene; 2]; PAIRS],
    count: usize,
    uses: &BTreeMap<String, usize>,
) -> Option<Vec<(u8, String)>> {
    let mut by_pattern = fitting(set);
    for list in by_pattern.values_mut() {
        random.shuffle(list);
        // The least used comes last, since `pop` takes the last.
        list.sort_by_key(|(what, sent)| {
            let share = if what.color.is_some() && what.shape.is_some() { 1 } else { SINGLE_SHARE };
            std::cmp::Reverse(uses.get(sent).copied().unwrap_or(0) / share)
        });
    }
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let mut open: Vec<u8> = (1..8)
            .filter(|p: &u8| [*p, 15 - p].iter().all(|p| by_pattern.get(p).is_some_and(|list| !list.is_empty())))
            .collect();
        random.shuffle(&mut open);
        let pattern = open.pop()?;
        for p in [pattern, 15 - pattern] {
            chosen.push((p, by_pattern.get_mut(&p)?.pop()?.1));
        }
    }
    Some(chosen)
}

/// One split: its pictures in file order, and its entries.
pub struct Nlvr2Split {
    /// Ids and scenes, pair by pair, left before right.
    pub pictures: Vec<(String, Scene)>,
    /// The entries of the JSON file.
    pub data: Vec<Nlvr2>,
}

/// Draws `sets` sets; `name` is the file's name (`valid`), `official` the name in identifiers (`dev`).
pub fn make(
    seed: u64,
    recipe: &PictureRecipe,
    (name, official): (&str, &str),
    sets: usize,
    sentences: usize,
) -> Result<Nlvr2Split> {
    let mut split = Nlvr2Split { pictures: Vec::new(), data: Vec::new() };
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for set in 0..sets {
        let mut random = Random::named(seed, &format!("nlvr2/{official}/{set}"));
        // Most sets have enough sentences; the others are drawn again.
        let (scenes, chosen) = (0..100)
            .find_map(|_| {
                let scenes: [[Scene; 2]; PAIRS] = [(); PAIRS].map(|()| [(); 2].map(|()| draw(&mut random, recipe)));
                let chosen = choose(&mut random, &scenes, sentences, &uses)?;
                Some((scenes, chosen))
            })
            .ok_or_else(|| {
                Error::usage(format!("no {sentences} balanced sentences could be found for an NLVR2 set"))
            })?;
        let image = |pair: usize, side: usize| format!("{official}-{set}-{pair}-img{side}");
        for (k, (pattern, sent)) in chosen.into_iter().enumerate() {
            *uses.entry(sent.clone()).or_default() += 1;
            for pair in 0..PAIRS {
                split.data.push(Nlvr2 {
                    identifier: format!("{official}-{set}-{pair}-{k}"),
                    img0: image(pair, 0),
                    img1: image(pair, 1),
                    label: pattern >> pair & 1,
                    sent: sent.clone(),
                    uid: format!("nlvr2_{name}_{}", split.data.len()),
                });
            }
        }
        for (pair, both) in scenes.into_iter().enumerate() {
            for (side, scene) in both.into_iter().enumerate() {
                split.pictures.push((image(pair, side), scene));
            }
        }
    }
    Ok(split)
}

/// Writes one file of `data/nlvr2`.
pub fn write(folder: &Path, name: &str, data: &[Nlvr2]) -> Result<()> {
    write_json(&folder.join(format!("{name}.json")), &data)
}
