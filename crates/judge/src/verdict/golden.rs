//! Golden files of recorded runs, and the rule that turns the runs into a band.
//!
//! A file names its `schema` (how it is written) and its `edition` (how it is judged), both checked on load. The raw reference
//! runs are kept, a band never is: [`GoldenRuns::band`] computes it. Unknown fields are refused, so that a misspelt tolerance
//! is an error and not a default.
//!
//! ```toml
//! schema = 1
//! edition = 1
//! profile = "demo"
//!
//! [rule]
//! name = "prediction-interval"
//! confidence = 0.99      # share of faithful runs inside the band
//! sd_floor = 0.2         # points; the standard deviation is taken as at least this
//! decimals = 1           # the band is rounded outward to this many
//! reason = "why these values, written before any result was judged"
//!
//! [recipe]               # only where it is not the program's own: what was drawn, asked and trained
//! seed = 7               # … as in data/demo.toml
//!
//! [[task]]
//! name = "vqa"
//! metric = "soft-score accuracy"
//! n = 600                # items of the evaluation set
//! recorded = [{ seed = 1, accuracy = 81.33 }, { seed = 2, accuracy = 80.91 }]   # at least 10 for a verdict
//!
//! [[task.baseline]]
//! name = "question-only"
//! margin = 10.0          # points by which the model must be above it
//! reason = "why"
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{head, statistics};
use base::error::{Error, Result};
use base::files;

/// The schema that this program reads.
pub const SCHEMA: u32 = 1;
/// The edition of the rules that this program knows. Edition 1: [`GoldenRuns::band`] and the gate of `super::judge`.
pub const EDITION: u32 = 1;
/// Minimum number of recorded runs for a verdict; fewer say too little about their spread.
pub const MIN_RECORDED: usize = 10;

/// The recorded runs of the demo, compiled into the program.
pub const DEMO: &str = include_str!("../../../../golden/demo.toml");

const FILE_LIMIT: u64 = 4 << 20;

/// One golden file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRuns {
    /// [`SCHEMA`].
    pub schema: u32,
    /// [`EDITION`].
    pub edition: u32,
    /// The profile of `repro all` that it judges.
    pub profile: String,
    /// How bands follow from the recorded runs.
    pub rule: BandRule,
    /// Recipe of the recorded runs, in the format of the profile; `None` for the embedded recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<toml::Table>,
    /// What is judged, in the order of the report.
    #[serde(rename = "task")]
    pub tasks: Vec<GoldenTask>,
}

/// The rules known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BandRuleName {
    /// [`statistics::prediction_interval_of_mean`] of the new runs.
    PredictionInterval,
    /// MLPerf's reference convergence points ([`statistics::rcp_threshold`]): means without the best and the worst run from three
    /// runs on, the standard deviation of all recorded runs, a one-sided test; nothing is too good.
    ReferenceConvergencePoints,
}

/// How a band follows from recorded runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandRule {
    /// Which formula.
    pub name: BandRuleName,
    /// Probability that a faithful new run falls inside, 0.5 to 0.9999.
    pub confidence: f64,
    /// Least standard deviation in points, so that runs which happen to agree do not give an empty band. Above 0.
    pub sd_floor: f64,
    /// Decimals of the band's ends, rounded outward; at most 6.
    pub decimals: u32,
    /// Why these values.
    pub reason: String,
}

/// What is recorded of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenTask {
    /// Such as `vqa`.
    pub name: String,
    /// What the accuracy counts, such as `soft-score accuracy`.
    pub metric: String,
    /// Number of items evaluated.
    pub n: u64,
    /// The published accuracy in points, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<f64>,
    /// All reference runs.
    pub recorded: Vec<RecordedRun>,
    /// Baselines that must be clearly lower.
    #[serde(default, rename = "baseline", skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<GoldenBaseline>,
}

/// One reference run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRun {
    /// Its seed, unique within the task.
    pub seed: u64,
    /// Its accuracy in points, 0 to 100.
    pub accuracy: f64,
}

/// A weaker predictor that the model must beat, such as the same model without the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenBaseline {
    /// Such as `question-only`, `image-only`, `chance`.
    pub name: String,
    /// The least distance in points.
    pub margin: f64,
    /// Why this margin.
    pub reason: String,
}

/// Where a faithful run's accuracy lies, in points; both ends belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Band {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The rule and its numbers in one sentence.
    pub rule: String,
}

