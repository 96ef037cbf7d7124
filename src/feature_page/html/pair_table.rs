//! Renders the table of an image's boxes in two files: pairs, and boxes without a partner.

use maud::{Markup, html};

use super::super::content::{ImageBoxes, ShownBox, ShownClass, ShownImage};
use super::box_table::{corners, key};
use super::mark::{Mark, MarkedRow};
use super::words;
use data::features::compare::MatchRules;
use judge::report::html::heads;

/// Renders the table. What is equal in a pair stands once.
pub(super) fn table(at: usize, image: &ShownImage, rules: &MatchRules, rows: &[MarkedRow]) -> Markup {
    let sides: Vec<&ImageBoxes> = image.sides.iter().flatten().collect();
    let [a, b] = sides[..] else { return html! {} };
    let has_classes = [a, b].into_iter().any(|side| side.boxes.iter().any(|shown| shown.object.is_some()));
    let columns: &[&str] = match has_classes {
        true => &["A", "B", "Compared", "Object", "Attribute", "Corners, pixels", "IoU"],
        false => &["A", "B", "Compared", "Corners, pixels", "IoU"],
    };
    html! {
        table class="listed pairs" {
            (heads(columns, &["IoU"]))
            tbody {
                @for (n, row) in rows.iter().enumerate() {
                    @let boxes = [(a, row.boxes[0]), (b, row.boxes[1])].map(|(side, place)| side.boxes.get(place?));
                    @let pair = row.pair.and_then(|pair| image.pairs.as_ref()?.get(pair));
                    tr class={ "r" (n + 1) } {
                        @for side in [0, 1] {
                            td { @if let Some(place) = row.boxes[side] { (key(at, side, place, row)) } @else { "–" } }
                        }
                        th scope="row" {
                            span class={ "state " (row.mark.class()) } { (state(row)) }
                            @if let Some(pair) = pair.filter(|pair| !pair.is_same) {
                                span class="under" { (words::differences(pair, rules).join(", ")) }
                            }
                        }
                        @if has_classes {
                            (both(boxes, |shown| named(shown.object.as_ref())))
                            (both(boxes, |shown| named(shown.attribute.as_ref())))
                        }
                        (both(boxes, |shown| corners(&shown.corners)))
                        td class="num" { (pair.map_or_else(|| "–".to_owned(), |pair| format!("{:.3}", pair.iou))) }
                    }
                }
            }
        }
    }
}

fn state(row: &MarkedRow) -> &'static str {
    match (row.mark, row.boxes) {
        (Mark::Same, _) => "same",
        (Mark::Alone, [_, None]) => "only in A",
        (Mark::Alone, [None, _]) => "only in B",
        _ => "changed",
    }
}

/// Renders a cell with what both boxes have: once if it is equal, else A's above B's.
fn both(boxes: [Option<&ShownBox>; 2], part: impl Fn(&ShownBox) -> Markup) -> Markup {
    let parts = boxes.map(|shown| shown.map(&part));
    html! {
        td {
            @match parts {
                [Some(a), Some(b)] => {
                    (a)
                    @if a.0 != b.0 { span class="other" { span class="whose" { "B: " } (b) } }
                }
                [one, other] => { @if let Some(part) = one.or(other) { (part) } }
            }
        }
    }
}

fn named(class: Option<&ShownClass>) -> Markup {
    html! {
        @if let Some(class) = class { (class.name) " " span class="muted" { (words::probability(class.probability)) } }
        @else { "–" }
    }
}
