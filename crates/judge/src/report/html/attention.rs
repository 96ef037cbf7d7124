//! Renders what needs attention: what stopped the run, and every result that did not pass, with reason and advice.

use maud::{Markup, html};

use super::super::{Failure, Report, words};
use super::parts::{class, pill};
use crate::verdict::Verdict;
use crate::verdict::row::JudgedRow;

/// Renders the section; nothing if everything passed. Results with the same reason and advice share an entry.
pub(crate) fn section(report: &Report) -> Markup {
    let mut groups: Vec<Vec<(usize, &JudgedRow)>> = Vec::new();
    let told = |row: &JudgedRow| (row.verdict, words::happened(row).to_owned(), words::next(row).map(str::to_owned));
    for (i, row) in report.rows.iter().enumerate().filter(|(_, r)| r.verdict != Verdict::Pass) {
        match groups.iter_mut().find(|group| told(group[0].1) == told(row)) {
            Some(group) => group.push((i, row)),
            None => groups.push(vec![(i, row)]),
        }
    }
    html! {
        @if let Some(failure) = &report.failure { (stopped(failure)) }
        @if !groups.is_empty() {
            section id="attention" {
                h2 { "What needs attention" }
                ul class="attention" { @for group in &groups { (together(group)) } }
            }
        }
    }
}

fn together(group: &[(usize, &JudgedRow)]) -> Markup {
    let Some((_, first)) = group.first() else { return html! {} };
    html! {
        li class=(class(first.verdict)) {
            p class="what" { (pill(first.verdict)) @for (i, row) in group { " " a href={ "#row" (i) } { (row.title()) } } }
            p class="why" { (words::happened(first)) }
            @if let Some(advice) = words::next(first) { p class="next" { strong { "Next: " } (advice) } }
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

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn one_reason_stands_once() {
        let page = section(&sample::stopped()).into_string();
        assert_eq!((page.matches("<li").count(), page.matches("href=\"#row").count()), (1, 3));
        assert_eq!(section(&sample::mixed()).into_string().matches("<li").count(), 4);
        assert_eq!(section(&sample::passed()).into_string(), "");
    }
}
