//! Renders the page: one file without scripts that works offline, on paper, on a phone, and in the dark.
//!
//! `page` frames it; each image (`image`) has its pictures (`picture`, boxes in the style that `mark` gives) and a table of boxes
//! (`box_table`) or of pairs (`pair_table`). Rows and boxes light up together by style rules alone (`highlight`).

mod box_table;
mod highlight;
mod image;
mod mark;
mod page;
mod pair_table;
mod picture;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod words;

pub use page::render;
pub use words::tally;
