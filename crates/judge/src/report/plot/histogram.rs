//! How differences are spread: a bar a bin, each bin equally wide, since bins grow by factors.

use maud::{Markup, html};

use super::{Axis, WIDTH, frame, round};
use crate::report::words;
use crate::verdict::row::Spread;

/// Bars with the share of values in each bin; the bins' ends below. The description names every bin that holds something.
pub fn histogram(id: &str, spread: &Spread) -> Markup {
    let bins: Vec<(f64, u64)> = spread.ends.iter().copied().zip(spread.counts.iter().copied()).collect();
    let Some(most) = bins.iter().map(|b| b.1).max().filter(|m| *m > 0) else { return html! {} };
    let x = Axis { low: 0.0, high: bins.len() as f64, start: 10.0, end: WIDTH - 10.0 };
    let y = Axis { low: 0.0, high: most as f64, start: 112.0, end: 22.0 };
    let share = |count: u64| percent(count as f64 / spread.count.max(1) as f64);
    // Labels of many bins would run into each other.
    let every = bins.len().div_ceil(6);
    let content = html! {
        @for (i, (end, count)) in bins.iter().enumerate() {
            @let (left, right) = (x.at(i as f64), x.at(i as f64 + 1.0));
            @if *count > 0 {
                @let top = y.at(*count as f64).min(y.start - 1.5);
                rect class="bar" x=(round(left + 1.5)) y=(top) width=(round(right - left - 3.0)) height=(round(y.start - top)) rx="1.5" {}
                @if bins.len() <= 8 {
                    text class="small" x=(round(f64::midpoint(left, right))) y=(round(top - 5.0)) text-anchor="middle" { (share(*count)) }
                }
            }
            @if (i + 1) % every == 0 {
                line class="axis" x1=(right) x2=(right) y1=(y.start) y2=(y.start + 4.0) {}
                text class="small muted" x=(right.min(WIDTH - 14.0)) y=(y.start + 17.0) text-anchor="middle" { (words::quantity(*end)) }
            }
        }
        text class="small muted" x=(x.start) y=(y.start + 17.0) text-anchor="middle" { "0" }
        line class="axis" x1=(x.start) x2=(x.end) y1=(y.start) y2=(y.start) {}
    };
    let starts = std::iter::once(0.0).chain(bins.iter().map(|b| b.0));
    let told: Vec<String> = starts
        .zip(&bins)
        .filter(|(_, (_, count))| *count > 0)
        .map(|(start, (end, count))| {
            format!("{} to {}: {count} values, {}", words::quantity(start), words::quantity(*end), share(*count))
        })
        .collect();
    frame(id, 136.0, &format!("How {} is spread", spread.name), &(told.join("; ") + "."), &content)
}

/// A share that is there is never shown as nothing.
fn percent(share: f64) -> String {
    match 100.0 * share {
        p if p < 0.1 => "< 0.1 %".to_owned(),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bin_with_values_is_drawn_and_told() {
        let spread = Spread {
            name: "feature difference".into(),
            count: 100_000,
            ends: vec![1e-5, 1e-4, 1e-3],
            counts: vec![99_990, 0, 10],
        };
        let svg = histogram("h", &spread).into_string();
        assert_eq!(svg.matches("class=\"bar\"").count(), 2);
        assert!(svg.contains("0 to 1e-5: 99990 values, 100 %; 0.0001 to 0.001: 10 values, &lt; 0.1 %."), "{svg}");
        assert!(!svg.contains("NaN"));
        for empty in [Spread { counts: vec![0, 0, 0], ..spread.clone() }, Spread { ends: vec![], ..spread }] {
            assert_eq!(histogram("h", &empty).into_string(), "");
        }
    }
}
