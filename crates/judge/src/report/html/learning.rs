//! Renders the training curves and a few questions with their answers.

use maud::{Markup, html};

use super::super::{Report, caption, plot};
use super::parts::section;
use crate::verdict::row::JudgedRow;

/// Renders the curves; nothing if nothing was trained.
pub(crate) fn curves(report: &Report) -> Markup {
    section("learning", "How it was learned", &report.curves, || {
        html! {
            p class="lead" { "Training loss by step (faint: as it was; line: its moving mean), and accuracy by epoch beside the band. The circle is the best epoch of validation." }
            div class="multiples" { @for (i, curves) in report.curves.iter().enumerate() {
                @let row = report.rows.iter().find(|r| r.name == curves.task);
                figure {
                    figcaption {
                        strong { (title(report, &curves.task)) }
                        @if let Some(speed) = report.times.speeds.iter().find(|s| s.task == curves.task) {
                            span class="muted" { " " (format!("{:.0}", speed.examples_per_second)) " examples/s" }
                        }
                    }
                    p class="axis-name" { "loss" }
                    (plot::loss(&format!("loss{i}"), curves))
                    p class="axis-name" { "accuracy, %" }
                    (plot::accuracy(&format!("acc{i}"), curves, row))
                    @if let Some(epochs) = caption::epochs(curves, row) { p class="muted of" { (epochs) } }
                }
            } }
        }
    })
}

/// Returns the name of a task for people.
fn title(report: &Report, task: &str) -> String {
    report.rows.iter().find(|row| row.name == task).map_or_else(|| task.to_owned(), JudgedRow::title)
}

/// Renders the examples; nothing if there are none.
pub(crate) fn examples(report: &Report) -> Markup {
    section("examples", "What was asked", &report.examples, || {
        html! {
            div class="examples" { @for example in &report.examples {
                div class="example" {
                    div class="pictures" { @for picture in &example.images {
                        img alt=(picture.alt) src={ "data:image/png;base64," (picture.png) };
                    } }
                    div {
                        p class="kicker" { (title(report, &example.task)) }
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
    })
}
