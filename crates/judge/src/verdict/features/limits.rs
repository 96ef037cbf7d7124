//! The levels and limits of the golden file of features, and the rule that judges by them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::snapshot::{self, Snapshot};
use super::super::{Verdict, head, statistics};
use base::error::{Error, Result};
use data::features::compare::short;

/// The schema that this program reads.
pub const SCHEMA: u32 = 2;
/// The edition of the rules that this program knows.
pub const EDITION: u32 = 2;
/// Text of the golden file compiled into the program.
pub const EMBEDDED: &str = include_str!("../../../../../golden/features.toml");

/// The golden file of feature comparisons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFeatures {
    /// [`SCHEMA`].
    pub schema: u32,
    /// [`EDITION`].
    pub edition: u32,
    /// Which boxes are compared with which.
    pub matching: BoxMatching,
    /// What makes a box the same.
    #[serde(rename = "tolerance")]
    pub tolerances: Vec<Tolerance>,
    /// The claims that can be judged; the first is the default.
    #[serde(rename = "level")]
    pub levels: Vec<FeatureLevel>,
    /// Rows that were released.
    #[serde(default, rename = "image")]
    pub images: Vec<Snapshot>,
}

/// How boxes are matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxMatching {
    /// Least intersection over union of a pair.
    pub iou: f64,
    /// Why this value.
    pub reason: String,
    /// Where it comes from.
    pub source: String,
}

/// Bounds within which a matched box is the same in both files; its classes must be equal too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Named by levels.
    pub name: String,
    /// A corner's coordinate, in pixels of the image.
    pub pixels: f64,
    /// A feature, beside what rounding to float16 explains.
    pub feature: f64,
    /// A probability.
    pub probability: f64,
    /// Why these values.
    pub reason: String,
    /// Where they come from.
    pub source: String,
}

/// A claim about where two files come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureLevel {
    /// Such as `same-extractor`.
    pub name: String,
    /// The claim, for people.
    pub title: String,
    /// The [`Tolerance`] by which boxes are the same.
    pub tolerance: String,
    /// Files whose features count as rounded to float16, beside stores that are.
    #[serde(default)]
    pub roundings: u8,
    /// Fewer images in both files than this say too little.
    pub min_images: u64,
    /// Why that many.
    pub min_images_reason: String,
    /// Why staying within the limits shows nothing, where that is so.
    #[serde(default)]
    pub no_bar: Option<String>,
    /// What is judged.
    #[serde(rename = "limit")]
    pub limits: Vec<MeasureLimit>,
    /// What is shown only.
    #[serde(default, rename = "unjudged")]
    pub unjudged: Vec<UnjudgedMeasure>,
}

/// One limit. Either `at_most`, or `none_of` with `confidence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureLimit {
    /// Name of what is measured.
    pub measure: String,
    /// Greatest value allowed; the sign is left out.
    #[serde(default)]
    pub at_most: Option<f64>,
    /// The event was never seen on so many images: it is judged by Fisher's exact test against that.
    #[serde(default)]
    pub none_of: Option<u64>,
    /// Share of comparisons of one rate that the test lets pass.
    #[serde(default)]
    pub confidence: Option<f64>,
    /// For `none_of`: the share of the images up to which the event passes, as it does on one image. More, as far as the test
    /// goes, is INCONCLUSIVE: it may be, and was never seen.
    #[serde(default)]
    pub passed_share: Option<f64>,
    /// Why this value.
    pub reason: String,
    /// Where it comes from.
    pub source: String,
}

/// What nobody knows a limit of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnjudgedMeasure {
    /// Name of what is measured.
    pub measure: String,
    /// Why it is not judged.
    pub reason: String,
}

/// The measured differences between two feature files, to be judged.
pub(crate) struct MeasuredDifferences<'m> {
    /// Images in both files.
    pub images: u64,
    /// Images in A only and in B only.
    pub only: [u64; 2],
    /// Whether the user asked to leave those out (`--common`).
    pub only_left_out: bool,
    /// What could not be compared and why, in a sentence.
    pub not_compared: Option<String>,
    /// Returns a measured value by its name.
    pub measure: &'m dyn Fn(&str) -> Option<f64>,
}

