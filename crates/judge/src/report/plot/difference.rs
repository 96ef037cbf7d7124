//! The difference of two sets of answers on a strip around 0.

use maud::{Markup, html};

use super::{Axis, WIDTH, frame, label};
use crate::report::words;
use crate::verdict::row::PairedAnswers;
use crate::verdict::statistics::Interval;

/// The difference as a dot, both of its intervals as lines: above with the items taken as independent, below with those of one
/// cluster taken together. Nothing without an interval.
pub fn difference(id: &str, name: &str, pair: &PairedAnswers) -> Markup {
    let cluster = format!("by {}", pair.cluster);
    let lines: Vec<(&str, Interval)> = [("by item", pair.interval), (cluster.as_str(), pair.clustered)]
        .into_iter()
        .filter_map(|(name, interval)| Some((name, interval?)))
        .collect();
    let ends = lines.iter().flat_map(|(_, i)| [i.low, i.high]).chain([pair.difference]);
    let reach = ends.map(f64::abs).fold(0.0, f64::max);
    if lines.is_empty() || !reach.is_finite() {
        return html! {};
    }
    let reach = (1.1 * reach).max(0.01);
    let x = Axis { low: -reach, high: reach, start: 96.0, end: WIDTH - 10.0 };
    let ticks = x.ticks(5.0);
    let bottom = 14.0 + 24.0 * lines.len() as f64;
    let told = words::paired(pair).pop().unwrap_or_default();
    let content = html! {
        @for tick in &ticks {
            line class="grid" x1=(x.at(*tick)) x2=(x.at(*tick)) y1="6" y2=(bottom) {}
            text class="small muted" x=(x.at(*tick)) y=(bottom + 15.0) text-anchor="middle" { (label(*tick, &ticks)) }
        }
        line class="published" x1=(x.at(0.0)) x2=(x.at(0.0)) y1="6" y2=(bottom) {}
        @for (i, (name, interval)) in lines.iter().enumerate() {
            @let y = 22.0 + 24.0 * i as f64;
            text class="muted" x="0" y=(y + 4.0) { (super::shortened(name, 13)) }
            line class="stem model whole" x1=(x.at(interval.low)) x2=(x.at(interval.high)) y1=(y) y2=(y) {}
            circle class="point one" cx=(x.at(pair.difference)) cy=(y) r="5" {}
        }
    };
    frame(id, bottom + 20.0, &format!("{name}: candidate minus reference, points"), &format!("{told}."), &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_line_an_interval() {
        let mut pair = crate::report::sample::checked().rows[2].paired.clone().unwrap();
        let svg = difference("d", "nlvr2", &pair).into_string();
        assert_eq!(svg.matches("circle").count(), 4, "{svg}");
        assert!(svg.contains("by item") && svg.contains("by image pair") && svg.contains("difference -0.20 points"));
        (pair.interval, pair.clustered) = (None, None);
        assert_eq!(difference("d", "nlvr2", &pair).into_string(), "");
    }
}
