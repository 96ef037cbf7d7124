//! Compares two feature files of the same images.
//!
//! Both files are read once, row by row on all cores, in memory that grows with the number of images and not with their
//! features. The order of rows and boxes does not matter: rows are found by image, boxes are matched by overlap.
//!
//! - `input`: a TSV or a store as rows by image;
//! - `matching`: matches boxes;
//! - `difference`, `image`: one pair of boxes, one image;
//! - `histogram`: quantiles in fixed memory;
//! - `run`: all images on all cores;
//! - `outcome`: the result; `show`: the text for people.

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

pub use files::{FeatureMeasurement, measure};
pub use histogram::{QUANTILE_ERROR, Quantiles};
pub use image::SameBoxBounds;
pub use matching::MAX_BOXES;
pub use outcome::{
    BoxCounts, CompareSpeed, ComparedFile, FeatureComparison, FeatureDifferences, ImageCounts, NamedImages,
    ResizedImage, WorstImage,
};
pub use settings::CompareSettings;
pub use show::short;
pub use spread::DifferenceSpread;
