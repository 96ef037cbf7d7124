//! The byte order mark before UTF-8 text.

/// What some editors put before UTF-8 text.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Returns text without the byte order mark before it.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}
