//! Style rules by which a row of a table and its boxes light up together.

use std::fmt::Write;

/// Returns the rules for tables of up to `rows` rows. A row has the class `rN`, its boxes `bN`, with N from 1.
pub(super) fn rules(rows: usize) -> String {
    let mut css = String::new();
    for n in 1..=rows {
        let _ = write!(
            css,
            "\n.image:has(.r{n}:hover,.r{n}:focus-within) .b{n}{{opacity:1;--more:2px}}\
             \n.image:has(.b{n}:hover,.b{n}:target) .r{n}{{background:var(--lit)}}"
        );
    }
    css
}
