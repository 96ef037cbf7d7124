//! The sentences and numbers of the page.

use super::super::content::{BoxTally, ImageBoxes, ShownImage, ShownRules};
use base::format::{grouped, number_of};
use data::features::compare::{MatchRules, MatchedBoxes, short};

/// Returns how the boxes of two files compare, such as `34 pairs the same, 1 changed; without a partner: 1 in A, 1 in B`.
pub fn tally(tally: &BoxTally) -> String {
    let pairs = number_of((tally.same + tally.changed) as u64, "pair");
    let mut text = match tally.changed {
        0 => format!("{pairs}, all the same"),
        changed => format!("{pairs}, {changed} of them changed"),
    };
    if tally.same + tally.changed == 0 {
        text = "no box has a partner".to_owned();
    }
    match tally.alone {
        [0, 0] => text,
        [a, b] => format!("{text}; without a partner: {a} in A, {b} in B"),
    }
}

/// Returns what there is of an image: how its boxes compare, which file has it, or its size. `two`: whether the page is about two files.
pub(super) fn summary(image: &ShownImage, two: bool) -> String {
    match (image.tally(), &image.sides[..]) {
        (Some(found), _) => tally(&found),
        (None, [Some(_), ..]) if two => "only in A".to_owned(),
        (None, [None, Some(_)]) => "only in B".to_owned(),
        (None, [Some(boxes), ..]) => size(boxes),
        (None, _) => "no boxes".to_owned(),
    }
}

/// Returns what differs in a pair; empty if it is the same.
pub(super) fn differences(pair: &MatchedBoxes, rules: &MatchRules) -> Vec<String> {
    let same = &rules.same;
    let beyond = |value: f32, most: f64| (f64::from(value) > most).then(|| short(value.into()));
    [
        pair.object_differs.then(|| "other object".to_owned()),
        pair.attribute_differs.then(|| "other attribute".to_owned()),
        beyond(pair.pixels, same.pixels).map(|by| format!("moved by {by} px")),
        beyond(pair.probability, same.probability).map(|by| format!("probability by {by}")),
        beyond(pair.feature, same.feature).map(|by| format!("features by {by}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns what makes boxes partners, and partners the same.
pub(super) fn rules(shown: &ShownRules) -> String {
    let MatchRules { iou, same, roundings } = &shown.rules;
    let rounding = if *roundings > 0 { ", beside what half precision explains" } else { "" };
    format!(
        "Boxes are matched one to one by overlap (IoU of at least {iou}). Partners are the same if their classes are equal, their \
         corners within {} pixels, their probabilities within {} and their features within {}{rounding} ({}).",
        same.pixels, same.probability, same.feature, shown.source
    )
}

/// Returns the size of an image and its number of boxes.
pub(super) fn size(side: &ImageBoxes) -> String {
    format!("{} x {} pixels, {}", side.width, side.height, boxes(side))
}

/// Returns the number of boxes with the noun.
pub(super) fn boxes(side: &ImageBoxes) -> String {
    match side.boxes.len() {
        1 => "1 box".to_owned(),
        many => format!("{} boxes", grouped(many as u64)),
    }
}

/// Returns a coordinate in pixels with at most one decimal.
pub(super) fn pixels(value: f32) -> String {
    let rounded = (f64::from(value) * 10.0).round() / 10.0;
    if rounded.is_finite() { format!("{}", rounded + 0.0) } else { "?".to_owned() }
}

/// Returns a probability with two decimals.
pub(super) fn probability(value: f32) -> String {
    format!("{value:.2}")
}