/// A judged comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FeatureVerdict {
    /// The level.
    pub name: String,
    /// Its claim.
    pub title: String,
    /// Over all rows and findings.
    pub verdict: Verdict,
    /// Images in both files.
    pub n: u64,
    /// One row a limit, then what is not judged.
    pub rows: Vec<MeasureRow>,
    /// What was found beside the rows, one sentence each.
    pub evidence: Vec<String>,
    /// What a person can do about a verdict other than PASS.
    pub what_to_do: Option<String>,
}

/// One measure beside its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Row"))]
pub struct MeasureRow {
    /// Name of what is measured.
    pub measure: String,
    /// The value; `None` if there was nothing to measure.
    pub observed: Option<f64>,
    /// Greatest value that passes; `None` if it is not judged.
    pub limit: Option<f64>,
    /// The verdict; `None` if it is not judged.
    pub verdict: Option<Verdict>,
    /// Why this limit, or why none.
    pub reason: String,
    /// Where the limit comes from.
    pub source: Option<String>,
}

impl GoldenFeatures {
    /// Reads the golden file compiled into the program.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED).map_err(|e| e.while_doing("the embedded limits of feature comparisons are wrong"))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Data for another schema or edition, an unknown field, a name that is there twice or not at all, or an impossible
    /// value.
    pub fn parse(text: &str) -> Result<Self> {
        let golden: Self = head::parse(text, SCHEMA, EDITION)?;
        let Self { matching, tolerances, levels, images, .. } = &golden;
        let positive = |value: f64| value.is_finite() && value >= 0.0;
        if !(matching.iou > 0.0 && matching.iou <= 1.0) {
            return Err(Error::data(format!("an IoU of {} matches nothing", matching.iou)));
        }
        let mut names = BTreeSet::new();
        for Tolerance { name, pixels, feature, probability, .. } in tolerances {
            if !names.insert(name.as_str()) || ![*pixels, *feature, *probability].into_iter().all(positive) {
                return Err(Error::data(format!("tolerance {name} is there twice or has an impossible value")));
            }
        }
        let mut level_names = BTreeSet::new();
        for level in levels {
            let wrong = |why: String| Err(Error::data(format!("level {} is wrong", level.name)).because(why));
            if !level_names.insert(&level.name) {
                return wrong("it is there twice".into());
            }
            if !names.contains(level.tolerance.as_str()) {
                return wrong(format!("there is no tolerance {}", level.tolerance));
            }
            for limit in &level.limits {
                let is_sound = match (limit.at_most, limit.none_of, limit.confidence, limit.passed_share) {
                    (Some(most), None, None, None) => positive(most),
                    (None, Some(of), Some(confidence), share) => {
                        let is_share = share.is_none_or(|share| (0.0..=1.0).contains(&share));
                        of > 0 && confidence > 0.5 && confidence < 1.0 && is_share
                    }
                    _ => false,
                };
                if !is_sound {
                    return wrong(format!("its limit of {} is impossible", limit.measure));
                }
            }
        }
        snapshot::check(images)?;
        match levels.is_empty() {
            true => Err(Error::data("there are no levels")),
            false => Ok(golden),
        }
    }

    /// Returns a level with its tolerance by name.
    ///
    /// # Errors
    /// Usage for an unknown level, listing the known ones.
    pub fn level(&self, name: &str) -> Result<(&FeatureLevel, &Tolerance)> {
        let level = self.levels.iter().find(|level| level.name == name);
        level.and_then(|level| Some((level, self.tolerances.iter().find(|t| t.name == level.tolerance)?))).ok_or_else(
            || {
                let names: Vec<&str> = self.levels.iter().map(|level| level.name.as_str()).collect();
                Error::usage(format!("there is no level {name:?}")).next(format!("use one of {}", names.join(", ")))
            },
        )
    }
}

impl FeatureVerdict {
    /// Returns why the verdict is what it is, as a sentence without a full stop.
    pub fn summary(&self) -> String {
        let Self { name, n, rows, .. } = self;
        match self.verdict {
            Verdict::Pass => format!("{name}: every measure over {n} images is within its limit"),
            Verdict::Fail => {
                let beyond = rows.iter().filter(|row| row.verdict == Some(Verdict::Fail));
                let beyond = beyond.map(|row| match (row.observed, row.limit) {
                    (Some(observed), Some(limit)) => {
                        format!("{} {}, at most {}", row.measure, short(observed), short(limit))
                    }
                    _ => row.measure.clone(),
                });
                format!("not {name}: {}", beyond.collect::<Vec<_>>().join("; "))
            }
            _ => format!("{name}: {n} images do not settle it"),
        }
    }
}

