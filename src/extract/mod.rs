//! Extracts obj36 features from images.
//!
//! - [`Extractor`]: extracts one image at a time; [`extract_all`] writes a TSV with it;
//! - [`Backend`]: extracts a whole list of images and can resume; any `Extractor` can be one ([`PerImage`]);
//! - [`caffe`]: the original's script in its container, with its gaps closed;
//! - [`native`]: the original's detector on libtorch, in workers;
//! - [`auto`]: chooses between these two;
//! - [`extraction`]: from the list of images to the file that training reads, by means of [`image_sets`] (sets and their file
//!   names), [`image_list`] (images in the folder), [`image_ids`] (images that a file names), [`row_order`], [`rows`] (validation of rows as they appear), [`work_dir`] (the
//!   folder of an unfinished extraction), [`mod@merge`] and [`record`].

pub mod auto;
pub mod backend;
pub mod caffe;
pub mod extraction;
mod extractor;
pub mod gpu_list;
pub mod image_ids;
pub mod image_list;
pub mod image_sets;
pub mod merge;
pub mod native;
pub mod npz;
pub mod record;
pub mod row_order;
pub mod rows;
mod split;
pub mod work_dir;

pub use backend::{Backend, ExtractionDetails, ExtractionJob, PerImage};
pub use extractor::{Extractor, ImageFile, TsvSummary, extract_all};
pub use image_list::{ListedImage, MissingImage};
pub use image_sets::{ImageSet, ImageSource, Split};
