//! Limits of the values in a row of features.

/// Boxes of an image in the released files (MIN_BOXES, MAX_BOXES of the original's extractor).
pub const RELEASED_BOXES: usize = 36;
/// Features of a box in the released files (pool5_flat).
pub const RELEASED_WIDTH: usize = 2048;
/// Object classes of the detector (Visual Genome, background not counted): ids run over `0..1600`.
pub const OBJECT_CLASSES: i64 = 1600;
/// Attribute classes of the detector (background not counted): ids run over `0..400`.
pub const ATTRIBUTE_CLASSES: i64 = 400;
/// Distance that a normalised box coordinate may lie outside `[0, 1]`, exclusively (src/tasks/vqa_data.py @ 0db1182).
pub const BOX_TOLERANCE: f64 = 1e-5;
/// Largest image side accepted, in pixels: whole numbers up to here are exact in float32.
pub const MAX_IMAGE_SIDE: u32 = (1 << 24) - 1;
/// Longest row accepted, in bytes of text; a row of 36 boxes with 2048 features has 395,182.
pub const MAX_ROW_BYTES: usize = 64 << 20;
