//! Results published as one number and a range, without a spread of runs: `golden/published.toml`.
//!
//! Rules of edition 1. One run is one draw. Whether it reproduces a range can only be said with the spread of runs,
//! which was never published; a tolerance invented in its place would decide the verdict. So:
//!
//! - Not measured, or not a number within 0..=100: INFRA.
//! - Measured on another number of items than published, or with other settings: INCONCLUSIVE; nothing can be compared.
//! - Otherwise INCONCLUSIVE, with where the accuracy lies: inside the author's range, or so many points below or above it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Verdict;
use super::golden::Band;
use super::row::{Gate, Judged};
use crate::error::{Error, Result};

/// The way of writing that this program reads.
pub const SCHEMA: u32 = 1;
/// The way of judging that this program knows.
pub const EDITION: u32 = 1;
/// The published results compiled into the program.
const EMBEDDED: &str = include_str!("../../golden/published.toml");

/// A file of published results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// [`SCHEMA`].
    pub schema: u32,
    /// [`EDITION`].
    pub edition: u32,
    /// The profile of `repro all` that it judges.
    pub profile: String,
    /// Where everything in it was published.
    pub source: String,
    /// In the order of the report.
    #[serde(rename = "task")]
    pub tasks: Vec<Task>,
}

/// What was published of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Such as `vqa`.
    pub name: String,
    /// What the accuracy counts.
    pub metric: String,
    /// Number of items evaluated.
    pub n: u64,
    /// The number of the table.
    pub headline: Headline,
    /// Where the author expects a retraining.
    pub range: Range,
    /// What a reader should know of these numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headline {
    /// Points, 0 to 100.
    pub accuracy: f64,
    /// Where in the source.
    pub from: String,
}

/// A published range; both ends belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Lower end in points.
    pub low: f64,
    /// Upper end in points.
    pub high: f64,
    /// Where in the source.
    pub from: String,
}

/// What one run measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Accuracy in points.
    pub accuracy: f64,
    /// Items that it was measured on.
    pub n: u64,
    /// In what the run was not the published one (`--model tiny`); empty for a faithful run.
    pub departures: Vec<String>,
}

impl Published {
    /// The published results compiled into the program.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED).map_err(|e| e.while_doing("the embedded published results are wrong"))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Data for another schema or edition, an unknown field, a name that is there twice, or a number outside 0..=100.
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
            edition: u32,
        }
        let head: Head = toml::from_str(text).map_err(Error::data)?;
        if head.schema != SCHEMA || head.edition != EDITION {
            return Err(Error::data(format!(
                "schema {} edition {} is not schema {SCHEMA} edition {EDITION}, which this program knows",
                head.schema, head.edition
            ))
            .next("use the program of the same version as the file"));
        }
        let published: Self = toml::from_str(text).map_err(Error::data)?;
        let mut names = BTreeSet::new();
        for task in &published.tasks {
            let Task { name, n, headline, range, .. } = task;
            let wrong = |why: String| Err(Error::data(format!("task {name} is wrong")).because(why));
            if name.is_empty() || !names.insert(name) {
                return wrong("its name is empty or there twice".into());
            }
            if *n == 0 {
                return wrong("n is 0".into());
            }
            if let Some(bad) = [headline.accuracy, range.low, range.high].iter().find(|v| !(0.0..=100.0).contains(*v)) {
                return wrong(format!("{bad} is not within 0 and 100"));
            }
            if range.low > range.high {
                return wrong(format!("its range begins at {} and ends at {}", range.low, range.high));
            }
        }
        Ok(published)
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Places a run's accuracy by the rules above.
    pub fn judge(&self, name: &str, measured: &Measured) -> Judged {
        let mut judged = self.unjudged(name);
        let Measured { accuracy, n, departures } = measured;
        judged.n = Some(*n);
        if !(0.0..=100.0).contains(accuracy) {
            judged.evidence.push(format!("the evaluation gave {accuracy}, which is no accuracy"));
            judged.what_to_do = Some("look at the loss curve: a run that diverged has no result to judge".into());
            return judged;
        }
        judged.observed = Some(*accuracy);
        judged.verdict = Verdict::Inconclusive;
        let Some(task) = self.task(name) else {
            judged.evidence.push("no result of this task was published".into());
            return judged;
        };
        if !departures.is_empty() {
            judged.evidence.push(format!("not the published settings ({}): not comparable", departures.join(", ")));
            judged.what_to_do = Some("run it with the published settings".into());
        }
        if *n != task.n {
            judged.evidence.push(format!("evaluated on {n} items, published on {}: not comparable", task.n));
            judged.what_to_do.get_or_insert_with(|| "evaluate the whole published set".into());
        }
        if judged.evidence.is_empty() {
            judged.evidence.push(task.range.place(*accuracy));
            judged.evidence.push("one run is one draw, and no spread of runs was published to judge one by".into());
            judged.what_to_do =
                Some("run it with more seeds (--seed) and compare their accuracies with the range".into());
        }
        judged.evidence.extend(task.note.clone());
        judged
    }

    /// The row of a task that was not run.
    pub fn not_run(&self, name: &str, why: &str) -> Judged {
        let mut judged = self.unjudged(name);
        judged.evidence.push(why.to_owned());
        judged.what_to_do = Some("mend what stopped the run and start it again; finished stages are kept".into());
        judged
    }

    fn unjudged(&self, name: &str) -> Judged {
        let task = self.task(name);
        Judged {
            band: task.map(|Task { range, .. }| Band {
                low: range.low,
                high: range.high,
                rule: format!("the range that the author expects of a retraining ({}, {})", self.source, range.from),
            }),
            headline: task.map(|task| task.headline.accuracy),
            ..Judged::new(name, Gate::Train, task.map_or("accuracy", |task| &task.metric))
        }
    }
}

