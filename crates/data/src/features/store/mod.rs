//! The feature store: one safetensors file per feature set, memory-mapped, rows in the source's order.
//!
//! | tensor | type | shape | |
//! |---|---|---|---|
//! | `features` | F32 or F16 | (n, boxes, dim) | |
//! | `boxes` | F32 | (n, boxes, 4) | x1 y1 x2 y2 in pixels |
//! | `objects_conf`, `attrs_conf` | F32 | (n, boxes) | |
//! | `image_sizes` | U32 | (n, 2) | width, height |
//! | `objects_id`, `attrs_id` | U16 | (n, boxes) | |
//! | `id_offsets` | U64 | (n + 1) | where each id begins in `id_bytes` |
//! | `id_bytes` | U8 | (bytes) | UTF-8 |
//!
//! A store of features without classes (bottom-up-attention's six columns) lacks `objects_conf`, `attrs_conf`, `objects_id`
//! and `attrs_id`, and its metadata say `classes: none`.
//!
//! `__metadata__` holds the schema, the source's fingerprint, the counts and the precision.
//!
//! Two small files lie beside a store: `STORE.source.json` says which TSV it was made from, `STORE.receipt.json` what the
//! store itself was when it was built. Without them both are read again in full, once.

mod build;
mod format;
mod mapped;
mod precision;
mod receipt;
mod sidecar;
mod stream;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
mod writer;

pub use build::{build_store, ensure_store, known_store, own_store, store_without_tsv};
pub use mapped::FeatureStore;
pub use precision::{Precision, StoreSource};
pub use stream::{StreamOutcome, store_stream};
pub use writer::StoreWriter;
