//! Renders the evidence of the results: runs, changed answers, measures with their limits, histograms of differences.

use maud::{Markup, html};

use super::super::{Report, plot, points, words};
use super::parts::{heads, pill, scrolling};
use crate::verdict::features;
use crate::verdict::row::{JudgedRow, JudgedRun, PairedAnswers};

/// Maximum number of changed answers shown per row.
const FLIPS: usize = 50;

/// Renders the section; nothing if no row holds more than sentences.
pub(crate) fn section(report: &Report) -> Markup {
    let parts: Vec<(usize, &JudgedRow)> = report.rows.iter().enumerate().filter(|(_, row)| has_more(row)).collect();
    html! {
        @if !parts.is_empty() {
            section id="evidence" {
                h2 { "What the results rest on" }
                @for (i, row) in parts { (part(i, row)) }
            }
        }
    }
}

fn has_more(row: &JudgedRow) -> bool {
    row.estimate.is_some()
        || row.paired.is_some()
        || !row.runs.is_empty()
        || !row.measures.is_empty()
        || !row.spreads.is_empty()
}

fn part(i: usize, row: &JudgedRow) -> Markup {
    html! {
        article class="part" {
            div class="head" { h3 { (row.title()) } (pill(row.verdict)) }
            @if let Some(estimate) = &row.estimate {
                p { "Mean " strong { (points(row.observed)) } ", " (words::estimate(estimate)) ": " (estimate.method) "." }
            }
            @if !row.runs.is_empty() { (runs(&row.name, &row.runs)) }
            @if let Some(pair) = &row.paired { (paired(i, &row.name, pair)) }
            @if !row.measures.is_empty() { (measures(&row.name, &row.measures)) }
            @if !row.spreads.is_empty() {
                div class="multiples" { @for (k, spread) in row.spreads.iter().enumerate() {
                    figure {
                        figcaption { strong { (spread.name) } }
                        (plot::histogram(&format!("spread{i}-{k}"), spread))
                        p class="muted of" { (words::spread(spread)) "." }
                    }
                } }
            }
        }
    }
}

fn runs(name: &str, runs: &[JudgedRun]) -> Markup {
    scrolling(
        &format!("{name}: runs"),
        &html! {
            table {
                caption { "Every run that was given" }
                (heads(&["Run", "State", "Seed", "Accuracy"], &["Seed", "Accuracy"]))
                tbody { @for run in runs { tr {
                    th scope="row" { code { (run.run) } }
                    td { (run.state.as_str()) @if !run.why.is_empty() { span class="under" { (run.why) } } }
                    td class="num" { (run.seed.map_or_else(|| "–".to_owned(), |s| s.to_string())) }
                    td class="num" { (points(run.accuracy)) }
                } } }
            }
        },
    )
}

fn paired(i: usize, name: &str, pair: &PairedAnswers) -> Markup {
    let shown = pair.examples.len().min(FLIPS);
    html! {
        ul class="sentences" { @for sentence in words::paired(pair) { li { (sentence) } } }
        div class="narrow" { (plot::difference(&format!("difference{i}"), name, pair)) }
        @if shown > 0 { (scrolling(&format!("{name}: other answers"), &html! {
            table {
                caption { "The first " (shown) " of " (pair.flips) " items with another answer, each with its score" }
                (heads(&["Item", "Reference", "Candidate"], &[]))
                tbody { @for flip in pair.examples.iter().take(FLIPS) { tr {
                    th scope="row" { code { (flip.id) } }
                    @for (answer, score) in [&flip.reference, &flip.candidate] {
                        td { (answer) span class="under" { (format!("score {score:.2}")) } }
                    }
                } } }
            }
        })) }
    }
}

fn measures(name: &str, measures: &[features::MeasureRow]) -> Markup {
    scrolling(
        &format!("{name}: measures"),
        &html! {
            table {
                caption { "What was measured, beside the greatest value that passes" }
                (heads(&["Measure", "Verdict", "Observed", "Limit", "Why this limit, and its source"], &["Observed", "Limit"]))
                tbody { @for measure in measures { tr {
                    @let [observed, limit] = words::measured(measure);
                    th scope="row" { (measure.measure) }
                    td { @match measure.verdict {
                        Some(verdict) => (pill(verdict)),
                        None => span class="muted" { (words::measure_verdict(measure)) },
                    } }
                    td class="num" { (observed) }
                    td class="num" { (limit) }
                    td class="reason" {
                        (measure.reason)
                        @if let Some(source) = &measure.source { span class="under" { (source) } }
                    }
                } } }
            }
        },
    )
}
