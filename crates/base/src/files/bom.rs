//! The byte order mark before UTF-8 text.

/// The mark that some editors write before UTF-8 text.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Returns the text without a byte order mark at its start.
pub fn strip_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}
