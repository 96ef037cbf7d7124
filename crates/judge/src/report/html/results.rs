//! Renders each result as a card with its plots, then all numbers in one table.

use maud::{Markup, html};

use super::super::numbers::{self, Numbers};
use super::super::{Report, caption, plot, words};
use super::parts::{self, class, pill, scrolling};
use crate::verdict::row::{Gate, JudgedRow};

/// Renders the section; nothing if nothing was judged.
pub(crate) fn section(report: &Report) -> Markup {
    parts::section("results", "Results", &report.rows, || {
        html! {
            p class="lead" {
                "The dot is what was observed."
                @if report.rows.iter().any(|r| r.band.is_some()) { " The shaded band is where a faithful run is expected." }
                @if report.rows.iter().any(|r| !r.recorded.is_empty()) { " Small marks are the recorded runs that the band comes from." }
                @if report.rows.iter().any(|r| r.estimate.is_some()) { " A line through the dot is the interval of a mean, the rings are its runs." }
                @if report.rows.iter().any(|r| r.headline.is_some()) { " The dashed line is the published number." }
                @if report.rows.iter().any(|r| !r.baselines.is_empty()) { " Below it, the model above its baselines, from 0 to 100." }
            }
            div class="cards" { @for (i, row) in report.rows.iter().enumerate() { (card(i, row)) } }
            (table(&report.rows))
        }
    })
}

fn card(i: usize, row: &JudgedRow) -> Markup {
    html! {
        article id={ "row" (i) } class={ "card " (class(row.verdict)) } {
            div class="head" { h3 { (row.title()) } (pill(row.verdict)) }
            (figure(row))
            (plot::band(&format!("band{i}"), row))
            @if !row.targets.is_empty() { (targets(row)) }
            @if row.observed.is_some() && !row.baselines.is_empty() { (plot::ranking(&format!("rank{i}"), row)) }
            ul class="evidence" {
                @for sentence in &row.evidence { li { (sentence) } }
                @if let Some(seeds) = row.more_seeds { li { (words::more_seeds(seeds)) } }
            }
        }
    }
}

/// Renders the number that a reader looks for first.
fn figure(row: &JudgedRow) -> Markup {
    let within = (row.gate == Gate::Features).then(|| numbers::within_limits(row)).flatten();
    html! {
        p class="figure" {
            @match (row.observed, within) {
                (Some(value), _) => { span class="big" { (format!("{value:.2}")) } span class="unit" { " %" } }
                (None, Some(within)) => { span class="big" { (within) } span class="unit" { " within limits" } }
                (None, None) => span class="big muted" { "not measured" },
            }
            span class="muted of" {
                (row.metric)
                @if let Some(n) = row.n { ", " (n) (if row.gate == Gate::Features { " images" } else { " items" }) }
                @if caption::is_whole_set(row) { ", the whole evaluation set" }
            }
            @if let Some(estimate) = &row.estimate {
                span class="muted of" { "mean; " (words::estimate(estimate)) }
            }
        }
    }
}

/// Renders the claims about a result, and whether each holds.
fn targets(row: &JudgedRow) -> Markup {
    html! {
        ul class="targets" { @for target in &row.targets {
            li {
                strong { (sentence_case(&words::claim(target))) } ": "
                span class={ "target " (words::answer(target).replace(' ', "-")) } { (words::answer(target)) } ". "
                @if target.decides { "This decides the verdict. " }
                (sentence_case(&target.sentence))
            }
        } }
    }
}

fn table(rows: &[JudgedRow]) -> Markup {
    let Numbers { heads, rows: cells } = numbers::table(rows);
    scrolling(
        "The numbers",
        &html! {
            table class="numbers" {
                caption { "The numbers, accuracies in percent" }
                thead { tr {
                    @for (i, head) in heads.iter().enumerate() {
                        th scope="col" class=[(i > 0).then_some("num")] { (title(head)) }
                        // Second, so that a phone shows it without scrolling.
                        @if i == 0 { th scope="col" { "Verdict" } }
                    }
                } }
                tbody { @for (row, line) in rows.iter().zip(&cells) { tr {
                    @for (i, cell) in line.iter().enumerate() {
                        @if i == 0 { th scope="row" { (cell) } td { (pill(row.verdict)) } } @else { td class="num" { (cell) } }
                    }
                } } }
            }
        },
    )
}

/// Returns the head of a column as the page shows it.
fn title(head: &str) -> String {
    if head == "recorded" { "Recorded mean".to_owned() } else { sentence_case(head) }
}

/// Returns text of this program with a capital first letter. Never for names of runs, files or tasks.
fn sentence_case(text: &str) -> String {
    text.get(..1).map_or_else(String::new, str::to_uppercase) + text.get(1..).unwrap_or_default()
}
