//! Draws curves, bands and rankings on axes.

use maud::{Markup, html};

use super::super::metrics::Curves;
use super::super::{caption, words};
use crate::verdict::row::{JudgedRow, RunState};

/// Plots are drawn on this width and scale with their column.
pub(super) const WIDTH: f64 = 360.0;

/// A linear axis from data to drawing units.
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Axis {
    pub(super) fn at(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 { (value - self.low) / span } else { 0.5 };
        // Two decimals: enough for a screen, and the same text on every machine.
        (100.0 * (self.start + share * (self.end - self.start))).round() / 100.0
    }

    /// Returns about `count` round values inside the axis.
    pub(super) fn ticks(&self, count: f64) -> Vec<f64> {
        let step = nice_step((self.high - self.low) / count);
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        (first..=last.min(first.saturating_add(50))).map(|i| i as f64 * step).collect()
    }
}

/// Returns 1, 2 or 5 times a power of ten, at least `rough`.
fn nice_step(rough: f64) -> f64 {
    let rough = if rough.is_finite() && rough > 1e-12 { rough } else { 1.0 };
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough * 0.999).unwrap_or(10.0 * power)
}

/// Formats a tick with as many decimals as the distance between ticks needs.
pub(super) fn label(value: f64, ticks: &[f64]) -> String {
    let step = ticks.windows(2).map(|w| w[1] - w[0]).next().unwrap_or(1.0);
    let decimals = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

pub(super) fn frame(id: &str, height: f64, title: &str, desc: &str, content: &Markup) -> Markup {
    html! {
        svg class="plot" role="img" viewBox={ "0 0 " (WIDTH) " " (height) } aria-labelledby={ (id) "-t " (id) "-d" } {
            title id={ (id) "-t" } { (title) }
            desc id={ (id) "-d" } { (desc) }
            (content)
        }
    }
}

/// Draws the observed accuracy on a strip around its band: recorded runs as small marks, the published number as a dashed line,
/// the interval of a mean through its dot, and the runs of the mean as rings.
pub fn band(id: &str, row: &JudgedRow) -> Markup {
    let counted: Vec<f64> =
        row.runs.iter().filter(|r| r.state == RunState::Counted).filter_map(|r| r.accuracy).collect();
    let interval = row.estimate.as_ref().map(|e| e.interval);
    // One dot beside nothing says no more than its number.
    if row.band.is_none() && row.headline.is_none() && interval.is_none() && row.recorded.is_empty() {
        return html! {};
    }
    let values = (row.recorded.iter().copied().chain(row.observed).chain(row.headline).chain(counted.iter().copied()))
        .chain(row.band.iter().flat_map(|b| [b.low, b.high]))
        .chain(interval.iter().flat_map(|i| [i.low, i.high]));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return html! {};
    }
    let room = (0.18 * (high - low)).max(0.2);
    let x = Axis { low: low - room, high: high + room, start: 10.0, end: WIDTH - 10.0 };
    let ticks = x.ticks(5.0);
    let band_text = row.band.as_ref().map_or_else(|| "no band".to_owned(), |b| format!("band {}–{}", b.low, b.high));
    let mut told = vec![row.observed.map_or_else(|| "not measured".to_owned(), |v| format!("observed {v:.2}"))];
    told.extend(row.estimate.as_ref().map(words::estimate));
    told.push(band_text.clone());
    told.extend(row.headline.map(|v| format!("published {v:.2}")));
    if !row.recorded.is_empty() {
        told.push(format!("{} recorded runs are marked", row.recorded.len()));
    }
    if !counted.is_empty() {
        told.push(format!("the {} runs behind it are rings", counted.len()));
    }
    let content = html! {
        @if let Some(band) = &row.band {
            rect class="band" x=(x.at(band.low)) y="20" width=(round(x.at(band.high) - x.at(band.low))) height="30" rx="3" {}
            @let middle = x.at(f64::midpoint(band.low, band.high)).clamp(50.0, WIDTH - 50.0);
            text class="small muted" x=(middle) y="12" text-anchor="middle" { (band_text) }
        }
        line class="axis" x1=(x.start) x2=(x.end) y1="50" y2="50" {}
        @for tick in &ticks {
            line class="axis" x1=(x.at(*tick)) x2=(x.at(*tick)) y1="50" y2="54" {}
            text class="small muted" x=(x.at(*tick)) y="67" text-anchor="middle" { (label(*tick, &ticks)) }
        }
        @for value in &row.recorded {
            line class="seed" x1=(x.at(*value)) x2=(x.at(*value)) y1="39" y2="50" {}
        }
        @if let Some(value) = row.headline {
            line class="published" x1=(x.at(value)) x2=(x.at(value)) y1="17" y2="50" {}
        }
        g class=(row.verdict.as_str().to_lowercase()) {
            @if let Some(interval) = interval {
                line class="whisker" x1=(x.at(interval.low)) x2=(x.at(interval.high)) y1="33" y2="33" {}
                @for end in [interval.low, interval.high] {
                    line class="whisker" x1=(x.at(end)) x2=(x.at(end)) y1="28" y2="38" {}
                }
            }
            @for value in &counted { circle class="ring" cx=(x.at(*value)) cy="44" r="3" {} }
            @if let Some(value) = row.observed { circle class="dot" cx=(x.at(value)) cy="33" r="6" {} }
        }
    };
    frame(id, 72.0, &format!("{}: observed accuracy against its band", row.title()), &(told.join("; ") + "."), &content)
}

