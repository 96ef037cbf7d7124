/// Feature files of other programs, and files that no detector gives.
mod files;
/// Shared helpers.
mod helpers;
/// bottom-up-attention's own six columns, which are read.
mod six_columns;
/// Feature stores that were changed, are old, or hold impossible classes.
mod stores;

use helpers::{DATA, TSV, inspect, place, rows, said_of, single, store, text, train};
