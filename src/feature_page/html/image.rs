//! Renders one image: its pictures, what readers should know about them, and the table of its boxes.

use maud::{Markup, html};

use super::super::content::{FeaturePage, ImageBoxes, ShownImage};
use super::mark::{MOST, MarkedRow};
use super::picture::picture;
use super::{box_table, pair_table, words};
use base::format::grouped;
use judge::report::html::scrolling;

/// Renders the image at a position of the page; `rows` are those of its table.
pub(super) fn section(at: usize, page: &FeaturePage, image: &ShownImage, rows: &[MarkedRow]) -> Markup {
    let sides: Vec<(usize, &ImageBoxes)> =
        image.sides.iter().enumerate().filter_map(|(side, boxes)| Some((side, boxes.as_ref()?))).collect();
    let hidden: usize = sides.iter().map(|(_, boxes)| boxes.boxes.len().saturating_sub(MOST)).sum();
    let two = page.files.len() > 1;
    html! {
        section class={ "image" @if !two { " one" } } id={ "image" (at + 1) } {
            div class="about-image" {
                h2 { (image.id) }
                p class="muted" { (words::summary(image, two)) "." }
                @if !image.notes.is_empty() { ul class="notes" { @for note in &image.notes { li { (note) } } } }
                @if hidden > 0 {
                    p class="muted" { (grouped(hidden as u64)) " boxes are not shown: at most " (MOST) " of each file are." }
                }
            }
            div class="sides" {
                @for (side, boxes) in &sides {
                    figure {
                        @if two { figcaption { strong { (["A", "B"][*side]) } " " span class="muted" { (words::size(boxes)) } } }
                        (picture(at, *side, image, boxes, rows))
                    }
                }
            }
            (table(at, page, image, &sides, rows))
        }
    }
}

fn table(
    at: usize,
    page: &FeaturePage,
    image: &ShownImage,
    sides: &[(usize, &ImageBoxes)],
    rows: &[MarkedRow],
) -> Markup {
    let table = match (&page.rules, sides) {
        (Some(shown), _) if image.pairs.is_some() => pair_table::table(at, image, &shown.rules, rows),
        (_, [(side, boxes), ..]) => box_table::table(at, *side, boxes, rows),
        _ => return html! {},
    };
    scrolling(&format!("Boxes of image {}, {}", at + 1, image.id), &table)
}
