//! `report.html`: one file without scripts that works offline, on paper, on a phone, and in the dark.
//!
//! The order is the reader's: the verdict, the evidence, how it was learned, what the data looks like, then what a person
//! needs who wants to check.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Example, Failure, Report, StageOutputs, human_bytes, human_seconds, plot, points};
use crate::verdict::Verdict;
use crate::verdict::row::Judged;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn render(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                title { (report.verdict) ": " (report.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (banner(report))
                main {
                    @if let Some(failure) = &report.failure { (stopped(failure)) }
                    @if !report.rows.is_empty() { (results(report)) }
                    @if !report.curves.is_empty() { (learning(report)) }
                    @if !report.examples.is_empty() { (examples(&report.examples)) }
                    (stages(report))
                    (environment(report))
                    (provenance(report))
                }
                (footer())
            }
        }
    };
    page.into_string()
}

fn class(verdict: Verdict) -> String {
    verdict.as_str().to_lowercase()
}

/// A sign beside the word, so that colour is never needed to tell verdicts apart.
fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✕",
        Verdict::Inconclusive => "?",
        Verdict::Infra => "!",
    }
}

fn pill(verdict: Verdict) -> Markup {
    html! { span class={ "pill " (class(verdict)) } { span aria-hidden="true" { (sign(verdict)) } " " (verdict) } }
}

fn banner(report: &Report) -> Markup {
    let times = &report.times;
    html! {
        header class={ "banner " (class(report.verdict)) } {
            div class="inner" {
                p class="kicker" { "Reproduction report · profile " (report.profile) }
                h1 { (report.title) }
                p class="verdict" { span class="sign" aria-hidden="true" { (sign(report.verdict)) } (report.verdict) }
                p class="summary" { (report.summary) }
                dl class="facts" {
                    @if let Some(finished) = &times.finished {
                        div { dt { "Finished" } dd { time datetime=(finished) { (finished.replace('T', " ").replace('Z', " UTC")) } } }
                    }
                    @if let Some(seconds) = times.seconds { div { dt { "This run took" } dd { (human_seconds(seconds)) } } }
                    div { dt { "Machine" } dd { (report.environment.cpu) ", " (report.environment.threads) " threads" } }
                    div { dt { "Run" } dd { code { (report.run) } } }
                }
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

fn results(report: &Report) -> Markup {
    html! {
        section id="results" {
            h2 { "Results" }
            p class="lead" {
                "Each accuracy is one run on the task's whole evaluation set. The shaded band is where a faithful run is expected; "
                "the small marks are the recorded runs that it comes from. Below it, the model beside what is weaker, from 0 to 100."
            }
            div class="cards" { @for (i, row) in report.rows.iter().enumerate() { (card(i, row)) } }
            (numbers(&report.rows))
        }
    }
}

fn card(i: usize, row: &Judged) -> Markup {
    html! {
        article class={ "card " (class(row.verdict)) } {
            div class="head" { h3 { (row.name) } (pill(row.verdict)) }
            p class="figure" {
                @match row.observed {
                    Some(value) => { span class="big" { (format!("{value:.2}")) } span class="unit" { " %" } }
                    None => span class="big muted" { "not measured" },
                }
                span class="muted of" { (row.metric) @if let Some(n) = row.n { ", " (n) " items" } }
            }
            (plot::band(&format!("band{i}"), row))
            @if row.observed.is_some() { (plot::ranking(&format!("rank{i}"), row)) }
            ul class="evidence" { @for sentence in &row.evidence { li { (sentence) } } }
            @if let Some(advice) = &row.what_to_do { p class="next" { strong { "Next: " } (advice) } }
        }
    }
}

fn scrolling(name: &str, table: &Markup) -> Markup {
    html! { div class="scroll" role="region" tabindex="0" aria-label=(name) { (table) } }
}

fn numbers(rows: &[Judged]) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for baseline in rows.iter().flat_map(|r| &r.baselines) {
        if !names.contains(&baseline.name.as_str()) {
            names.push(&baseline.name);
        }
    }
    let published = rows.iter().any(|r| r.headline.is_some());
    scrolling(
        "The numbers",
        &html! {
            table {
                caption { "The numbers, in percent" }
                thead { tr {
                    th scope="col" { "Task" }
                    th scope="col" class="num" { "Items" }
                    th scope="col" class="num" { "Observed" }
                    th scope="col" class="num" { "Band" }
                    th scope="col" class="num" { "Recorded mean" }
                    @if published { th scope="col" class="num" { "Published" } }
                    @for name in &names { th scope="col" class="num" { (name) } }
                    th scope="col" { "Verdict" }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.name) }
                    td class="num" { (row.n.map_or_else(|| "–".to_owned(), |n| n.to_string())) }
                    td class="num" { strong { (points(row.observed)) } }
                    td class="num" { (row.band.as_ref().map_or_else(|| "–".to_owned(), |b| format!("{}–{}", b.low, b.high))) }
                    td class="num" { (points(row.expected)) }
                    @if published { td class="num" { (points(row.headline)) } }
                    @for name in &names {
                        td class="num" { (points(row.baselines.iter().find(|b| b.name == *name).and_then(|b| b.observed))) }
                    }
                    td { (pill(row.verdict)) }
                } } }
            }
        },
    )
}

