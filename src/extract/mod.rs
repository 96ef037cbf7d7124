//! What turns images into obj36 features.
//!
//! - [`Extractor`]: one image after the other; [`extract_all`] writes a TSV with it;
//! - [`Backend`]: a whole list of images, resumed after a kill; any `Extractor` is one ([`PerImage`]);
//! - [`caffe`]: the original's script in its container, made good;
//! - [`run`]: from the list of images to the file that training reads: [`sets`] (which images, which names), [`list`]
//!   (what lies in the folder), [`order`], [`rows`] (judged as they grow), [`work`] (where they lie until all are there),
//!   [`mod@merge`], [`record`].

pub mod backend;
pub mod caffe;
mod extractor;
pub mod list;
pub mod merge;
pub mod order;
pub mod record;
pub mod rows;
pub mod run;
pub mod sets;
pub mod work;

pub use backend::{Backend, Details, Job, PerImage};
pub use extractor::{Extractor, ImageFile, Summary, extract_all};
pub use list::{Listed, Missing};
pub use sets::{Set, Source, Split};
