//! What a comparison goes by, and how much it names.

use super::image::Same;
use crate::features::golden_rows::Released;

/// What to compare by and how much to name.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// Least intersection over union of a pair of boxes.
    pub iou: f64,
    /// What makes a pair the same.
    pub same: Same,
    /// How many of the files count as rounded to float16 whatever their form.
    pub roundings: u8,
    /// Rows that were released, to look for in the reference.
    pub released: &'s [Released],
    /// How many images are named where they are in one file only or were resized.
    pub named: usize,
    /// How many of the worst images are named.
    pub worst: usize,
    /// Threads that compare.
    pub threads: usize,
}
