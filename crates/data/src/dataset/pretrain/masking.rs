//! Selects the words and boxes to mask (section 3.1 of the paper), as functions of given random draws.

use super::random::RandomDraws;
use base::error::{Error, Result};

/// The position is not predicted.
pub const IGNORED: i64 = -1;

/// What happens to a selected position. The draw that selects it decides this too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unselected,
    Hidden,
    Replaced,
    Unchanged,
}

fn fate(rate: f64, draw: f64) -> Fate {
    if draw >= rate {
        return Fate::Unselected;
    }
    match draw / rate {
        share if share < 0.8 => Fate::Hidden,
        share if share < 0.9 => Fate::Replaced,
        _ => Fate::Unchanged,
    }
}

/// A sentence's pieces with some of them hidden, and what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedWords {
    /// Ids, as many as there were.
    pub ids: Vec<u32>,
    /// The original id at positions to predict, otherwise [`IGNORED`].
    pub labels: Vec<i64>,
}

/// Selects pieces with probability `rate`: 80 % of them become `mask_id`, 10 % any entry of the vocabulary (special and
/// unused ones included), 10 % stay. Takes one draw per piece, and one more if an entry is chosen.
pub fn mask_words(
    pieces: &[u32],
    rate: f64,
    vocab_size: usize,
    mask_id: u32,
    draws: &mut impl RandomDraws,
) -> MaskedWords {
    let mut ids = pieces.to_vec();
    let mut labels = vec![IGNORED; pieces.len()];
    for (id, label) in ids.iter_mut().zip(&mut labels) {
        let original = *id;
        match fate(rate, draws.unit()) {
            Fate::Unselected => continue,
            Fate::Hidden => *id = mask_id,
            Fate::Replaced => *id = u32::try_from(draws.below(vocab_size)).unwrap_or(original),
            Fate::Unchanged => {}
        }
        *label = i64::from(original);
    }
    MaskedWords { ids, labels }
}

/// A change of the features of one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxChange {
    /// Not selected: nothing, and no regression loss.
    Unselected,
    /// Zeros.
    Zeroed,
    /// The features of a box of another example of the training set (also when validating).
    Borrowed {
        /// The example's position among those that can be trained on.
        example: usize,
        /// Which of its boxes.
        from_box: usize,
    },
    /// Selected, yet left as it is.
    Kept,
}

/// Selects boxes with probability `rate`: 80 % zeroed, 10 % borrowed from any box of any of the training set's `examples`,
/// 10 % kept. Takes one draw per box, and two more if one is borrowed.
pub fn mask_boxes(boxes: usize, rate: f64, examples: usize, draws: &mut impl RandomDraws) -> Vec<BoxChange> {
    let change = |_| match fate(rate, draws.unit()) {
        Fate::Unselected => BoxChange::Unselected,
        Fate::Hidden => BoxChange::Zeroed,
        Fate::Replaced => BoxChange::Borrowed { example: draws.below(examples), from_box: draws.below(boxes) },
        Fate::Unchanged => BoxChange::Kept,
    };
    (0..boxes).map(change).collect()
}

/// Carries changes out on features of shape (boxes, `width`), row by row. `borrow` gives the features of a box of an
/// example into a row of `width`. Returns the loss mask: 1 for every selected box, kept ones included, else 0.
pub fn change_boxes(
    features: &mut [f32],
    width: usize,
    changes: &[BoxChange],
    mut borrow: impl FnMut(usize, usize, &mut [f32]) -> Result<()>,
) -> Result<Vec<f32>> {
    if changes.len().checked_mul(width) != Some(features.len()) {
        return Err(Error::bug(format!("{} changes of width {width} for {} features", changes.len(), features.len())));
    }
    let mut mask = Vec::with_capacity(changes.len());
    for (row, change) in features.chunks_exact_mut(width.max(1)).zip(changes) {
        match *change {
            BoxChange::Unselected | BoxChange::Kept => {}
            BoxChange::Zeroed => row.fill(0.0),
            BoxChange::Borrowed { example, from_box } => borrow(example, from_box, row)?,
        }
        mask.push(if *change == BoxChange::Unselected { 0.0 } else { 1.0 });
    }
    Ok(mask)
}
