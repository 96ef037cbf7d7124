//! What needs a person: what stopped the run, and every result that did not pass, with why and what to do.

use maud::{Markup, html};

use super::super::{Failure, Report, words};
use super::{class, pill};
use crate::verdict::Verdict;
use crate::verdict::row::Judged;

/// Nothing where everything passed.
pub fn section(report: &Report) -> Markup {
    let rows: Vec<(usize, &Judged)> =
        report.rows.iter().enumerate().filter(|(_, r)| r.verdict != Verdict::Pass).collect();
    html! {
        @if let Some(failure) = &report.failure { (stopped(failure)) }
        @if !rows.is_empty() {
            section id="attention" {
                h2 { "What needs attention" }
                ul class="attention" { @for (i, row) in rows {
                    li class=(class(row.verdict)) {
                        p class="what" { (pill(row.verdict)) " " a href={ "#row" (i) } { (row.name) } }
                        p class="why" { (words::happened(row)) }
                        @if let Some(advice) = words::next(row) { p class="next" { strong { "Next: " } (advice) } }
                    }
                } }
            }
        }
    }
}

fn stopped(failure: &Failure) -> Markup {
    html! {
        section id="stopped" class="stopped" {
            h2 { "Stopped at " (failure.stage.as_deref().map_or_else(|| "judging".to_owned(), |s| format!("stage {s}"))) }
            p { "Class " strong { (failure.class) } ". Stages that finished are kept; the next run continues after them." }
            pre { (failure.message) }
        }
    }
}
