//! Results of other runs, checked: every field that only such a report has.

use super::super::{EarlierVerdict, FileRecord, GoldenRecord, Report};
use super::build;
use crate::verdict::golden::Band;
use crate::verdict::row::{Estimate, Flip, Gate, JudgedRow, JudgedRun, PairedAnswers, RunState, Spread, Target};
use crate::verdict::statistics::Interval;
use crate::verdict::{Verdict, features};

fn sentences(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

fn run(seed: u64, accuracy: Option<f64>, state: RunState, why: &str) -> JudgedRun {
    JudgedRun { run: format!("vqa-seed-{seed}-0f3c"), seed: Some(seed), accuracy, state, why: why.to_owned() }
}

fn target(name: &str, low: f64, high: f64, met: Option<bool>, decides: bool, sentence: &str) -> Target {
    Target { name: name.to_owned(), low, high, met, decides, sentence: sentence.to_owned() }
}

/// Several trainings below the published range, of each state one.
fn trained_too_low() -> JudgedRow {
    JudgedRow {
        verdict: Verdict::Fail,
        n: Some(25_994),
        observed: Some(69.21),
        estimate: Some(Estimate {
            interval: Interval { low: 69.02, high: 69.4 },
            confidence: 0.95,
            method: "Student's t over 3 runs, sigma from the runs themselves".into(),
        }),
        band: Some(Band { low: 69.7, high: 70.2, rule: "the range that the author expects of a retraining".into() }),
        headline: Some(69.9),
        targets: vec![
            target("headline", 69.9, 69.9, Some(false), false, "the mean lies 0.69 points below it"),
            target("equivalence", 69.2, 70.7, Some(false), true, "the whole interval lies below the range"),
        ],
        runs: vec![
            run(1, Some(69.13), RunState::Counted, ""),
            run(2, Some(69.29), RunState::Counted, ""),
            run(3, Some(69.21), RunState::Counted, ""),
            run(4, Some(32.11), RunState::NotConverged, "its loss stayed at that of chance"),
            run(5, Some(69.9), RunState::NotComparable, "--model tiny"),
            JudgedRun {
                run: "vqa-again".into(),
                ..run(1, Some(69.13), RunState::Duplicate, "seed 1 is vqa-seed-1-0f3c")
            },
            JudgedRun { seed: None, ..run(6, None, RunState::Missing, "stopped in epoch 3: no result.json") },
        ],
        evidence: sentences(&[
            "the mean of 3 runs, 69.21, lies 0.49 points below the range 69.7–70.2, and so does its whole interval",
            "4 of 7 runs do not count",
        ]),
        what_to_do: Some(
            "compare the fine-tuning's settings and the weights it started from with the published ones".into(),
        ),
        ..JudgedRow::new("vqa", Gate::Train, "soft-score accuracy on minival, best epoch")
    }
}

/// Too few trainings to say.
fn trained_too_seldom() -> JudgedRow {
    JudgedRow {
        verdict: Verdict::Inconclusive,
        n: Some(12_578),
        observed: Some(59.9),
        estimate: Some(Estimate {
            interval: Interval { low: 58.63, high: 61.17 },
            confidence: 0.95,
            method: "Student's t over 2 runs, sigma from the runs themselves".into(),
        }),
        band: Some(Band { low: 59.8, high: 60.1, rule: "the range that the author expects of a retraining".into() }),
        headline: Some(59.8),
        targets: vec![
            target("headline", 59.8, 59.8, None, false, "the interval holds it, and much else"),
            target("equivalence", 59.3, 60.6, None, true, "the interval reaches beyond the range on both sides"),
        ],
        runs: vec![run(1, Some(59.8), RunState::Counted, ""), run(2, Some(60.0), RunState::Counted, "")],
        more_seeds: Some(3),
        evidence: sentences(&[
            "the interval 58.63–61.17 reaches beyond the range 59.8–60.1: 2 runs are too few to say",
        ]),
        what_to_do: Some("train 3 more seeds (--seed) and check them together".into()),
        ..JudgedRow::new("gqa", Gate::Train, "exact-match accuracy on testdev, best epoch")
    }
}

/// Other answers than a frozen run.
fn answered_otherwise() -> JudgedRow {
    let flip = |id: &str, from: (&str, f64), to: (&str, f64)| Flip {
        id: id.to_owned(),
        reference: (from.0.to_owned(), from.1),
        candidate: (to.0.to_owned(), to.1),
    };
    JudgedRow {
        verdict: Verdict::Fail,
        n: Some(6_982),
        observed: Some(74.75),
        paired: Some(PairedAnswers {
            reference: "nlvr2-frozen".into(),
            items: 6_982,
            flips: 31,
            allowed: 4,
            lost: 22,
            gained: 8,
            p: 0.016_124_8,
            difference: -0.2005,
            interval: Some(Interval { low: -0.354, high: -0.047 }),
            clustered: Some(Interval { low: -0.391, high: -0.010 }),
            cluster: "image pair".into(),
            clusters: 1_746,
            confidence: 0.95,
            examples: vec![
                flip("dev-850-0-0", ("True", 1.0), ("False", 0.0)),
                flip("dev-850-0-1", ("<b>True</b> & | ::error::", 0.0), ("False", 1.0)),
                flip("dev-903-2-1", ("False", 1.0), ("True", 0.0)),
                flip("dev-917-1-0", ("True", 1.0), ("False", 0.0)),
            ],
        }),
        evidence: sentences(&["31 of 6982 answers differ from nlvr2-frozen, 4 are allowed"]),
        what_to_do: Some("evaluate the same checkpoint on the same features, in the same precision".into()),
        ..JudgedRow::new("nlvr2", Gate::Eval, "accuracy on valid (dev)")
    }
}

/// Features within their limits.
fn extracted_alike() -> JudgedRow {
    let measure = |name: &str, observed: Option<f64>, limit: Option<f64>, verdict, reason: &str| features::MeasureRow {
        measure: name.to_owned(),
        observed,
        limit,
        verdict,
        reason: reason.to_owned(),
        source: limit.map(|_| "golden/features.toml".to_owned()),
    };
    JudgedRow {
        verdict: Verdict::Pass,
        n: Some(120),
        measures: vec![
            measure("boxes without a partner", Some(0.0), Some(0.0), Some(Verdict::Pass), "one program, one machine"),
            measure(
                "greatest feature difference",
                Some(0.000_318),
                Some(0.01),
                Some(Verdict::Pass),
                "float32 rounding over 101 layers",
            ),
            measure("mean cosine of features", Some(0.999_998), None, None, "nobody measured its spread"),
        ],
        spreads: vec![
            Spread {
                name: "feature difference".into(),
                count: 8_847_360,
                ends: vec![1e-6, 1e-5, 1e-4, 1e-3, 1e-2],
                counts: vec![2_210_304, 5_120_990, 1_514_900, 1_166, 0],
            },
            Spread {
                name: "corner difference, pixels".into(),
                count: 17_280,
                ends: vec![0.001, 0.01, 0.1, 1.0],
                counts: vec![17_001, 270, 9, 0],
            },
        ],
        evidence: sentences(&["every measure is within its limit at level same-extractor"]),
        ..JudgedRow::new("valid features", Gate::Features, "same-extractor")
    }
}

/// Results of other runs judged again under a newer edition: every field that only such a report has.
pub(crate) fn checked() -> Report {
    let rows = vec![trained_too_low(), trained_too_seldom(), answered_otherwise(), extracted_alike()];
    let mut report = build(rows, None, Vec::new());
    let golden = |name: &str, edition| GoldenRecord {
        name: name.to_owned(),
        edition,
        sha256: base::files::sha256_bytes(format!("{name} {edition}").as_bytes()),
    };
    (report.title, report.profile, report.run) =
        ("Check of LXMERT's results".into(), "check".into(), "check-91d2".into());
    report.golden = vec![golden("published", 2), golden("features", 1)];
    report.before = Some(EarlierVerdict {
        verdict: Verdict::Pass,
        golden: vec![golden("published", 1)],
        changes: sentences(&[
            "vqa was INCONCLUSIVE and is FAIL: edition 2 judges the mean of several runs",
            "valid features was not judged and is PASS",
        ]),
    });
    report.provenance.inputs = ["vqa-seed-1-0f3c/result.json", "vqa-seed-2-0f3c/result.json", "nlvr2/predict.csv"]
        .map(|name| FileRecord {
            name: name.into(),
            bytes: Some(1_234),
            sha256: Some(base::files::sha256_bytes(name.as_bytes())),
        })
        .to_vec();
    report.environment.image = Some(format!("lxmert-repro/train@sha256:{}", base::files::sha256_bytes(b"image")));
    (report.curves, report.examples) = (Vec::new(), Vec::new());
    report
}
