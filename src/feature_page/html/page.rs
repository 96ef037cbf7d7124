//! Frames the page: what it shows, how it is marked, the list of images, the images.

use maud::{Markup, html};

use super::super::content::{BoxTally, FeaturePage, ShownFile, ShownImage};
use super::mark::{MarkedRow, rows};
use super::{highlight, image, words};
use base::format::{grouped, human_bytes, number_of};
use judge::report::html::document;

const STYLE: &str = include_str!("style.css");

/// Renders the whole page.
pub fn render(page: &FeaturePage) -> String {
    let rows: Vec<Vec<MarkedRow>> = page.images.iter().map(rows).collect();
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let body = html! {
        (banner(page))
        main {
            @if page.images.len() > 1 { (contents(page)) }
            @for (at, (shown, rows)) in page.images.iter().zip(&rows).enumerate() { (image::section(at, page, shown, rows)) }
        }
        footer { p { "Written by " (page.program) "." } }
    };
    document(&format!("Boxes: {}", page.title), &[STYLE, &highlight::rules(most)].concat(), &body)
}

fn banner(page: &FeaturePage) -> Markup {
    html! {
        header class="banner features" {
            div class="inner" {
                p class="kicker" { "Boxes of " (if page.files.len() > 1 { "two feature files" } else { "a feature file" }) }
                h1 { (page.title) }
                p class="summary" { (images(page)) }
                @if let Some(total) = total(page) { p class="summary" { (words::tally(&total)) "." } }
                @if let Some(shown) = &page.rules { p class="caption" { (words::rules(shown)) } (legend()) }
                dl class="facts" {
                    @for (name, file) in ["A, reference", "B, candidate"].iter().zip(&page.files) {
                        (fact(if page.files.len() > 1 { name } else { "File" }, file))
                    }
                    @if !page.names.is_empty() { div { dt { "Names of classes" } dd { (page.names) } } }
                }
                p class="caption" {
                    "Boxes are numbered from 1 in the file's order. Point at a box or at its row to see the other; a number leads to its box."
                }
            }
        }
    }
}

fn fact(name: &str, file: &ShownFile) -> Markup {
    html! {
        div {
            dt { (name) }
            dd {
                code { (file.name) }
                span class="under" {
                    (file.kind) ", " (number_of(file.images, "image")) ", " (human_bytes(file.bytes))
                }
                span class="under sha" {
                    @match &file.sha256 { Some(sha256) => { "SHA-256 " code { (sha256) } } None => "SHA-256 not computed", }
                }
            }
        }
    }
}

/// Says how many images there are, here and in the file.
fn images(page: &FeaturePage) -> String {
    let shown = number_of(page.images.len() as u64, "image");
    match page.more_images {
        0 => format!("{shown}."),
        more => format!("{shown}; {} more in the file.", grouped(more)),
    }
}

fn total(page: &FeaturePage) -> Option<BoxTally> {
    page.images.iter().filter_map(ShownImage::tally).reduce(BoxTally::plus)
}

/// Shows the three ways in which boxes of two files are drawn.
fn legend() -> Markup {
    let meanings = [
        ("same", "same", "solid line"),
        ("changed", "changed", "long dashes"),
        ("alone", "only in A, only in B", "short dashes: no partner"),
    ];
    html! {
        ul class="legend" { @for (class, word, line) in meanings {
            li {
                svg class="boxes sample" viewBox="0 0 40 20" aria-hidden="true" {
                    g class=(class) { rect class="line" x="4" y="4" width="32" height="12" {} }
                }
                span { strong { (word) } span class="under" { (line) } }
            }
        } }
    }
}

fn contents(page: &FeaturePage) -> Markup {
    html! {
        nav aria-label="Images" {
            ol class="contents" { @for (at, image) in page.images.iter().enumerate() {
                li {
                    a href={ "#image" (at + 1) } { (image.id) }
                    @if page.files.len() > 1 { span class="under" { (words::summary(image, true)) } }
                }
            } }
        }
    }
}
