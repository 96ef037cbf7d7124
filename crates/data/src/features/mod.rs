//! The obj36 TSV, bottom-up-attention's own TSV, and the mapped feature store.
//!
//! - [`tsv`]: streaming reader and writer, naming every kind of damage;
//! - [`store`]: one safetensors file, memory-mapped, that training and evaluation read;
//! - [`store_stream`]: TSV and store in one pass over what comes out of an archive;
//! - [`ensure_store`]: builds the store of a TSV once and finds it again by content;
//! - [`inspect()`]: what is in such a file and what is wrong with it;
//! - [`compare`]: what differs between two such files;
//! - [`mod@bench`]: the reader's throughput on a generated file of real size.

pub mod bench;
mod column;
pub mod compare;
pub mod damage;
pub mod foreign;
pub mod golden_rows;
pub mod ids;
pub mod inspect;
mod limits;
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
pub use damage::{BoxLayout, Column, Damage};
pub use ids::IdClue;
pub use inspect::{Inspection, inspect};
pub use limits::{
    ATTRIBUTE_CLASSES, BOX_TOLERANCE, MAX_IMAGE_SIDE, MAX_ROW_BYTES, OBJECT_CLASSES, RELEASED_BOXES, RELEASED_WIDTH,
};
pub use row::Row;
pub use row_error::{RowError, TsvError};
pub use store::{
    FeatureStore, Precision, StoreWriter, Streamed, build_store, ensure_store, known_store, own_store, store_stream,
    store_without_tsv,
};