impl GoldenRuns {
    /// Reads a file. An error names the line.
    pub fn load(path: &Path) -> Result<Self> {
        let text = files::read_text(path, FILE_LIMIT)?;
        Self::parse(&text).map_err(|e| e.while_doing(format!("cannot read the golden values {}", path.display())))
    }

    /// Parses the text of a file.
    pub fn parse(text: &str) -> Result<Self> {
        let golden: Self = head::parse(text, SCHEMA, EDITION)?;
        golden.check()?;
        Ok(golden)
    }

    fn check(&self) -> Result<()> {
        let rule = &self.rule;
        let sound = |what: &str, ok: bool| if ok { Ok(()) } else { Err(Error::data(what)) };
        sound("rule.confidence must be within 0.5 and 0.9999", (0.5..=0.9999).contains(&rule.confidence))?;
        sound("rule.sd_floor must be above 0 and at most 50 points", rule.sd_floor > 0.0 && rule.sd_floor <= 50.0)?;
        sound("rule.decimals must be at most 6", rule.decimals <= 6)?;
        sound("rule.reason is empty", !rule.reason.trim().is_empty())?;
        unique("task", self.tasks.iter().map(|t| t.name.as_str()))?;
        for task in &self.tasks {
            task.check().map_err(|e| e.while_doing(format!("task {} is wrong", task.name)))?;
        }
        Ok(())
    }

    /// Returns the task of that name.
    pub fn task(&self, name: &str) -> Option<&GoldenTask> {
        self.tasks.iter().find(|t| t.name == name)
    }

    /// Returns the band for one new run of a task.
    pub fn band(&self, task: &GoldenTask) -> Option<Band> {
        self.band_of_mean(task, 1)
    }

    /// Returns the band for the mean of `new` further runs of a task: the interval of the rule from the recorded runs, rounded
    /// outward and cut to 0..=100. `None` with fewer than two recorded runs or no new one.
    pub fn band_of_mean(&self, task: &GoldenTask, new: usize) -> Option<Band> {
        let values: Vec<f64> = task.recorded.iter().map(|r| r.accuracy).collect();
        self.rule.band(&values, new)
    }
}

impl BandRule {
    /// Returns the mean by which runs are judged.
    pub fn mean(&self, runs: &[f64]) -> Option<f64> {
        match self.name {
            BandRuleName::PredictionInterval => statistics::mean(runs),
            BandRuleName::ReferenceConvergencePoints => {
                statistics::olympic_mean(runs).or_else(|| statistics::mean(runs))
            }
        }
    }

    /// Returns the band for the mean of `new` further runs from recorded ones; see [`GoldenRuns::band_of_mean`].
    pub(super) fn band(&self, recorded: &[f64], new: usize) -> Option<Band> {
        let Self { name, confidence, sd_floor, decimals, .. } = *self;
        let mean = self.mean(recorded)?;
        let (low, high, sd, what) = match name {
            BandRuleName::PredictionInterval => {
                let (low, high) = statistics::prediction_interval_of_mean(recorded, confidence, sd_floor, new)?;
                (low, high, statistics::sample_sd(recorded)?, "prediction interval")
            }
            BandRuleName::ReferenceConvergencePoints => {
                let sd = statistics::population_sd(recorded)?;
                let kept = |runs: usize| if runs > 2 { runs - 2 } else { runs };
                let alpha = 1.0 - confidence;
                let low = statistics::rcp_threshold(mean, sd.max(sd_floor), kept(recorded.len()), kept(new), alpha)?;
                (low, 100.0, sd, "one-sided bound (reference convergence points, best and worst left out)")
            }
        };
        let scale = 10f64.powi(i32::try_from(decimals).unwrap_or(6));
        // An end that is a round number but for float noise stays where it is.
        let noise = 1e-9;
        Some(Band {
            low: ((low * scale + noise).floor() / scale).max(0.0),
            high: ((high * scale - noise).ceil() / scale).min(100.0),
            rule: format!(
                "{} % {what} of {} from {} recorded runs (mean {mean:.2}, s {:.2}{}), rounded outward",
                trim(100.0 * confidence),
                if new == 1 { "one new run".to_owned() } else { format!("the mean of {new} new runs") },
                recorded.len(),
                sd.max(sd_floor),
                if sd < sd_floor { ", the floor" } else { "" },
            ),
        })
    }
}

