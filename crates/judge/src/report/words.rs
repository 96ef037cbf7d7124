//! Sentences and numbers that several forms of a report share.

use super::content::{GoldenRecord, Report};
use crate::verdict::Verdict;
use crate::verdict::features;
use crate::verdict::row::{Estimate, Flip, JudgedRow, JudgedRun, PairedAnswers, Spread, Subject, Target};

/// What a demo result means, and what it does not.
pub(crate) const DEMO: &str = "This is a demo: drawn scenes, and a small model trained from random weights, compared with recorded \
                        runs of this program. It says nothing about LXMERT's published accuracies (69.90, 59.80, 74.95).";

/// Returns [`Report::about`] for a profile of `repro all` and the judged rows.
pub(crate) fn about(profile: &str, rows: &[JudgedRow]) -> Option<String> {
    let is_demo = Subject::of_profile(profile) == Subject::Demo || rows.iter().any(|row| row.subject == Subject::Demo);
    is_demo.then(|| DEMO.to_owned())
}

/// Formats points with two decimals, such as `80.53`, or as a dash.
pub fn points(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"))
}

/// Formats a number of any size with six significant digits.
pub(crate) fn quantity(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if !(1e-4..1e9).contains(&size) {
        let text = format!("{value:.5e}");
        return text.split_once('e').map_or(text.clone(), |(digits, power)| format!("{}e{power}", trimmed(digits)));
    }
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 9.0) as usize;
    trimmed(&format!("{value:.decimals$}"))
}

/// Formats a share as a percentage, such as `95 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", quantity(100.0 * share))
}

/// Returns why a row has its verdict, in a sentence: the first one of its evidence.
pub(crate) fn happened(row: &JudgedRow) -> &str {
    row.evidence.first().map_or("no reason was recorded", String::as_str)
}

/// Returns what to do about a row; `None` if it passed.
pub(crate) fn next(row: &JudgedRow) -> Option<&str> {
    let advice = row.what_to_do.as_deref();
    (row.verdict != Verdict::Pass).then(|| advice.unwrap_or("read the evidence in report.html"))
}

/// Formats an interval, such as `95 % interval 69.30–69.74`.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    format!("{} interval {}", percent(estimate.confidence), range(estimate.interval.low, estimate.interval.high))
}

/// Formats a range of accuracies with two decimals.
pub(crate) fn range(low: f64, high: f64) -> String {
    format!("{low:.2}–{high:.2}")
}

/// Returns the claim that a target stands for, such as `inside the author's range (69.7–70.2)`.
pub(crate) fn claim(target: &Target) -> String {
    let Target { name, low, high, .. } = target;
    let points = if low == high { quantity(*low) } else { format!("{}–{}", quantity(*low), quantity(*high)) };
    match name.as_str() {
        "equivalence" => format!("equivalent to the published result ({points})"),
        "range" => format!("inside the author's range ({points})"),
        "headline" => format!("as good as the headline ({points})"),
        _ => format!("{name} ({points})"),
    }
}

/// Returns whether the claim of a target holds, in a word or two.
pub(crate) fn answer(target: &Target) -> &'static str {
    match target.met {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not settled",
    }
}

/// Says how many more seeds would settle an open mean.
pub(crate) fn more_seeds(seeds: u64) -> String {
    let seeds = if seeds == 1 { "1 more seed".to_owned() } else { format!("{seeds} more seeds") };
    format!("{seeds} would settle it if the mean stays where it is")
}

/// Describes a given run in a line.
pub(crate) fn run(run: &JudgedRun) -> String {
    let seed = run.seed.map_or_else(|| "seed unknown".to_owned(), |s| format!("seed {s}"));
    let why = if run.why.is_empty() { String::new() } else { format!(": {}", run.why) };
    format!("run {}, {seed}: {}, {}{why}", run.run, points(run.accuracy), run.state.as_str())
}

/// Compares two sets of answers in three sentences.
pub(crate) fn paired(paired: &PairedAnswers) -> Vec<String> {
    let PairedAnswers { reference, items, flips, allowed, lost, gained, p, difference, cluster, clusters, .. } = paired;
    let signed = |value: f64| format!("{value:+.2}");
    let between = |i: crate::verdict::statistics::Interval| format!("{} to {}", signed(i.low), signed(i.high));
    let mut change = format!("difference {} points", signed(*difference));
    if let Some(interval) = paired.interval {
        change += &format!(", {} interval {}", percent(paired.confidence), between(interval));
    }
    if let Some(interval) = paired.clustered {
        change += &format!("; {} with the items of one {cluster} taken together ({clusters})", between(interval));
    }
    vec![
        format!("{flips} of {items} answers differ from those of {reference}; at most {allowed} may"),
        format!("{lost} right answers lost, {gained} gained; McNemar's exact test gives p = {}", quantity(*p)),
        change,
    ]
}

/// Describes a changed answer in a line.
pub(crate) fn flip(flip: &Flip) -> String {
    let Flip { id, reference, candidate } = flip;
    format!("item {id}: {:?} ({:.2}) became {:?} ({:.2})", reference.0, reference.1, candidate.0, candidate.1)
}

