//! What differs between two feature files of the same images.
//!
//! Both files are read once, row by row on all cores, in memory that grows with the number of images and not with their
//! features. Neither rows nor boxes need be in the same order: rows are found by image, boxes are matched by overlap.
//!
//! - `input`: a TSV or a store as rows by image;
//! - `matching`: which box is which;
//! - `difference`, `image`: one pair of boxes, one image;
//! - `histogram`: quantiles in fixed memory;
//! - `run`: all images on all cores;
//! - `outcome`: the result; `show`: as a person reads it.

mod difference;
mod files;
mod histogram;
mod image;
mod input;
mod matching;
mod outcome;
mod run;
mod settings;
mod show;
mod spread;

pub use files::{Measured, measure};
pub use histogram::{QUANTILE_ERROR, Quantiles};
pub use image::Same;
pub use matching::MAX_BOXES;
pub use outcome::{Boxes, Features, File, Found, Images, Named, Resized, Speed, Worst};
pub use settings::Settings;
pub use show::{paragraph, short};
pub use spread::Spread;
