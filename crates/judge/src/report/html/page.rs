//! Builds the page from its sections.

use maud::{Markup, html};

use super::super::{Report, caption, human_seconds, words};
use super::document::document;
use super::parts::{class, pill, sign};
use super::{attention, evidence, learning, record, results};
use crate::verdict::Verdict;

/// Renders the whole page.
pub fn render(report: &Report) -> String {
    let body = html! {
        (banner(report))
        main {
            (attention::section(report))
            (results::section(report))
            (evidence::section(report))
            (learning::curves(report))
            (learning::examples(report))
            (record::stages(report))
            (record::environment(report))
            (record::provenance(report))
        }
        (footer())
    };
    document(&format!("{}: {}", report.verdict, report.title), "", &body)
}

fn banner(report: &Report) -> Markup {
    let times = &report.times;
    html! {
        header class={ "banner " (class(report.verdict)) } {
            div class="inner" {
                p class="kicker" { (if report.about.is_some() { "Demo" } else { "Reproduction" }) " report · profile " (report.profile) }
                h1 { (report.title) }
                p class="verdict" { span class="sign" aria-hidden="true" { (sign(report.verdict)) } (report.verdict) }
                p class="summary" { (report.summary) }
                @if let Some(caption) = caption::caption(report) { p class="caption" { (caption) } }
                @if let Some(about) = &report.about { p class="about" { (about) } }
                @if let (Some(sentence), Some(before)) = (words::before(report), &report.before) {
                    div class="before" {
                        p { "It " (sentence) "." }
                        @if !before.changes.is_empty() { ul { @for change in &before.changes { li { (change) } } } }
                    }
                }
                dl class="facts" {
                    @if let Some(finished) = &times.finished {
                        div { dt { "Finished" } dd { time datetime=(finished) { (finished.replace('T', " ").replace('Z', " UTC")) } } }
                    }
                    @if let Some(seconds) = times.seconds { div { dt { "This run took" } dd { (human_seconds(seconds)) } } }
                    @if !report.golden.is_empty() { div { dt { "Judged by" } dd { (words::editions(&report.golden)) } } }
                    @if !report.environment.cpu.is_empty() {
                        div { dt { "Machine" } dd { (report.environment.cpu) ", " (report.environment.threads) " threads" } }
                    }
                    div { dt { "Run" } dd { code { (report.run) } } }
                }
            }
        }
    }
}

fn footer() -> Markup {
    let meanings = [
        (Verdict::Pass, "obtained, and it agrees with its golden value"),
        (Verdict::Fail, "obtained, and it differs"),
        (Verdict::Inconclusive, "the evidence is too thin to say"),
        (Verdict::Infra, "it could not be run; says nothing about the result"),
    ];
    html! {
        footer {
            h2 { "What the words mean" }
            dl class="words" { @for (verdict, meaning) in meanings { div { dt { (pill(verdict)) } dd { (meaning) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn one_file_without_scripts_or_addresses() {
        for (_, report) in sample::all() {
            let page = render(&report);
            assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
            assert!(!page.contains("url(") && !page.contains("NaN"));
            assert_eq!(page.matches("<h1").count(), 1);
            assert_eq!(page.matches("<svg").count(), page.matches("<title id=").count());
            assert_eq!(page, render(&report.clone()));
        }
    }

    #[test]
    fn text_of_a_run_is_no_markup() {
        let page = render(&sample::mixed());
        assert!(page.contains("Is &lt;b&gt;this&lt;/b&gt; &quot;bold&quot; &amp; safe?"));
        assert!(page.contains("parameter <code>epochs</code> 4 -&gt; 8"));
        assert!(page.contains("no pictures in &lt;images&gt; &amp; | no captions"));
    }

    #[test]
    fn no_control_character_of_a_run_reaches_the_page() {
        let mut report = sample::mixed();
        "a\u{1b}[31m\u{0}b\r\u{9b}c\u{202e}d\té".clone_into(&mut report.title);
        let page = render(&report);
        assert!(page.contains("<h1>a\\u{1b}[31m\\u{0}b\\r\\u{9b}c\\u{202e}d\té</h1>"), "{page}");
        assert!(page.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
    }

    #[test]
    fn the_verdict_comes_first() {
        let page = render(&sample::stopped());
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("class=\"verdict\"") < at("id=\"stopped\""));
        assert!(at("id=\"stopped\"") < at("id=\"results\"") && at("id=\"results\"") < at("id=\"stages\""));
        assert!(page.contains("row 17 of train.tsv has 9 columns, not 10"));
    }

    #[test]
    fn a_demo_page_says_what_it_is_before_any_number() {
        let page = render(&sample::demo());
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("Demo report · profile demo") < at("All 3 demo results agree with the recorded runs."));
        let about = at("This is a demo: drawn scenes, and a small model trained from random weights");
        assert!(
            about < at("It says nothing about LXMERT's published accuracies (69.90, 59.80, 74.95).").max(about + 1)
        );
        assert!(about < at("id=\"results\""));
        for card in ["VQA-like scenes", "GQA-like scenes", "NLVR2-like scenes"] {
            assert!(page.contains(&format!("<h3>{card}</h3>")), "{card}");
        }
        assert!(!page.contains("reproduced") && !page.contains("Published"));
    }

    /// For looking at: `cargo test -p judge sample_pages -- --ignored`, then open `target/sample-report/`.
    #[test]
    #[ignore = "writes pages for a person to look at"]
    fn sample_pages() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sample-report");
        for (name, report) in sample::all() {
            report.write(&folder.join(name)).unwrap();
        }
    }
}