/// Draws the model above its baselines on one scale from 0 to 100.
pub fn ranking(id: &str, row: &JudgedRow) -> Markup {
    let mut lines: Vec<(String, Option<f64>, bool)> = vec![("model".to_owned(), row.observed, true)];
    lines.extend(row.baselines.iter().map(|b| (b.name.clone(), b.observed, false)));
    let x = Axis { low: 0.0, high: 100.0, start: 96.0, end: WIDTH - 52.0 };
    let bottom = 8.0 + 24.0 * lines.len() as f64;
    let desc: Vec<String> = lines.iter().map(|(name, v, _)| format!("{name} {}", super::super::points(*v))).collect();
    let content = html! {
        @for tick in [0.0, 25.0, 50.0, 75.0, 100.0] {
            line class="grid" x1=(x.at(tick)) x2=(x.at(tick)) y1="6" y2=(bottom) {}
            text class="small muted" x=(x.at(tick)) y=(bottom + 15.0) text-anchor="middle" { (tick) }
        }
        @for (i, (name, value, is_model)) in lines.iter().enumerate() {
            @let y = 20.0 + 24.0 * i as f64;
            text class=(if *is_model { "strong" } else { "muted" }) x="0" y=(y + 4.0) { (shortened(name, 15)) }
            @if let (true, Some(band)) = (*is_model, &row.band) {
                @let width = (x.at(band.high) - x.at(band.low)).max(2.0);
                rect class="band" x=(x.at(band.low)) y=(y - 9.0) width=(round(width)) height="18" rx="2" {}
            }
            @if let Some(value) = value {
                line class=(if *is_model { "stem model" } else { "stem" }) x1=(x.start) x2=(x.at(*value)) y1=(y) y2=(y) {}
                @if *is_model {
                    circle class={ "dot " (row.verdict.as_str().to_lowercase()) } cx=(x.at(*value)) cy=(y) r="5" {}
                } @else {
                    circle class="weak" cx=(x.at(*value)) cy=(y) r="4" {}
                }
            }
            text class=(if *is_model { "strong" } else { "muted" }) x=(WIDTH) y=(y + 4.0) text-anchor="end" {
                (super::super::points(*value))
            }
        }
    };
    frame(
        id,
        bottom + 20.0,
        &format!("{}: the model and its baselines", row.title()),
        &(desc.join(", ") + "."),
        &content,
    )
}

