//! BERT's uncased tokeniser, piece for piece as pytorch-pretrained-BERT 0.6 cut the text the original was trained on.
//!
//! Only the WordPiece model of the `tokenizers` crate is used. Its BERT normaliser and pre-tokeniser follow other rules in
//! places where the original's can be observed: special entries are recognised inside words, the final sigma is not
//! lower-cased as one, one ideograph range is mistyped, and its character classes are of another Unicode version. Text
//! corrected beforehand would still pass through its old classes, so words are split here (`words`), with the classes of
//! Unicode 14 (`unicode14`). A word that is itself a vocabulary entry skips the WordPiece search.

#[cfg(test)]
mod tests;
mod unicode14;
mod wordpiece;
mod words;

pub use wordpiece::{Encoding, MAX_WORDS, Tokenizer};