impl GoldenTask {
    fn check(&self) -> Result<()> {
        if self.n == 0 {
            return Err(Error::data("n is 0"));
        }
        unique("baseline", self.baselines.iter().map(|b| b.name.as_str()))?;
        let mut seeds = BTreeSet::new();
        for run in &self.recorded {
            if !seeds.insert(run.seed) {
                return Err(Error::data(format!("seed {} is recorded twice", run.seed)));
            }
            percentage(&format!("accuracy of seed {}", run.seed), run.accuracy)?;
        }
        for baseline in &self.baselines {
            percentage(&format!("margin of {}", baseline.name), baseline.margin)?;
            if baseline.reason.trim().is_empty() {
                return Err(Error::data(format!("the reason for the margin of {} is empty", baseline.name)));
            }
        }
        self.headline.map_or(Ok(()), |h| percentage("headline", h))
    }
}

fn percentage(what: &str, value: f64) -> Result<()> {
    if (0.0..=100.0).contains(&value) {
        Ok(())
    } else {
        Err(Error::data(format!("{what} is {value}, not within 0 and 100")))
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() || !seen.insert(name) {
            return Err(Error::data(format!("{what} name {name:?} is empty or there twice")));
        }
    }
    Ok(())
}

fn trim(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::verdict) const SAMPLE: &str = include_str!("../../../../tests/fixtures/golden/sample.toml");

    #[test]
    fn the_band_follows_from_the_runs() {
        let golden = GoldenRuns::parse(SAMPLE).unwrap();
        let task = golden.task("vqa").unwrap();
        // Mean 80.55, s 0.302765 (a tenth of 1..10's): half width 3.249836 · 0.302765 · sqrt(1.1) = 1.031960.
        let band = golden.band(task).unwrap();
        assert_eq!((band.low, band.high), (79.5, 81.6));
        assert_eq!(
            band.rule,
            "99 % prediction interval of one new run from 10 recorded runs (mean 80.55, s 0.30), rounded outward"
        );
        // Ten identical runs: the floor 0.2 gives 70 ± 0.6817.
        let band = golden.band(golden.task("gqa").unwrap()).unwrap();
        assert_eq!((band.low, band.high), (69.3, 70.7));
        assert!(band.rule.contains("s 0.20, the floor"), "{}", band.rule);
        assert_eq!(golden.band(&GoldenTask { recorded: vec![], ..task.clone() }), None);
    }

    /// Ten runs without best and worst: mean 80.55; s 0.287228 of all; eight and three are left of ten and five.
    #[test]
    fn reference_convergence_points() {
        let text = SAMPLE.replace("prediction-interval", "reference-convergence-points");
        let golden = GoldenRuns::parse(&text.replacen("confidence = 0.99", "confidence = 0.95", 1)).unwrap();
        let task = golden.task("vqa").unwrap();
        let band = golden.band_of_mean(task, 5).unwrap();
        // 80.55 - 1.833113 · 0.287228 · sqrt(1/8 + 1/3) = 80.193543
        assert_eq!((band.low, band.high), (80.1, 100.0));
        assert!(band.rule.starts_with("95 % one-sided bound (reference convergence points"), "{}", band.rule);
        assert_eq!(golden.rule.mean(&[1.0, 5.0, 90.0]), Some(5.0));
        assert_eq!(golden.rule.mean(&[1.0, 5.0]), Some(3.0));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let golden = GoldenRuns::parse(SAMPLE).unwrap();
        assert_eq!(GoldenRuns::parse(&toml::to_string(&golden).unwrap()).unwrap(), golden);
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to, message) in [
            ("schema = 1", "schema = 2\nnew = 1", "schema 2 edition 1 is not"),
            ("edition = 1", "edition = 7", "schema 1 edition 7 is not"),
            ("decimals = 1", "decimal = 1", "unknown field `decimal`"),
            ("prediction-interval", "by-eye", "unknown variant `by-eye`"),
            ("confidence = 0.99", "confidence = nan", "confidence must be"),
            ("sd_floor = 0.2", "sd_floor = 0.0", "sd_floor must be"),
            ("seed = 2,", "seed = 1,", "seed 1 is recorded twice"),
            ("accuracy = 80.1 ", "accuracy = 180.1 ", "accuracy of seed 1 is 180.1"),
            ("n = 600", "n = 0", "n is 0"),
            ("name = \"gqa\"", "name = \"vqa\"", "\"vqa\" is empty or there twice"),
            ("margin = 10.0", "margin = nan", "margin of question-only is NaN"),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            let error = GoldenRuns::parse(&SAMPLE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(message), "{to}: {error}");
        }
        assert!(GoldenRuns::parse("").unwrap_err().to_string().contains("schema"));
    }
}