/// Formats the value and the limit of a measure.
pub(crate) fn measured(row: &features::MeasureRow) -> [String; 2] {
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), quantity);
    [shown(row.observed), shown(row.limit)]
}

/// Returns the verdict of a measure, or `not judged`.
pub(crate) fn measure_verdict(row: &features::MeasureRow) -> &'static str {
    row.verdict.map_or("not judged", Verdict::as_str)
}

/// Says below which bounds half, 99 % and all of the values lie.
pub(crate) fn spread(spread: &Spread) -> String {
    let Spread { count, ends, counts, .. } = spread;
    if *count == 0 {
        return "no values".to_owned();
    }
    let up_to = |share: f64| {
        let (mut sum, wanted) = (0_u64, share * *count as f64);
        let bin = counts.iter().position(|c| {
            // A hostile report may count more than there can be.
            sum = sum.saturating_add(*c);
            sum as f64 >= wanted
        });
        bin.and_then(|i| ends.get(i)).map_or_else(|| "more than the last bin".to_owned(), |end| quantity(*end))
    };
    format!("{count} values: half at most {}, 99 % at most {}, all at most {}", up_to(0.5), up_to(0.99), up_to(1.0))
}

/// Lists golden files, such as `published edition 2 and features edition 1`.
pub(crate) fn editions(golden: &[GoldenRecord]) -> String {
    let names: Vec<String> = golden.iter().map(|g| format!("{} edition {}", g.name, g.edition)).collect();
    if names.is_empty() { "no golden file".to_owned() } else { names.join(" and ") }
}

/// Returns the earlier and the new verdict with their golden files; `None` if there was none.
pub(crate) fn before(report: &Report) -> Option<String> {
    let before = report.before.as_ref()?;
    let (then, now) = (editions(&before.golden), editions(&report.golden));
    Some(match before.verdict == report.verdict {
        true => format!("was {} under {then}; still {} under {now}", before.verdict, report.verdict),
        false => format!("was {} under {then}; now {} under {now}", before.verdict, report.verdict),
    })
}

/// Returns everything that a row holds beyond its evidence in lines of plain text, with at most `flips` changed answers.
pub(crate) fn details(row: &JudgedRow, flips: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(found) = &row.estimate {
        lines.push(format!("mean {}, {}: {}", points(row.observed), estimate(found), found.method));
    }
    for target in &row.targets {
        let role = if target.decides { ", which decides the verdict" } else { "" };
        lines.push(format!("{}: {}{role}; {}", claim(target), answer(target), target.sentence));
    }
    lines.extend(row.more_seeds.map(more_seeds));
    lines.extend(row.runs.iter().map(run));
    if let Some(pair) = &row.paired {
        lines.extend(paired(pair));
        lines.extend(pair.examples.iter().take(flips).map(flip));
    }
    for measure in &row.measures {
        let [observed, limit] = measured(measure);
        lines.push(format!("{}: {observed}, limit {limit}, {}", measure.measure, measure_verdict(measure)));
    }
    lines.extend(row.spreads.iter().map(|s| format!("spread of {}: {}", s.name, spread(s))));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn numbers_of_any_size_have_six_figures() {
        let shown = [0.0, 0.000_123_456_7, 0.999_998, 12.5, 1_234_567.8, 1e-7, -0.25, 2e12].map(quantity);
        assert_eq!(shown, ["0", "0.000123457", "0.999998", "12.5", "1234568", "1e-7", "-0.25", "2e12"]);
        assert_eq!([0.95, 0.999].map(percent), ["95 %", "99.9 %"]);
    }

    #[test]
    fn the_sentence_that_decided_is_named() {
        let mixed = sample::mixed();
        assert_eq!(happened(&mixed.rows[0]), "78.20 is 1.30 points below the band 79.5–81.6");
        assert_eq!(happened(&mixed.rows[1]), "only 3.75 points above question-only, at least 5 required");
        assert!(next(&mixed.rows[1]).unwrap().starts_with("the task must need both"));
        assert_eq!(next(&sample::passed().rows[0]), None);
    }

    #[test]
    fn a_spread_says_where_its_values_lie() {
        let spread_of = |counts: &[u64]| {
            let ends = vec![0.001, 0.01, 0.1];
            spread(&Spread { name: String::new(), count: counts.iter().sum(), ends, counts: counts.to_vec() })
        };
        assert_eq!(spread_of(&[60, 39, 1]), "100 values: half at most 0.001, 99 % at most 0.01, all at most 0.1");
        assert_eq!(spread_of(&[0, 0, 0]), "no values");
    }

    #[test]
    fn an_earlier_verdict_is_told_with_its_edition() {
        let report = sample::checked();
        assert_eq!(
            before(&report).unwrap(),
            "was PASS under published edition 1; now FAIL under published edition 2 and features edition 1"
        );
        assert_eq!(before(&sample::passed()), None);
    }
}
