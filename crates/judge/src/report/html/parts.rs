//! Pieces that every section of the page uses.

use maud::{Markup, html};

use crate::verdict::Verdict;

pub(super) fn class(verdict: Verdict) -> String {
    verdict.as_str().to_lowercase()
}

/// Returns the sign of a verdict, so that nobody needs colours to tell verdicts apart.
pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✕",
        Verdict::Inconclusive => "?",
        Verdict::Infra => "!",
    }
}

pub(super) fn pill(verdict: Verdict) -> Markup {
    html! { span class={ "pill " (class(verdict)) } { span aria-hidden="true" { (sign(verdict)) } " " (verdict) } }
}

/// Renders a section with its heading; nothing without `items`.
pub(super) fn section<T>(id: &str, heading: &str, items: &[T], body: impl FnOnce() -> Markup) -> Markup {
    match items {
        [] => html! {},
        _ => html! { section id=(id) { h2 { (heading) } (body()) } },
    }
}

/// Renders a table in a frame that the keyboard can scroll if the table is wider than the page.
pub fn scrolling(name: &str, table: &Markup) -> Markup {
    html! { section class="scroll" tabindex="0" aria-label=(name) { (table) } }
}

/// Renders the heads of columns; `numbers` are those aligned to the right.
pub fn heads(columns: &[&str], numbers: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" class=[numbers.contains(column).then_some("num")] { (column) } } } } }
}

/// Renders text with the parts between backticks as code.
pub(super) fn coded(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Renders a text that may hold a SHA-256, with its first digits shown and all of them folded away.
pub(super) fn folded(text: &str) -> Markup {
    let Some((before, hash, after)) = sha256_in(text) else { return html! { (text) } };
    html! {
        details class="hash" {
            summary { (before) code { (hash.get(..SHOWN).unwrap_or(hash)) "…" } (after) }
            code { (hash) }
        }
    }
}

/// Digits of a SHA-256 that are shown.
const SHOWN: usize = 12;

/// Splits a text around the first SHA-256 in it.
fn sha256_in(text: &str) -> Option<(&str, &str, &str)> {
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let mut start = 0;
    for part in text.split(|c: char| !is_hex(c)) {
        if part.len() == 64 {
            return Some((text.get(..start)?, part, text.get(start + 64..)?));
        }
        start += part.len();
        start += text.get(start..)?.chars().next().map_or(0, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_hash_folds() {
        let hash = "0f3c".repeat(16);
        assert_eq!(sha256_in(&format!("ü/a@sha256:{hash} b")), Some(("ü/a@sha256:", hash.as_str(), " b")));
        assert_eq!(sha256_in(&hash[1..]), None);
        assert_eq!(sha256_in(&format!("{hash}0")), None);
        let page = folded(&hash).into_string();
        assert!(page.starts_with("<details") && page.contains("<code>0f3c0f3c0f3c…</code>") && page.contains(&hash));
        assert_eq!(folded("differs from run to run").into_string(), "differs from run to run");
    }
}