/// Draws the training loss by step: every point faint, their moving mean on top.
pub fn loss(id: &str, curves: &Curves) -> Markup {
    let points: Vec<(f64, f64)> = curves.steps.iter().filter_map(|p| Some((p.step as f64, p.loss?))).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return html! {} };
    let top = points.iter().map(|p| p.1).fold(0.0, f64::max);
    // Centred, with what there is at the ends, so that the line does not lag behind.
    let reach = points.len() / 30;
    let around = |i: usize| &points[i.saturating_sub(reach)..points.len().min(i + reach + 1)];
    let smooth: Vec<(f64, f64)> = (points.iter().enumerate())
        .map(|(i, p)| (p.0, around(i).iter().map(|q| q.1).sum::<f64>() / around(i).len() as f64))
        .collect();
    let x = Axis { low: first.0.min(1.0), high: last.0, start: 40.0, end: WIDTH - 8.0 };
    let y = Axis { low: 0.0, high: top * 1.05, start: 166.0, end: 10.0 };
    let desc = format!("Loss {:.3} at step {}, {:.3} at step {}.", first.1, first.0, last.1, last.0);
    let content = html! {
        (axes(&x, &y, "step"))
        path class="faint" d=(line(&points, &x, &y)) {}
        path class="series one" d=(line(&smooth, &x, &y)) {}
    };
    frame(id, 204.0, &format!("{}: training loss by step", curves.task), &desc, &content)
}

/// Draws training and validation accuracy by epoch, with the best epoch circled and the band, if there is one.
pub fn accuracy(id: &str, curves: &Curves, row: Option<&JudgedRow>) -> Markup {
    let series = |value: fn(&super::super::metrics::EpochPoint) -> Option<f64>| -> Vec<(f64, f64)> {
        curves.epochs.iter().filter_map(|p| Some((f64::from(p.epoch) + 1.0, value(p)?))).collect()
    };
    let all = [("train", "two", series(|p| p.train)), ("valid", "one", series(|p| p.valid))];
    let lowest = all.iter().flat_map(|s| &s.2).map(|p| p.1).fold(f64::INFINITY, f64::min);
    if !lowest.is_finite() {
        return html! {};
    }
    let chance = row.and_then(|r| r.baselines.iter().find(|b| b.name == "chance")).and_then(|b| b.observed);
    let low = (lowest.min(chance.unwrap_or(100.0)) / 10.0).floor() * 10.0;
    let epochs = curves.epochs.iter().map(|p| f64::from(p.epoch) + 1.0).fold(1.0, f64::max);
    let x = Axis { low: 1.0, high: epochs, start: 40.0, end: WIDTH - 74.0 };
    let y = Axis { low: low.min(90.0), high: 100.0, start: 166.0, end: 10.0 };
    let mut ends: Vec<(&str, &str, f64, f64)> =
        all.iter().filter_map(|(name, class, s)| s.last().map(|p| (*name, *class, p.1, y.at(p.1)))).collect();
    ends.sort_by(|a, b| a.3.total_cmp(&b.3));
    let mut lowest_free = 10.0;
    for end in &mut ends {
        end.3 = end.3.max(lowest_free);
        lowest_free = end.3 + 15.0;
    }
    let mut desc: Vec<String> =
        ends.iter().map(|(name, _, value, _)| format!("{name} {value:.2} after the last epoch")).collect();
    let best = caption::last_and_best(curves).map(|[_, best]| best);
    desc.extend(best.map(|(point, value)| format!("best valid {value:.2} after epoch {}", u64::from(point.epoch) + 1)));
    let content = html! {
        @if let Some(band) = row.and_then(|r| r.band.as_ref()).filter(|b| b.high > y.low) {
            @let (top, bottom) = (y.at(band.high), y.at(band.low.max(y.low)));
            rect class="band" x=(x.start) y=(top) width=(round(x.end - x.start)) height=(round((bottom - top).max(1.0))) {}
        }
        @if let Some(chance) = chance.filter(|c| *c >= y.low) {
            line class="chance" x1=(x.start) x2=(x.end) y1=(y.at(chance)) y2=(y.at(chance)) {}
            text class="small muted" x=(x.end + 6.0) y=(y.at(chance) + 4.0) { "chance" }
        }
        (axes(&x, &y, "epoch"))
        @for (_, class, points) in &all {
            path class={ "series " (class) } d=(line(points, &x, &y)) {}
            @if let [only] = points.as_slice() {
                circle class={ "point " (class) } cx=(x.at(only.0)) cy=(y.at(only.1)) r="3" {}
            }
        }
        @if let Some((point, value)) = best {
            circle class="best" cx=(x.at(f64::from(point.epoch) + 1.0)) cy=(y.at(value)) r="4.5" {}
        }
        @for (name, class, value, height) in &ends {
            text class={ "end " (class) } x=(x.end + 6.0) y=(round(height + 4.0)) { (name) " " (format!("{value:.1}")) }
        }
    };
    frame(id, 204.0, &format!("{}: accuracy by epoch", curves.task), &(desc.join(", ") + "."), &content)
}