fn learning(report: &Report) -> Markup {
    html! {
        section id="learning" {
            h2 { "How it was learned" }
            p class="lead" { "Training loss by step (faint: as it was; line: its moving mean), and accuracy by epoch beside the band." }
            div class="multiples" { @for (i, curves) in report.curves.iter().enumerate() {
                figure {
                    figcaption {
                        strong { (curves.task) }
                        @if let Some(speed) = report.times.speeds.iter().find(|s| s.task == curves.task) {
                            span class="muted" { " " (format!("{:.0}", speed.examples_per_second)) " examples/s" }
                        }
                    }
                    p class="axis-name" { "loss" }
                    (plot::loss(&format!("loss{i}"), curves))
                    p class="axis-name" { "accuracy, %" }
                    (plot::accuracy(&format!("acc{i}"), curves, report.rows.iter().find(|r| r.name == curves.task)))
                }
            } }
        }
    }
}

fn examples(examples: &[Example]) -> Markup {
    html! {
        section id="examples" {
            h2 { "What was asked" }
            div class="examples" { @for example in examples {
                article class="example" {
                    div class="pictures" { @for picture in &example.images {
                        img alt=(picture.alt) src={ "data:image/png;base64," (picture.png) };
                    } }
                    div {
                        p class="kicker" { (example.task) }
                        p class="question" { (example.question) }
                        p class="answer" {
                            @if example.right {
                                span class="right" { span aria-hidden="true" { "✓ " } (example.answer) }
                            } @else {
                                span class="wrong" { span aria-hidden="true" { "✕ " } (example.answer) }
                                span class="muted" { " expected: " (example.expected) }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn stages(report: &Report) -> Markup {
    html! {
        section id="stages" {
            h2 { "Stages" }
            (scrolling("Stages", &html! {
                table class="stages" {
                    caption { "What ran, what was reused, and why" }
                    thead { tr {
                        th scope="col" { "Stage" }
                        th scope="col" { "Status" }
                        th scope="col" class="num" { "Time" }
                        th scope="col" { "Why" }
                    } }
                    tbody { @for stage in &report.stages { tr {
                        th scope="row" { code { (stage.name) } span class="under" { (stage.title) } }
                        td { span class={ "state " (stage.status().replace(' ', "-")) } { (stage.status()) } }
                        td class="num" { @if let Some(t) = &stage.this_time { (human_seconds(t.seconds)) } }
                        td class="why" { @if let Some(t) = &stage.this_time { (coded(&t.why)) } }
                    } } }
                }
            }))
        }
    }
}

fn environment(report: &Report) -> Markup {
    html! {
        section id="environment" {
            h2 { "Environment" }
            dl class="environment" { @for (name, value) in report.environment.lines() {
                div { dt { (name) } dd { (value) } }
            } }
        }
    }
}

fn provenance(report: &Report) -> Markup {
    let differs = "differs from run to run";
    html! {
        section id="provenance" {
            h2 { "Provenance" }
            p class="lead" { "Everything that went in and came out, by SHA-256. A stage's own hash covers the names and hashes of all its files." }
            @if !report.provenance.assets.is_empty() { (assets(report)) }
            (scrolling("Provenance", &html! {
                table class="hashes" {
                    caption { "Files" }
                    thead { tr { th scope="col" { "File" } th scope="col" class="num" { "Size" } th scope="col" { "SHA-256" } } }
                    @if !report.provenance.inputs.is_empty() {
                        tbody {
                            tr class="group" { th scope="rowgroup" colspan="3" { "Inputs" } }
                            @for file in &report.provenance.inputs { tr {
                                td { (file.name) }
                                td class="num" { (file.bytes.map(human_bytes).unwrap_or_default()) }
                                td { (hash(file.sha256.as_deref().unwrap_or(differs))) }
                            } }
                        }
                    }
                    @for StageOutputs { stage, files, bytes, sha256, largest } in &report.provenance.outputs {
                        tbody {
                            tr class="group" {
                                th scope="rowgroup" { (stage) span class="muted" { " " (files) @if *files == 1 { " file" } @else { " files" } } }
                                td class="num" { (human_bytes(*bytes)) }
                                td { (hash(sha256)) }
                            }
                            @for file in largest { tr {
                                td { (file.name) }
                                td class="num" { (file.bytes.map(human_bytes).unwrap_or_default()) }
                                td { (hash(file.sha256.as_deref().unwrap_or(differs))) }
                            } }
                        }
                    }
                }
            }))
        }
    }
}

/// The published files and how much stands behind their checksums.
fn assets(report: &Report) -> Markup {
    let columns = ["Published file", "Size", "SHA-256", "Checksum", "Used by"];
    scrolling(
        "Published files",
        &html! {
            table class="hashes" {
                caption { "Published files" }
                thead { tr { @for column in columns { th scope="col" class=[(column == "Size").then_some("num")] { (column) } } } }
                tbody {
                    @for file in &report.provenance.assets { tr {
                        td { (file.name) }
                        td class="num" { (human_bytes(file.bytes)) }
                        td { (hash(&file.sha256)) }
                        td { (file.trust) }
                        td { (file.used_by.join(", ")) }
                    } }
                }
            }
        },
    )
}

/// What stands between backticks as code.
fn coded(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn hash(text: &str) -> Markup {
    html! { code class="hash" { (text) } }
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
    use super::super::sample;
    use super::*;

    #[test]
    fn one_file_without_scripts_or_addresses() {
        for report in [sample::passed(), sample::mixed(), sample::stopped()] {
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
    fn the_verdict_comes_first() {
        let page = render(&sample::stopped());
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("class=\"verdict\"") < at("id=\"stopped\""));
        assert!(at("id=\"stopped\"") < at("id=\"results\"") && at("id=\"results\"") < at("id=\"stages\""));
        assert!(page.contains("row 17 of train.tsv has 9 columns, not 10"));
    }

    /// For looking at: `cargo test --no-default-features sample_pages -- --ignored`, then open `target/sample-report/`.
    #[test]
    #[ignore = "writes pages for a person to look at"]
    fn sample_pages() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sample-report");
        for (name, report) in [("passed", sample::passed()), ("mixed", sample::mixed()), ("stopped", sample::stopped())]
        {
            report.write(&folder.join(name)).unwrap();
        }
    }
}