impl Range {
    /// Where an accuracy lies, in a sentence.
    fn place(&self, accuracy: f64) -> String {
        let Self { low, high, .. } = self;
        let range = format!("the author's range {low:.1}–{high:.1}");
        match accuracy {
            a if a < *low => format!("{a:.2} lies {:.2} points below {range}", low - a),
            a if a > *high => format!("{a:.2} lies {:.2} points above {range}", a - high),
            a => format!("{a:.2} lies inside {range}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(task: &str, accuracy: f64, n: u64, departures: &[&str]) -> Judged {
        let departures = departures.iter().map(|d| (*d).to_owned()).collect();
        Published::embedded().unwrap().judge(task, &Measured { accuracy, n, departures })
    }

    #[test]
    fn the_published_numbers() {
        let published = Published::embedded().unwrap();
        let numbers: Vec<_> =
            published.tasks.iter().map(|t| (&*t.name, t.n, t.headline.accuracy, t.range.low, t.range.high)).collect();
        assert_eq!(
            numbers,
            [("vqa", 25_994, 69.9, 69.7, 70.2), ("gqa", 12_578, 59.8, 59.8, 60.1), ("nlvr2", 6_982, 74.95, 74.0, 74.5)]
        );
    }

    #[test]
    fn one_run_is_placed_and_never_passed_or_failed() {
        for (task, n, accuracy, place) in [
            ("vqa", 25_994, 69.7, "69.70 lies inside the author's range 69.7–70.2"),
            ("vqa", 25_994, 60.0, "60.00 lies 9.70 points below the author's range 69.7–70.2"),
            ("gqa", 12_578, 60.35, "60.35 lies 0.25 points above the author's range 59.8–60.1"),
            ("nlvr2", 6_982, 74.95, "74.95 lies 0.45 points above the author's range 74.0–74.5"),
        ] {
            let judged = judge(task, accuracy, n, &[]);
            assert_eq!(judged.verdict, Verdict::Inconclusive);
            assert_eq!(judged.evidence[0], place);
            assert!(judged.evidence[1].starts_with("one run is one draw"));
            assert!(judged.band.unwrap().rule.contains("0db1182") && judged.headline.is_some());
        }
        assert!(judge("nlvr2", 74.0, 6_982, &[]).evidence[2].contains("above the author's own range"));
    }

    #[test]
    fn what_cannot_be_compared_is_not() {
        for (judged, verdict, evidence) in [
            (judge("vqa", 69.9, 40, &[]), Verdict::Inconclusive, "evaluated on 40 items, published on 25994"),
            (judge("vqa", 69.9, 25_994, &["--model tiny"]), Verdict::Inconclusive, "settings (--model tiny)"),
            (judge("retrieval", 69.9, 40, &[]), Verdict::Inconclusive, "no result of this task"),
            (judge("vqa", f64::NAN, 25_994, &[]), Verdict::Infra, "gave NaN"),
        ] {
            assert_eq!(judged.verdict, verdict, "{evidence}");
            assert!(judged.evidence[0].contains(evidence), "{:?}", judged.evidence);
            assert!(!judged.evidence.iter().any(|e| e.contains("lies inside")), "{:?}", judged.evidence);
        }
        let stopped = Published::embedded().unwrap().not_run("gqa", "stage fetch failed");
        assert_eq!((stopped.verdict, stopped.observed, stopped.headline), (Verdict::Infra, None, Some(59.8)));
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, message) in [
            ("schema = 1", "schema = 2", "schema 2 edition 1 is not"),
            ("edition = 1", "edition = 2", "schema 1 edition 2 is not"),
            ("n = 25994", "n = 0", "n is 0"),
            ("n = 25994", "items = 25994", "unknown field `items`"),
            ("accuracy = 69.90", "accuracy = 169.90", "169.9 is not within"),
            ("low = 69.7", "low = 70.7", "begins at 70.7"),
            ("name = \"gqa\"", "name = \"vqa\"", "empty or there twice"),
        ] {
            assert!(EMBEDDED.contains(from), "{from}");
            let error = Published::parse(&EMBEDDED.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(message), "{to}: {error}");
        }
    }
}
