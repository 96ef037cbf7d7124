//! Renders the table of an image's boxes in one file.

use maud::{Markup, html};

use super::super::content::{ImageBoxes, ShownClass};
use super::mark::{MarkedRow, anchor};
use super::words;
use judge::report::html::heads;

/// Renders the table; `side` is the file's position.
pub(super) fn table(at: usize, side: usize, image: &ImageBoxes, rows: &[MarkedRow]) -> Markup {
    let has_classes = image.boxes.iter().any(|shown| shown.object.is_some());
    let columns: &[&str] = match has_classes {
        true => &["Box", "Object", "Prob.", "Attribute", "Prob.", "Corners, pixels"],
        false => &["Box", "Corners, pixels"],
    };
    html! {
        table class="listed" {
            (heads(columns, &["Prob."]))
            tbody {
                @for (n, row) in rows.iter().enumerate() {
                    @if let Some((place, shown)) = row.boxes[side].and_then(|place| Some((place, image.boxes.get(place)?))) {
                        tr class={ "r" (n + 1) } {
                            th scope="row" { (key(at, side, place, row)) }
                            @if has_classes { (class(shown.object.as_ref())) (class(shown.attribute.as_ref())) }
                            td { (corners(&shown.corners)) }
                        }
                    }
                }
            }
        }
    }
}

/// Renders the number of a box as a link to it in the picture.
pub(super) fn key(at: usize, side: usize, place: usize, row: &MarkedRow) -> Markup {
    html! { a class={ "key " (row.mark.class()) } href={ "#" (anchor(at, side, place)) } { (place + 1) } }
}

/// Renders the two corners, which stand below each other where there is little room.
pub(super) fn corners(corners: &[f32; 4]) -> Markup {
    let [x1, y1, x2, y2] = corners.map(words::pixels);
    html! { span class="corner" { (x1) ", " (y1) } " " span class="corner" { (x2) ", " (y2) } }
}

fn class(class: Option<&ShownClass>) -> Markup {
    html! {
        @match class {
            Some(class) => { td { (class.name) } td class="num" { (words::probability(class.probability)) } }
            None => { td {} td {} }
        }
    }
}
