//! The obj36 TSV and the mapped feature store.
