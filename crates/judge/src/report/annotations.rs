//! Renders annotations for GitHub Actions: lines that a step prints and GitHub shows beside the run.
//!
//! GitHub shows ten of a kind per step, so the worst come first. Format and escaping: «Workflow commands for GitHub Actions» of
//! GitHub's documentation, and `toCommand` of the package `@actions/core`.

use super::{Report, caption, words};
use crate::verdict::Verdict;
use base::sanitize;

/// Renders a line for each result that did not pass and for what stopped the run; a single notice if everything passed.
pub fn annotations(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Some(failure) = &report.failure {
        let place = failure.stage.as_ref().map_or_else(|| "judging".to_owned(), |s| format!("stage {s}"));
        lines.push((Verdict::Infra, format!("{place} {}", failure.class), failure.message.clone()));
    }
    for row in report.rows.iter().filter(|r| r.verdict != Verdict::Pass) {
        let mut message = words::happened(row).to_owned();
        if let Some(advice) = words::next(row) {
            message += &format!("\nNext: {advice}");
        }
        lines.push((row.verdict, format!("{} {}", row.title(), row.verdict), message));
    }
    if lines.is_empty() {
        let more = caption::full_caption(report).into_iter().chain(report.about.clone());
        let message = std::iter::once(report.summary.clone()).chain(more).collect::<Vec<_>>().join("\n");
        lines.push((report.verdict, report.verdict.to_string(), message));
    }
    // Stable: rows of one verdict stay in the report's order.
    lines.sort_by_key(|(verdict, ..)| level(*verdict).1);
    lines
        .iter()
        .map(|(verdict, title, message)| {
            format!("::{} title={}::{}\n", level(*verdict).0, property(title), data(message))
        })
        .collect()
}

/// Returns the level of a verdict on GitHub, and its rank.
fn level(verdict: Verdict) -> (&'static str, u8) {
    match verdict {
        Verdict::Fail | Verdict::Infra => ("error", 0),
        Verdict::Inconclusive => ("warning", 1),
        Verdict::Pass => ("notice", 2),
    }
}

/// Escapes a message for GitHub, then control characters for terminals that show the log.
fn data(text: &str) -> String {
    sanitize::line(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn annotations_snapshots() {
        insta::assert_snapshot!("annotations-passed", annotations(&sample::passed()));
        insta::assert_snapshot!("annotations-mixed", annotations(&sample::mixed()));
        insta::assert_snapshot!("annotations-stopped", annotations(&sample::stopped()));
        insta::assert_snapshot!("annotations-checked", annotations(&sample::checked()));
        insta::assert_snapshot!("annotations-demo", annotations(&sample::demo()));
    }

    #[test]
    fn no_text_of_a_run_is_a_command() {
        let mut report = sample::mixed();
        report.rows.truncate(1);
        report.rows[0].name = "a:b,c%".into();
        report.rows[0].evidence = vec!["50 % lost\r\n::error::forged\u{1b}[2J".into()];
        report.rows[0].what_to_do = None;
        let text = annotations(&report);
        assert_eq!(
            text,
            "::error title=a%3Ab%2Cc%25 FAIL::50 %25 lost%0D%0A::error::forged\\u{1b}[2J%0ANext: read the evidence in \
             report.html\n"
        );
    }

    #[test]
    fn nothing_judged_is_a_warning() {
        let mut report = sample::passed();
        report.rows.clear();
        (report.verdict, report.summary) = Report::conclude(&[], None);
        assert_eq!(annotations(&report), "::warning title=INCONCLUSIVE::Nothing was judged.\n");
    }
}
