//! Character classes as the original tokeniser saw them: the general categories of Unicode 14.
//!
//! The results to reproduce were tokenised with a Python whose tables stop at Unicode 14; characters assigned later were
//! "unassigned" there and vanish from the text.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// How the tokeniser treats a character outside ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CharClass {
    /// Category C*: control, format, private use, unassigned; also U+FFFD. Removed.
    Dropped,
    /// Category Zs: becomes a blank.
    Blank,
    /// Category Mn: removed after decomposition.
    Mark,
    /// Category P*: a word of its own.
    Punctuation,
    /// Part of a word.
    Plain,
}

/// Returns the class of a character outside ASCII.
pub(super) fn class(c: char) -> CharClass {
    if c == '\u{FFFD}' || assigned_after_14(c) {
        return CharClass::Dropped;
    }
    match get_general_category(c) {
        Category::Control | Category::Format | Category::PrivateUse | Category::Surrogate | Category::Unassigned => {
            CharClass::Dropped
        }
        Category::SpaceSeparator => CharClass::Blank,
        Category::NonspacingMark => CharClass::Mark,
        Category::ConnectorPunctuation
        | Category::DashPunctuation
        | Category::OpenPunctuation
        | Category::ClosePunctuation
        | Category::InitialPunctuation
        | Category::FinalPunctuation
        | Category::OtherPunctuation => CharClass::Punctuation,
        _ => CharClass::Plain,
    }
}

fn assigned_after_14(c: char) -> bool {
    let after = ASSIGNED_AFTER_14.partition_point(|&(first, _)| first <= c);
    after > 0 && c <= ASSIGNED_AFTER_14[after - 1].1
}

/// First and last of each run of characters that Unicode 15, 15.1 or 16 assigned.
#[rustfmt::skip]
const ASSIGNED_AFTER_14: [(char, char); 75] = [
    ('\u{897}', '\u{897}'),
    ('\u{CF3}', '\u{CF3}'),
    ('\u{ECE}', '\u{ECE}'),
    ('\u{1B4E}', '\u{1B4F}'),
    ('\u{1B7F}', '\u{1B7F}'),
    ('\u{1C89}', '\u{1C8A}'),
    ('\u{2427}', '\u{2429}'),
    ('\u{2FFC}', '\u{2FFF}'),
    ('\u{31E4}', '\u{31E5}'),
    ('\u{31EF}', '\u{31EF}'),
    ('\u{A7CB}', '\u{A7CD}'),
    ('\u{A7DA}', '\u{A7DC}'),
    ('\u{105C0}', '\u{105F3}'),
    ('\u{10D40}', '\u{10D65}'),
    ('\u{10D69}', '\u{10D85}'),
    ('\u{10D8E}', '\u{10D8F}'),
    ('\u{10EC2}', '\u{10EC4}'),
    ('\u{10EFC}', '\u{10EFF}'),
    ('\u{1123F}', '\u{11241}'),
    ('\u{11380}', '\u{11389}'),
    ('\u{1138B}', '\u{1138B}'),
    ('\u{1138E}', '\u{1138E}'),
    ('\u{11390}', '\u{113B5}'),
    ('\u{113B7}', '\u{113C0}'),
    ('\u{113C2}', '\u{113C2}'),
    ('\u{113C5}', '\u{113C5}'),
    ('\u{113C7}', '\u{113CA}'),
    ('\u{113CC}', '\u{113D5}'),
    ('\u{113D7}', '\u{113D8}'),
    ('\u{113E1}', '\u{113E2}'),
    ('\u{116D0}', '\u{116E3}'),
    ('\u{11B00}', '\u{11B09}'),
    ('\u{11BC0}', '\u{11BE1}'),
    ('\u{11BF0}', '\u{11BF9}'),
    ('\u{11F00}', '\u{11F10}'),
    ('\u{11F12}', '\u{11F3A}'),
    ('\u{11F3E}', '\u{11F5A}'),
    ('\u{1342F}', '\u{1342F}'),
    ('\u{13439}', '\u{13455}'),
    ('\u{13460}', '\u{143FA}'),
    ('\u{16100}', '\u{16139}'),
    ('\u{16D40}', '\u{16D79}'),
    ('\u{18CFF}', '\u{18CFF}'),
    ('\u{1B132}', '\u{1B132}'),
    ('\u{1B155}', '\u{1B155}'),
    ('\u{1CC00}', '\u{1CCF9}'),
    ('\u{1CD00}', '\u{1CEB3}'),
    ('\u{1D2C0}', '\u{1D2D3}'),
    ('\u{1DF25}', '\u{1DF2A}'),
    ('\u{1E030}', '\u{1E06D}'),
    ('\u{1E08F}', '\u{1E08F}'),
    ('\u{1E4D0}', '\u{1E4F9}'),
    ('\u{1E5D0}', '\u{1E5FA}'),
    ('\u{1E5FF}', '\u{1E5FF}'),
    ('\u{1F6DC}', '\u{1F6DC}'),
    ('\u{1F774}', '\u{1F776}'),
    ('\u{1F77B}', '\u{1F77F}'),
    ('\u{1F7D9}', '\u{1F7D9}'),
    ('\u{1F8B2}', '\u{1F8BB}'),
    ('\u{1F8C0}', '\u{1F8C1}'),
    ('\u{1FA75}', '\u{1FA77}'),
    ('\u{1FA87}', '\u{1FA89}'),
    ('\u{1FA8F}', '\u{1FA8F}'),
    ('\u{1FAAD}', '\u{1FAAF}'),
    ('\u{1FABB}', '\u{1FABF}'),
    ('\u{1FAC6}', '\u{1FAC6}'),
    ('\u{1FACE}', '\u{1FACF}'),
    ('\u{1FADA}', '\u{1FADC}'),
    ('\u{1FADF}', '\u{1FADF}'),
    ('\u{1FAE8}', '\u{1FAE9}'),
    ('\u{1FAF7}', '\u{1FAF8}'),
    ('\u{1FBCB}', '\u{1FBEF}'),
    ('\u{2B739}', '\u{2B739}'),
    ('\u{2EBF0}', '\u{2EE5D}'),
    ('\u{31350}', '\u{323AF}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_what_changed() {
        assert!(ASSIGNED_AFTER_14.windows(2).all(|pair| pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0));
        assert_eq!(class('\u{1FAE8}'), CharClass::Dropped, "an emoji of Unicode 15");
        assert_eq!(class('\u{1FAE7}'), CharClass::Plain, "an emoji of Unicode 14");
        assert_eq!(class('\u{3002}'), CharClass::Punctuation);
        assert_eq!(class('\u{A0}'), CharClass::Blank);
    }
}
