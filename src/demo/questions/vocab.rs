//! Generates a small WordPiece vocabulary: BERT's special tokens, every printable ASCII character alone and as a continuation, and
//! the words of the demo.

use std::collections::BTreeSet;

/// BERT's special tokens; \[PAD\] must have the id 0.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Returns the lines of `vocab.txt` for these sentences and answers.
pub fn lines<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let characters: BTreeSet<char> = (' '..='~').filter(|c| !c.is_whitespace() && !c.is_ascii_uppercase()).collect();
    let words: BTreeSet<String> = texts
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()))
        .map(str::to_lowercase)
        .filter(|w| w.len() > 1)
        .collect();
    let single = characters.iter().map(char::to_string);
    let continued = characters.iter().filter(|c| c.is_ascii_alphanumeric()).map(|c| format!("##{c}"));
    SPECIAL.into_iter().map(String::from).chain(single).chain(continued).chain(words).collect()
}