fn axes(x: &Axis, y: &Axis, unit: &str) -> Markup {
    let (across, up) = (x.ticks(5.0), y.ticks(4.0));
    let across: Vec<f64> = across.into_iter().filter(|t| t.fract() == 0.0).collect();
    html! {
        @for tick in &up {
            line class="grid" x1=(x.start) x2=(x.end) y1=(y.at(*tick)) y2=(y.at(*tick)) {}
            text class="small muted" x=(x.start - 6.0) y=(y.at(*tick) + 4.0) text-anchor="end" { (label(*tick, &up)) }
        }
        line class="axis" x1=(x.start) x2=(x.end) y1=(y.start) y2=(y.start) {}
        @for tick in &across {
            text class="small muted" x=(x.at(*tick)) y=(y.start + 15.0) text-anchor="middle" { (tick) }
        }
        text class="small muted" x=(round(f64::midpoint(x.start, x.end))) y=(y.start + 31.0) text-anchor="middle" { (unit) }
    }
}

pub(super) fn line(points: &[(f64, f64)], x: &Axis, y: &Axis) -> String {
    let steps: Vec<String> = points.iter().map(|p| format!("{} {}", x.at(p.0), y.at(p.1))).collect();
    if steps.is_empty() { String::new() } else { format!("M{}", steps.join("L")) }
}

pub(super) fn round(value: f64) -> f64 {
    (100.0 * value).round() / 100.0
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |low, high| Axis { low, high, start: 0.0, end: 1.0 }.ticks(5.0);
        assert_eq!(ticks(0.0, 100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(79.2, 81.9), [80.0, 81.0]);
        assert_eq!(ticks(3.0, 3.0), [3.0]);
        assert_eq!(label(0.5, &[0.5, 1.0]), "0.5");
        assert_eq!(label(80.0, &[80.0, 81.0]), "80");
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        let none = Curves::default();
        assert_eq!(loss("a", &none).into_string() + &accuracy("b", &none, None).into_string(), "");
        let mut row = super::super::super::sample::passed().rows.remove(0);
        (row.observed, row.band, row.recorded, row.headline) = (None, None, vec![], None);
        assert_eq!(band("c", &row).into_string(), "");
    }

    #[test]
    fn a_run_that_diverged_is_drawn_without_the_holes() {
        let mut report = super::super::super::sample::passed();
        let curves = &mut report.curves[0];
        for point in &mut curves.steps {
            point.loss = None;
        }
        curves.steps[0].loss = Some(f64::MAX);
        let svg = loss("a", curves).into_string();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
