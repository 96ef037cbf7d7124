//! Renders the record for those who want to check: stages, environment, and the checksum of every file.

use maud::{Markup, html};

use super::super::{FileRecord, Report, StageOutputs, human_bytes, human_seconds};
use super::parts::{coded, folded, heads, scrolling, section};

/// Renders the stages; nothing if there are none.
pub(crate) fn stages(report: &Report) -> Markup {
    section("stages", "Stages", &report.stages, || {
        html! {
            (scrolling("Stages", &html! {
                table class="stages" {
                    caption { "What ran, what was reused, and why" }
                    (heads(&["Stage", "Status", "Time", "Why"], &["Time"]))
                    tbody { @for stage in &report.stages { tr {
                        th scope="row" { code { (stage.name) } span class="under" { (stage.title) } }
                        td { span class={ "state " (stage.status().replace(' ', "-")) } { (stage.status()) } }
                        td class="num" { @if let Some(t) = &stage.this_time { (human_seconds(t.seconds)) } }
                        td class="why" { @if let Some(t) = &stage.this_time { (coded(&t.why)) } }
                    } } }
                }
            }))
        }
    })
}

/// Renders the environment.
pub(crate) fn environment(report: &Report) -> Markup {
    html! {
        section id="environment" {
            h2 { "Environment" }
            dl class="environment" { @for (name, value) in report.environment.lines() {
                div { dt { (name) } dd { (folded(&value)) } }
            } }
        }
    }
}

/// Renders the checksums of inputs, outputs and golden files.
pub(crate) fn provenance(report: &Report) -> Markup {
    html! {
        section id="provenance" {
            h2 { "Provenance" }
            p class="lead" { "Everything that went in and came out, by SHA-256; the first digits are shown, a click shows all. A stage's own hash \
                 covers the names and hashes of all its files." }
            @if !report.golden.is_empty() { (golden(report)) }
            @if !report.provenance.assets.is_empty() { (assets(report)) }
            @let has_files = !report.provenance.inputs.is_empty() || !report.provenance.outputs.is_empty();
            @if has_files { (scrolling("Provenance", &html! {
                table class="hashes" {
                    caption { "Files" }
                    (heads(&["File", "Size", "SHA-256"], &["Size"]))
                    @if !report.provenance.inputs.is_empty() {
                        tbody {
                            tr class="group" { th scope="rowgroup" colspan="3" { "Inputs" } }
                            @for file in &report.provenance.inputs { (row(file)) }
                        }
                    }
                    @for StageOutputs { stage, files, bytes, sha256, largest } in &report.provenance.outputs {
                        tbody {
                            tr class="group" {
                                th scope="rowgroup" { (stage) span class="muted" { " " (files) @if *files == 1 { " file" } @else { " files" } } }
                                td class="num" { (human_bytes(*bytes)) }
                                td { (folded(sha256)) }
                            }
                            @for file in largest { (row(file)) }
                        }
                    }
                }
            })) }
        }
    }
}

fn row(file: &FileRecord) -> Markup {
    html! { tr {
        td { (file.name) }
        td class="num" { (file.bytes.map(human_bytes).unwrap_or_default()) }
        td { (folded(file.sha256.as_deref().unwrap_or("differs from run to run"))) }
    } }
}

/// Renders the golden files; a verdict holds for their editions only.
fn golden(report: &Report) -> Markup {
    scrolling(
        "Golden files",
        &html! {
            table class="hashes" {
                caption { "Golden files: what judged" }
                (heads(&["Golden file", "Edition", "SHA-256"], &["Edition"]))
                tbody { @for file in &report.golden { tr {
                    td { (file.name) }
                    td class="num" { (file.edition) }
                    td { (folded(&file.sha256)) }
                } } }
            }
        },
    )
}

/// Renders the published files and where their checksums come from.
fn assets(report: &Report) -> Markup {
    let columns = ["Published file", "Size", "SHA-256", "Checksum", "Used by"];
    scrolling(
        "Published files",
        &html! {
            table class="hashes" {
                caption { "Published files" }
                (heads(&columns, &["Size"]))
                tbody {
                    @for file in &report.provenance.assets { tr {
                        td { (file.name) }
                        td class="num" { (human_bytes(file.bytes)) }
                        td { (folded(&file.sha256)) }
                        td { (file.trust) }
                        td { (file.used_by.join(", ")) }
                    } }
                }
            }
        },
    )
}
