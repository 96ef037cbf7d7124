//! A page that shows the boxes of feature files on their pictures: one file, or two side by side with what differs.
//!
//! - `content`: the page as plain data;
//! - [`html`]: renders it as one file without scripts;
//! - `gather`: makes it from feature files and a folder of pictures, by means of `names` (of classes), `locate` (which file is of
//!   which image) and `embed` (from a file to a picture on the page).

mod content;
mod embed;
mod gather;
pub mod html;
mod locate;
mod names;

pub use content::{
    BoxTally, FeaturePage, ImageBoxes, ShownBox, ShownClass, ShownFile, ShownImage, ShownPicture, ShownRules,
};
pub use gather::{CompareWith, GatheredPage, PageRequest, gather};
pub use names::ClassNames;
