//! What there is and what a fetch would do: a page for people, and JSON for scripts. Asks no network and reads no file but

/// Columns of a page.
pub(super) const WIDTH: usize = 100;
