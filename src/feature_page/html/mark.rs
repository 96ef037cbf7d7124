//! How a box is drawn and marked, in its picture and in the table alike.

use super::super::content::ShownImage;

/// Maximum number of boxes of an image that are drawn and listed; the rest is counted.
pub(super) const MOST: usize = 300;
/// Number of colours for the boxes of one file (`.c0` to `.c5` of the style).
const COLOURS: usize = 6;

/// What became of a box in the other file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is no other file: a colour that tells neighbours apart.
    Plain(usize),
    /// Its partner is the same.
    Same,
    /// Its partner differs.
    Changed,
    /// It has no partner.
    Alone,
}

impl Mark {
    pub(super) fn class(self) -> String {
        match self {
            Self::Plain(colour) => format!("c{colour}"),
            Self::Same => "same".to_owned(),
            Self::Changed => "changed".to_owned(),
            Self::Alone => "alone".to_owned(),
        }
    }
}

/// A row of the table: a box, or a pair of boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MarkedRow {
    /// Position of the box in each file; `None` if it has no partner there.
    pub boxes: [Option<usize>; 2],
    /// Position of the pair in [`ShownImage::pairs`].
    pub pair: Option<usize>,
    pub mark: Mark,
}

/// Returns the rows of an image's table: the boxes of its only file; or the pairs in A's order, boxes of A without a partner among
/// them, then those of B. At most [`MOST`] of each file.
pub(super) fn rows(image: &ShownImage) -> Vec<MarkedRow> {
    let boxes = |side: usize| image.sides.get(side).and_then(Option::as_ref).map_or(0, |side| side.boxes.len());
    let Some(pairs) = &image.pairs else {
        let side = usize::from(image.sides.first().is_none_or(Option::is_none));
        let alone = |at: usize| {
            let mut boxes = [None; 2];
            boxes[side] = Some(at);
            let mark = if image.sides.len() == 1 { Mark::Plain(at % COLOURS) } else { Mark::Alone };
            MarkedRow { boxes, pair: None, mark }
        };
        return (0..boxes(side).min(MOST)).map(alone).collect();
    };
    let mut partners = [vec![None; boxes(0)], vec![None; boxes(1)]];
    for (at, pair) in pairs.iter().enumerate() {
        (partners[0][pair.a], partners[1][pair.b]) = (Some(at), Some(at));
    }
    let of_a = partners[0].iter().enumerate().take(MOST).map(|(at, pair)| match pair {
        Some(pair) => {
            let mark = if pairs[*pair].is_same { Mark::Same } else { Mark::Changed };
            MarkedRow { boxes: [Some(at), Some(pairs[*pair].b)], pair: Some(*pair), mark }
        }
        None => MarkedRow { boxes: [Some(at), None], pair: None, mark: Mark::Alone },
    });
    let alone_in_b = partners[1].iter().enumerate().filter(|(_, pair)| pair.is_none()).take(MOST);
    let of_b = alone_in_b.map(|(at, _)| MarkedRow { boxes: [None, Some(at)], pair: None, mark: Mark::Alone });
    of_a.chain(of_b).collect()
}

/// Returns the name of a box as the target of links; `image` counts from 0.
pub(super) fn anchor(image: usize, side: usize, at: usize) -> String {
    format!("box{}{}-{}", image + 1, ["a", "b"][side.min(1)], at + 1)
}
