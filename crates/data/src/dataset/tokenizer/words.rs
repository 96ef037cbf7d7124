//! Splits text into the words that WordPiece cuts: cleans, lower-cases, removes accents, separates punctuation.

use unicode_normalization::UnicodeNormalization;

use super::unicode14::{CharClass, class};

/// Entries that are not split, but only alone between white space and in exactly this case.
pub(super) const SPECIAL: [&str; 5] = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"];

/// Calls `word` with each word of `text` in order.
pub(super) fn for_each_word(text: &str, word: impl FnMut(&str)) {
    // A special entry needs a bracket; without one, ASCII text can be cut byte by byte.
    if text.is_ascii() && memchr::memchr(b'[', text.as_bytes()).is_none() {
        ascii_words(text, word);
    } else {
        unicode_words(text, word);
    }
}

fn ascii_words(text: &str, mut word: impl FnMut(&str)) {
    let mut current = String::with_capacity(32);
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'0'..=b'9' | b'a'..=b'z' => current.push(char::from(b)),
            b'A'..=b'Z' => current.push(char::from(b.to_ascii_lowercase())),
            b' ' | b'\t' | b'\n' | b'\r' => flush(&mut current, &mut word),
            0x00..=0x1F | 0x7F => {}
            _ => {
                flush(&mut current, &mut word);
                word(&text[i..=i]);
            }
        }
    }
    flush(&mut current, &mut word);
}

fn unicode_words(text: &str, mut word: impl FnMut(&str)) {
    let cleaned = clean(text);
    let mut current = String::new();
    for token in cleaned.split([' ', '\u{2028}', '\u{2029}']) {
        if SPECIAL.contains(&token) {
            word(token);
            continue;
        }
        // Lower-casing sees the whole token: whether a capital sigma is final depends on its neighbours.
        for c in token.to_lowercase().nfd() {
            let punctuation = match class_of_any(c) {
                CharClass::Mark => continue,
                kind => kind == CharClass::Punctuation,
            };
            if punctuation {
                flush(&mut current, &mut word);
                word(c.encode_utf8(&mut [0; 4]));
            } else {
                current.push(c);
            }
        }
        flush(&mut current, &mut word);
    }
}

fn flush(current: &mut String, word: &mut impl FnMut(&str)) {
    if !current.is_empty() {
        word(current);
        current.clear();
    }
}

/// Drops what is no text, makes blanks plain, and puts blanks around ideographs.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match class_of_any(c) {
            // A mark (Mn) in Unicode 14 and not one since: its neighbour behaves as it did, in lower-casing too.
            _ if c == '\u{1171E}' => cleaned.push('\u{1171D}'),
            CharClass::Dropped => {}
            CharClass::Blank => cleaned.push(' '),
            _ if is_ideograph(c) => cleaned.extend([' ', c, ' ']),
            _ => cleaned.push(c),
        }
    }
    cleaned
}

fn class_of_any(c: char) -> CharClass {
    match c {
        ' ' | '\t' | '\n' | '\r' => CharClass::Blank,
        '\0'..='\x1F' | '\x7F' => CharClass::Dropped,
        _ if c.is_ascii_punctuation() => CharClass::Punctuation,
        _ if c.is_ascii() => CharClass::Plain,
        _ => class(c),
    }
}

/// Returns the ranges BERT calls CJK: ideographs only, neither kana nor hangul.
fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{4E00}'..='\u{9FFF}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{20000}'..='\u{2A6DF}'
        | '\u{2A700}'..='\u{2B73F}'
        | '\u{2B740}'..='\u{2B81F}'
        | '\u{2B820}'..='\u{2CEAF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{2F800}'..='\u{2FA1F}')
}
