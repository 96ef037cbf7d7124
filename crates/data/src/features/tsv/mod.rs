//! The released feature format: tab-separated, no header, ten columns, arrays as base64 of little-endian values (src/utils.py
//! `load_obj_tsv` @ 0db1182; written by the extractor with CRLF line ends). bottom-up-attention's own files have six of these
//! columns, width before height, and are read too; the first good row tells which ([`TsvLayout`](super::TsvLayout)). Only the ten
//! are written.
//!
//! Where the original (Python's `csv` and `base64`) is lenient and that is harmless, so is this reader: CRLF or LF,
//! blank lines, no line end after the last row, blanks around whole numbers, fields enclosed in quotes.
//! Where it raises without a place, this reader names file, line and column. Where it continues with damaged data,
//! this reader stops:
//!
//! | input | the original | here |
//! |---|---|---|
//! | a row of the other layout | raises, or ignores its rest | `other-layout` |
//! | more than ten columns | ignores the rest (glued rows load as one wrong image) | `glued-rows` or `too-many-columns` |
//! | characters that are not base64 | skips them, shifting all values behind | `bad-base64` with the offset |
//! | text behind base64 padding, stray bits in the last character | ignored | `bad-base64` |
//! | the same image twice | the later row wins, both count towards `topk` | `duplicate-image` with the first line |
//! | a quoted field with a tab or a line end inside, or text behind the closing quote | joins them | `bad-quote` |
//! | `+480`, `4_80`, Unicode digits | whole numbers | `not-a-number` |
//! | a lone carriage return | ends the row | part of the field, hence an error there |
//! | NaN and infinity in features or confidences | loads | `not-finite` |
//! | class ids outside 0..1600 and 0..400 | loads | `class-id` |
//! | features whose dimension differs from row to row | loads | `other-shape` |
//! | image sides of 0 or less | divides by them | `image-size` or `not-a-number` |
//! | an image with another number of boxes than the first | loads; fails when a batch is made | `other-shape` |
//! | a box outside the image | assertion when an example is drawn, hours later | `box-outside-image` when read |
//! | corners the wrong way round, or as shares of the sides | loads | `inverted-box`, `boxes-normalised` |
//! | all boxes of an image alike, or their features | loads | `same-boxes`, `same-features`, `constant-features` |
//! | negative or absurd features | loads | `negative-feature`, `absurd-feature` |
//! | features as half or double precision | loads, as other numbers | `number-width` |
//! | probabilities outside 0 to 1 | loads | `probability` |
//! | a UTF-8 byte order mark | becomes part of the first id | taken off |
//! | another program's file | raises, or loads as something else | `not-a-tsv`, with what it is |
//!
//! Not recognised, for want of anything to compare with: changed base64 that still decodes to possible values, and rows
//! glued inside the image id of the file's very first row.

mod columns;
mod diagnose;
mod index;
mod lines;
mod parse;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use columns::read_line;
pub use index::TsvIndex;
pub use reader::{BoxCounts, TsvReader};
pub use writer::TsvWriter;
