//! Pieces of which every part of the page is made.

use maud::{Markup, html};

use crate::verdict::Verdict;

pub(super) fn class(verdict: Verdict) -> String {
    verdict.as_str().to_lowercase()
}

/// A sign beside the word, so that colour is never needed to tell verdicts apart.
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

/// A part of the page under its heading; nothing if there are no `items` to show.
pub(super) fn section<T>(id: &str, heading: &str, items: &[T], body: impl FnOnce() -> Markup) -> Markup {
    match items {
        [] => html! {},
        _ => html! { section id=(id) { h2 { (heading) } (body()) } },
    }
}

/// A table in a frame of its own, which the keyboard can scroll where it is wider than the page.
pub(super) fn scrolling(name: &str, table: &Markup) -> Markup {
    html! { section class="scroll" tabindex="0" aria-label=(name) { (table) } }
}

/// Heads of columns; those of numbers are named.
pub(super) fn heads(columns: &[&str], numbers: &[&str]) -> Markup {
    html! { thead { tr { @for column in columns { th scope="col" class=[numbers.contains(column).then_some("num")] { (column) } } } } }
}

/// What stands between backticks as code.
pub(super) fn coded(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

pub(super) fn hash(text: &str) -> Markup {
    html! { code class="hash" { (text) } }
}
