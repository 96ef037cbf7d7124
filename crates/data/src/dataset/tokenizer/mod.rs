//! BERT's uncased tokeniser, piece for piece as pytorch-pretrained-BERT 0.6 cut the text the original was trained on.
//!
//! Of the `tokenizers` crate only the WordPiece model is used. Its BERT normaliser and pre-tokeniser follow other rules in
//! places where the original's can be observed: special entries are recognised inside words, the final sigma is not
//! lower-cased as one, one ideograph range is mistyped, and its character classes are of another Unicode version. Text put
//! right beforehand would pass through its (old) classes once more, so the words are made here (`words`), with the
//! classes of Unicode 14 (`unicode14`); a word that is a vocabulary entry as it stands skips the WordPiece search.

#[cfg(test)]
mod tests;
mod unicode14;
mod wordpiece;
mod words;

pub use wordpiece::{Encoding, MAX_WORDS, Tokenizer};
