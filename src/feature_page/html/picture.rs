//! Renders a picture with the boxes of one file over it.

use maud::{Markup, html};

use super::super::content::{ImageBoxes, ShownBox, ShownImage, ShownPicture};
use super::mark::{MarkedRow, anchor};
use super::words;

/// Renders the picture of the image at a position of the page, with the boxes of one of its files.
pub(super) fn picture(at: usize, side: usize, image: &ShownImage, boxes: &ImageBoxes, rows: &[MarkedRow]) -> Markup {
    let (width, height) = (boxes.width.max(1), boxes.height.max(1));
    let label = format!("{} in {}", words::boxes(boxes), image.id);
    match &image.picture {
        ShownPicture::Embedded { width: shown_width, height: shown_height, address } => html! {
            div class="picture" {
                img alt=(image.id) src=(address) width=(shown_width) height=(shown_height);
                // Where sizes differ, the boxes are scaled to the picture.
                (drawing(&label, [*shown_width, *shown_height], html! {
                    @let scale = [0, 1].map(|i| f64::from([*shown_width, *shown_height][i]) / f64::from([width, height][i]));
                    @if scale == [1.0, 1.0] { (drawn(at, side, boxes, rows)) } @else {
                        g transform={ "scale(" (scale[0]) " " (scale[1]) ")" } { (drawn(at, side, boxes, rows)) }
                    }
                }))
            }
        },
        ShownPicture::Missing(why) => html! {
            div class="picture empty" { (drawing(&label, [width, height], drawn(at, side, boxes, rows))) }
            p class="missing" { "No picture: " (why) "." }
        },
    }
}

fn drawing(label: &str, [width, height]: [u32; 2], boxes: Markup) -> Markup {
    // The size of numbers follows the longer side; the style makes them larger on a phone.
    let text = f64::from(width.max(height)) / 42.0;
    html! {
        svg class="boxes" role="img" aria-label=(label) viewBox={ "0 0 " (width) " " (height) } font-size=(format!("{text:.1}")) { (boxes) }
    }
}

/// Renders the boxes, large ones first, so that small ones can be pointed at.
fn drawn(at: usize, side: usize, image: &ImageBoxes, rows: &[MarkedRow]) -> Markup {
    let area = |shown: &ShownBox| {
        let [x1, y1, x2, y2] = shown.corners;
        (x2 - x1) * (y2 - y1)
    };
    let numbered = rows.iter().enumerate().filter_map(|(n, row)| Some((n, row, row.boxes[side]?)));
    let mut boxes: Vec<_> =
        numbered.filter_map(|(n, row, place)| Some((n, row, place, image.boxes.get(place)?))).collect();
    boxes.sort_by(|a, b| area(b.3).total_cmp(&area(a.3)));
    html! {
        @for (n, row, place, shown) in boxes {
            @let [x1, y1, x2, y2] = shown.corners;
            @let [x, y, width, height] = [x1, y1, (x2 - x1).max(0.0), (y2 - y1).max(0.0)].map(words::pixels);
            g id=(anchor(at, side, place)) class={ "b" (n + 1) " " (row.mark.class()) } {
                title { (place + 1) @if let Some(told) = told(shown) { ": " (told) } }
                @for class in ["edge", "line"] { rect class=(class) x=(x) y=(y) width=(width) height=(height) {} }
                text x=(x) y=(y) dx=".2em" dy="1em" { (place + 1) }
            }
        }
    }
}

/// Returns the classes of a box for those who point at it.
fn told(shown: &ShownBox) -> Option<String> {
    let object = shown.object.as_ref()?;
    let attribute = shown.attribute.as_ref().map_or_else(String::new, |attribute| {
        format!(", {} {}", attribute.name, words::probability(attribute.probability))
    });
    Some(format!("{} {}{attribute}", object.name, words::probability(object.probability)))
}
