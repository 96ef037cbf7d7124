//! Compares two feature files of the same images.
//!
//! Both files are read once, row by row on all cores, in memory that grows with the number of images and not with their
//! features. The order of rows and boxes does not matter: rows are found by image, boxes are matched by overlap.
//!
//! - `matching`: matches boxes;
//! - `rules`: what makes boxes a pair, and a pair the same;
//! - `difference`, `pair`, `image`: features, one pair of boxes, one image;
//! - `histogram`: quantiles in fixed memory;
//! - `run`: all images on all cores;
//! - `outcome`: the result; `show`: the text for people.

mod difference;
mod files;
mod histogram;
mod image;
mod matching;
mod outcome;
mod pair;
mod rules;
mod run;
mod settings;
mod show;
mod spread;

pub use files::{FeatureMeasurement, measure};
pub use histogram::{QUANTILE_ERROR, Quantiles};
pub use matching::MAX_BOXES;
pub use outcome::{
    BoxCounts, CompareSpeed, ComparedFile, FeatureComparison, FeatureDifferences, ImageCounts, NamedImages,
    ResizedImage, WorstImage,
};
pub use pair::{MatchedBoxes, match_boxes};
pub use rules::{MatchRules, SameBoxBounds};
pub use settings::CompareSettings;
pub use show::short;
pub use spread::DifferenceSpread;