impl FeatureLevel {
    /// Judges a comparison by the rules above.
    pub(crate) fn judge(&self, seen: &MeasuredDifferences) -> FeatureVerdict {
        let mut rows: Vec<MeasureRow> = self.limits.iter().map(|limit| limit.judge(seen)).collect();
        let mut found: Vec<Verdict> = rows.iter().filter_map(|row| row.verdict).collect();
        rows.extend(self.unjudged.iter().map(|UnjudgedMeasure { measure, reason }| MeasureRow {
            measure: measure.clone(),
            observed: (seen.measure)(measure),
            limit: None,
            verdict: None,
            reason: reason.clone(),
            source: None,
        }));
        let (mut evidence, mut what_to_do) = (Vec::new(), None);
        if found.contains(&Verdict::Fail) {
            what_to_do = Some("look at the worst images: their boxes, then their sizes, then the extractor's version");
        }
        let open = |row: &&MeasureRow| row.verdict == Some(Verdict::Inconclusive) && row.observed.is_some();
        for row in rows.iter().filter(open) {
            let (observed, limit) = (row.observed.unwrap_or_default(), row.limit.unwrap_or_default());
            evidence.push(format!(
                "{} is {observed}: up to {limit} is known to be noise; whether more can be noise is unknown",
                row.measure
            ));
            what_to_do.get_or_insert("look at the worst images: whether each is a close call of the detector");
        }
        if seen.images < self.min_images {
            found.push(Verdict::Inconclusive);
            evidence.push(format!(
                "images in both files: {}, at least {} are needed: {}",
                seen.images, self.min_images, self.min_images_reason
            ));
            what_to_do.get_or_insert("compare more images");
        }
        if seen.only != [0, 0] && !seen.only_left_out {
            found.push(Verdict::Inconclusive);
            let [a, b] = seen.only;
            evidence.push(format!("images in A only: {a}, in B only: {b}; these cannot be compared"));
            what_to_do.get_or_insert("extract what is missing, or judge only the images in both files with --common");
        }
        if let Some(not_compared) = &seen.not_compared {
            found.push(Verdict::Inconclusive);
            evidence.push(not_compared.clone());
            what_to_do.get_or_insert("compare files of obj36, which has classes");
        }
        let mut verdict = Verdict::over(found);
        if let (Verdict::Pass, Some(why)) = (verdict, &self.no_bar) {
            verdict = Verdict::Inconclusive;
            evidence.push(format!("within every limit of this level, which is no proof: {why}"));
            what_to_do = Some("judge by the level same-extractor");
        }
        FeatureVerdict {
            name: self.name.clone(),
            title: self.title.clone(),
            verdict,
            n: seen.images,
            rows,
            evidence,
            what_to_do: what_to_do.map(str::to_owned),
        }
    }
}

impl MeasureLimit {
    fn judge(&self, seen: &MeasuredDifferences) -> MeasureRow {
        let (passes, most) = self.bounds(seen.images);
        let observed = (seen.measure)(&self.measure);
        let (verdict, limit) = match observed {
            Some(value) if value.abs() <= passes => (Verdict::Pass, passes),
            Some(value) if value.abs() > most => (Verdict::Fail, most),
            Some(_) | None => (Verdict::Inconclusive, passes),
        };
        MeasureRow {
            measure: self.measure.clone(),
            observed,
            limit: Some(limit),
            verdict: Some(verdict),
            reason: self.reason.clone(),
            source: Some(self.source.clone()),
        }
    }
}

impl MeasureLimit {
    /// Returns the greatest value that passes on this many images, and the value above which it fails.
    pub(in crate::verdict) fn bounds(&self, images: u64) -> (f64, f64) {
        let most = match (self.none_of, self.confidence) {
            (Some(none_of), Some(confidence)) => most_after_none(images, none_of, confidence),
            _ => self.at_most.unwrap_or(0.0),
        };
        let passes = self.passed_share.map_or(most, |share| (share * images as f64).floor().max(1.0));
        (passes.min(most), most)
    }
}

/// Returns the greatest number of events on `n` images that does not differ significantly from none on `none_of`.
pub(super) fn most_after_none(n: u64, none_of: u64, confidence: f64) -> f64 {
    let within = |k: &u64| statistics::fisher_after_none(*k, n, none_of) >= 1.0 - confidence;
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = high - (high - low) / 2;
        if within(&middle) { low = middle } else { high = middle - 1 }
    }
    low as f64
}
