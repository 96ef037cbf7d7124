//! What a page of boxes shows, as plain data.

use data::features::compare::{MatchRules, MatchedBoxes};

/// A page with the boxes of one feature file, or of a reference A and a candidate B.
#[derive(Debug, Clone, PartialEq)]
pub struct FeaturePage {
    /// Heading.
    pub title: String,
    /// Name and version of the program that made the page.
    pub program: String,
    /// The files, one or two.
    pub files: Vec<ShownFile>,
    /// Where the names of classes come from, or how to get them; empty if no box has a class.
    pub names: String,
    /// What makes boxes of two files the same; `None` for one file.
    pub rules: Option<ShownRules>,
    /// The images, in the page's order.
    pub images: Vec<ShownImage>,
    /// Number of images of the first file that are not on the page.
    pub more_images: u64,
}

/// A feature file that the page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownFile {
    /// Its name.
    pub name: String,
    /// Its kind, such as `obj36 TSV`.
    pub kind: String,
    /// Number of images.
    pub images: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its content; `None` if it was not computed.
    pub sha256: Option<String>,
}

/// The rules by which boxes of two files differ.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownRules {
    /// Where the limits come from, such as a level of a golden file.
    pub source: String,
    /// The limits.
    pub rules: MatchRules,
}

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownImage {
    /// Image id.
    pub id: String,
    /// Its picture.
    pub picture: ShownPicture,
    /// What readers should know before they trust the picture, a sentence each.
    pub notes: Vec<String>,
    /// The boxes in each file, in the order of [`FeaturePage::files`]; `None` if the file does not have the image.
    pub sides: Vec<Option<ImageBoxes>>,
    /// The pairs of boxes of both files, in A's order; `None` unless both files have the image.
    pub pairs: Option<Vec<MatchedBoxes>>,
}

/// A picture below the boxes.
#[derive(Debug, Clone, PartialEq)]
pub enum ShownPicture {
    /// The picture itself.
    Embedded {
        /// Pixels in a row, as it is shown: after any rotation that its file asks for.
        width: u32,
        /// Rows.
        height: u32,
        /// A `data:` address with the bytes of the file.
        address: String,
    },
    /// The reason why there is none.
    Missing(String),
}

/// The boxes of one image in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageBoxes {
    /// Width of the image in pixels, as the file has it.
    pub width: u32,
    /// Height of the image in pixels, as the file has it.
    pub height: u32,
    /// The boxes in the file's order.
    pub boxes: Vec<ShownBox>,
}

/// A box.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownBox {
    /// x1, y1, x2, y2 in pixels.
    pub corners: [f32; 4],
    /// Its object class; `None` if the file has no classes.
    pub object: Option<ShownClass>,
    /// Its attribute class; `None` if the file has no classes.
    pub attribute: Option<ShownClass>,
}

/// A class of a box.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownClass {
    /// Its name, or its number if the name is not known.
    pub name: String,
    /// Probability of the class.
    pub probability: f32,
}

/// Boxes of an image in two files, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BoxTally {
    /// Pairs of boxes that are the same.
    pub same: usize,
    /// Pairs of boxes that differ.
    pub changed: usize,
    /// Boxes of A and of B without a partner.
    pub alone: [usize; 2],
}

impl ShownImage {
    /// Counts the boxes of both files; `None` unless both have the image.
    pub fn tally(&self) -> Option<BoxTally> {
        let pairs = self.pairs.as_ref()?;
        let same = pairs.iter().filter(|pair| pair.is_same).count();
        let boxes = |side: usize| self.sides.get(side)?.as_ref().map(|side| side.boxes.len());
        let alone = [0, 1].map(|side| boxes(side).unwrap_or(0).saturating_sub(pairs.len()));
        Some(BoxTally { same, changed: pairs.len() - same, alone })
    }
}

impl BoxTally {
    /// Adds the counts of another image.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let alone = [0, 1].map(|side| self.alone[side] + other.alone[side]);
        Self { same: self.same + other.same, changed: self.changed + other.changed, alone }
    }
}
