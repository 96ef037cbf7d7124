//! The obj36 TSV, bottom-up-attention's own TSV, and the mapped feature store.
//!
//! - [`tsv`]: streaming reader and writer, which name every kind of damage;
//! - [`store`]: a memory-mapped safetensors file that training and evaluation read;
//! - [`store_stream`]: writes a TSV and its store in one pass while the archive is unpacked;
//! - [`ensure_store`]: builds the store of a TSV once and finds it again by content;
//! - [`OpenFeatures`]: a TSV or a store as rows by image;
//! - [`inspect()`]: reports what a feature file contains and what is wrong with it;
//! - [`compare`]: compares two feature files;
//! - [`mod@bench`]: measures the reader's throughput on a generated file of real size.

pub mod bench;
mod column;
pub mod compare;
pub mod error;
pub mod foreign_format;
pub mod ids;
pub mod inspect;
mod limits;
mod open_features;
pub mod released_rows;
pub mod row;
mod row_check;
pub mod row_error;
mod statistics;
pub mod store;
#[doc(hidden)]
pub mod testing;
pub mod tsv;
mod values;

pub use column::TsvLayout;
pub use error::{BoxLayout, Column, RowDamage};
pub use ids::IdClue;
pub use inspect::{Inspection, inspect};
pub use limits::{
    ATTRIBUTE_CLASSES, BOX_TOLERANCE, MAX_IMAGE_SIDE, MAX_ROW_BYTES, OBJECT_CLASSES, RELEASED_BOXES, RELEASED_WIDTH,
};
pub use open_features::OpenFeatures;
pub use row::Row;
pub use row_error::{RowError, TsvError};
pub use store::{
    FeatureStore, Precision, StoreWriter, StreamOutcome, build_store, ensure_store, known_store, own_store,
    store_stream, store_without_tsv,
};
