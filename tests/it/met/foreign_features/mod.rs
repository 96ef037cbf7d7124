mod files;
/// bottom-up-attention's own six columns, which are read.
mod six_columns;

use files::{DATA, TSV, inspect, place, rows, said_of, single, store, text, train};
