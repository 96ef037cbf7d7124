//! Judges one observed accuracy by recorded runs (rules of edition 1).
//!
//! - Not measured, or not a number within 0..=100: INFRA.
//! - Measured on another number of items than recorded, or no golden task of that name: INCONCLUSIVE; nothing can be compared.
//! - Outside the band on either side: FAIL. Above it is not reproduced either: the programs, data and hyper-parameters are
//!   said to be the same, so a better number means that one of them is not (answers leaking into training are the usual cause).
//! - Fewer than [`golden::MIN_RECORDED`] recorded runs: INCONCLUSIVE; the band is only shown.
//! - Less than its margin above a baseline: FAIL, however good the accuracy; a baseline that was not measured: INCONCLUSIVE.
//!
//! [`Verdict::over`] decides between several findings.

use super::baseline::Baseline;
use super::golden::{self, Band, GoldenRuns};
use super::row::{Gate, JudgedBaseline, JudgedRow, Subject};
use super::{Verdict, statistics};

/// The measured accuracy of one task, with its baselines.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Observation {
    /// Accuracy in points, 0 to 100.
    pub accuracy: f64,
    /// Number of measured items.
    pub n: u64,
    /// Scores of the baselines on the same items.
    pub baselines: Vec<Baseline>,
}

/// Judges the accuracy of one run by the rules above.
pub(crate) fn judge_accuracy(golden: &GoldenRuns, task: &str, observed: &Observation) -> JudgedRow {
    judge_mean(golden, task, observed, 1)
}

/// Judges the mean accuracy of `runs` runs by the rules above.
pub(super) fn judge_mean(golden: &GoldenRuns, task: &str, observed: &Observation, runs: usize) -> JudgedRow {
    let mut judged = unjudged(golden, task, runs);
    let Observation { accuracy, n, .. } = *observed;
    judged.n = Some(n);
    if !(0.0..=100.0).contains(&accuracy) {
        judged.evidence.push(format!("the evaluation gave {accuracy}, which is no accuracy"));
        judged.what_to_do = Some("look at the loss curve: a run that diverged has no result to judge".into());
        return judged;
    }
    judged.observed = Some(accuracy);
    beside(&mut judged, &observed.baselines);
    let Some(recorded) = golden.task(task) else {
        judged.verdict = Verdict::Inconclusive;
        judged.evidence.push("no run of this task is recorded".into());
        judged.what_to_do = Some(format!("record at least {} seeds and add the task", golden::MIN_RECORDED));
        return judged;
    };
    if n != recorded.n {
        judged.verdict = Verdict::Inconclusive;
        judged.evidence.push(format!("evaluated on {n} items, recorded on {}: not comparable", recorded.n));
        judged.what_to_do = Some("evaluate the whole set that was recorded, without --tiny or --fast".into());
        return judged;
    }
    let of_band = against_band(&mut judged, accuracy);
    let found = against_baselines(&mut judged.baselines, accuracy);
    judged.verdict = Verdict::over(found.iter().map(|f| f.verdict).chain([of_band]));
    // The evidence begins with what decided, and the advice is about that.
    let decided = found.iter().position(|f| of_band != judged.verdict && f.verdict == judged.verdict);
    for (index, BaselineFinding { sentence, advice, .. }) in found.into_iter().enumerate() {
        if decided == Some(index) {
            judged.evidence.insert(0, sentence);
            judged.what_to_do = advice.map(str::to_owned);
        } else {
            judged.evidence.push(sentence);
        }
    }
    judged
}

/// Returns the row of a task before anything is measured, with the band for the mean of `runs` runs.
pub(crate) fn unjudged(golden: &GoldenRuns, name: &str, runs: usize) -> JudgedRow {
    let task = golden.task(name);
    let recorded: Vec<f64> = task.iter().flat_map(|t| &t.recorded).map(|r| r.accuracy).collect();
    JudgedRow {
        subject: Subject::of_profile(&golden.profile),
        band: task.and_then(|t| golden.band_of_mean(t, runs)),
        headline: task.and_then(|t| t.headline),
        expected: statistics::mean(&recorded),
        recorded,
        baselines: task
            .iter()
            .flat_map(|t| &t.baselines)
            .map(|b| JudgedBaseline {
                name: b.name.clone(),
                observed: None,
                margin: Some(b.margin),
                verdict: Verdict::Inconclusive,
            })
            .collect(),
        ..JudgedRow::new(name, Gate::Train, task.map_or("accuracy", |t| &t.metric))
    }
}

/// Puts the scores of baselines into a row. Baselines without a margin in the golden file are shown but judge nothing.
pub(super) fn beside(judged: &mut JudgedRow, baselines: &[Baseline]) {
    for Baseline { name, accuracy } in baselines {
        match judged.baselines.iter_mut().find(|b| b.name == *name) {
            Some(baseline) => baseline.observed = Some(*accuracy),
            None => judged.baselines.push(JudgedBaseline {
                name: name.clone(),
                observed: Some(*accuracy),
                margin: None,
                verdict: Verdict::Pass,
            }),
        }
    }
}

fn against_band(judged: &mut JudgedRow, accuracy: f64) -> Verdict {
    let runs = judged.recorded.len();
    let (verdict, sentence, advice) = match &judged.band {
        Some(band) if runs >= golden::MIN_RECORDED => {
            let Band { low, high, rule } = band;
            let (verdict, place, advice) = if accuracy < *low {
                (
                    Verdict::Fail,
                    format!("{:.2} points below the band {low}–{high}", low - accuracy),
                    Some(
                        "compare the loss curve, the data fingerprints and the versions with those of a run that passed",
                    ),
                )
            } else if accuracy > *high {
                (
                    Verdict::Fail,
                    format!(
                        "{:.2} points above the band {low}–{high}, so not the recorded result either",
                        accuracy - high
                    ),
                    Some("look for evaluation items in the training data, then for changed data or hyper-parameters"),
                )
            } else {
                (Verdict::Pass, format!("inside the band {low}–{high}"), None)
            };
            judged.evidence.push(format!("band: {rule}"));
            (verdict, format!("{accuracy:.2} is {place}"), advice)
        }
        _ => (
            Verdict::Inconclusive,
            format!("{runs} recorded runs are too few to judge by; {} are needed", golden::MIN_RECORDED),
            Some("record more seeds of this task"),
        ),
    };
    judged.evidence.insert(0, sentence);
    judged.what_to_do = advice.map(str::to_owned);
    verdict
}

/// The result of the comparison with one baseline.
struct BaselineFinding {
    verdict: Verdict,
    sentence: String,
    advice: Option<&'static str>,
}

fn against_baselines(baselines: &mut [JudgedBaseline], accuracy: f64) -> Vec<BaselineFinding> {
    let mut found = Vec::new();
    for baseline in baselines {
        let Some(margin) = baseline.margin else { continue };
        let name = &baseline.name;
        let (verdict, sentence, advice) = match baseline.observed {
            Some(value) if accuracy - value >= margin => (
                Verdict::Pass,
                format!("{:.2} points above {name}, at least {margin} required", accuracy - value),
                None,
            ),
            Some(value) if value.is_finite() => (
                Verdict::Fail,
                format!("only {:.2} points above {name}, at least {margin} required", accuracy - value),
                Some("the task must need both picture and text: look at the data before the model"),
            ),
            _ => {
                (Verdict::Inconclusive, format!("{name} was not measured"), Some("run the evaluation of the baselines"))
            }
        };
        baseline.verdict = verdict;
        found.push(BaselineFinding { verdict, sentence, advice });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::golden::tests::SAMPLE;
    use super::*;

    fn judge(task: &str, accuracy: f64, n: u64, baselines: &[(&str, f64)]) -> JudgedRow {
        let baselines = baselines
            .iter()
            .map(|(name, accuracy)| Baseline { name: (*name).to_owned(), accuracy: *accuracy })
            .collect();
        judge_accuracy(&GoldenRuns::parse(SAMPLE).unwrap(), task, &Observation { accuracy, n, baselines })
    }

    const WEAK: [(&str, f64); 3] = [("question-only", 50.0), ("image-only", 40.0), ("chance", 25.0)];

    #[test]
    fn both_ends_belong_to_the_band() {
        for (accuracy, verdict, evidence) in [
            (80.55, Verdict::Pass, "80.55 is inside the band 79.5–81.6"),
            (79.5, Verdict::Pass, "inside"),
            (81.6, Verdict::Pass, "inside"),
            (79.49, Verdict::Fail, "0.01 points below the band 79.5–81.6"),
            (85.0, Verdict::Fail, "3.40 points above the band 79.5–81.6, so not"),
            (f64::NAN, Verdict::Infra, "gave NaN"),
            (101.0, Verdict::Infra, "gave 101"),
        ] {
            let judged = judge("vqa", accuracy, 600, &WEAK);
            assert_eq!(judged.verdict, verdict, "{accuracy}");
            assert!(judged.evidence[0].contains(evidence), "{accuracy}: {:?}", judged.evidence);
            assert_eq!(judged.what_to_do.is_none(), verdict == Verdict::Pass, "{accuracy}");
        }
    }

    #[test]
    fn thin_evidence_is_inconclusive() {
        for (judged, evidence) in [
            (judge("vqa", 80.5, 599, &WEAK), "evaluated on 599 items, recorded on 600"),
            (judge("nlvr2", 74.5, 200, &[]), "3 recorded runs are too few"),
            (judge("retrieval", 74.5, 200, &[]), "no run of this task is recorded"),
            (judge("vqa", 80.5, 600, &WEAK[..2]), "chance was not measured"),
            (judge("vqa", 80.5, 600, &[WEAK[0], WEAK[1], ("chance", f64::NAN)]), "chance was not measured"),
        ] {
            assert_eq!(judged.verdict, Verdict::Inconclusive, "{evidence}");
            assert!(judged.evidence.iter().any(|e| e.contains(evidence)), "{:?}", judged.evidence);
            assert!(judged.what_to_do.is_some());
        }
    }

    #[test]
    fn a_baseline_too_near_fails_inside_the_band() {
        let judged = judge("vqa", 80.5, 600, &[("question-only", 70.51), WEAK[1], WEAK[2]]);
        assert_eq!(judged.verdict, Verdict::Fail);
        assert_eq!(judged.baselines[0].verdict, Verdict::Fail);
        assert_eq!(judged.evidence[0], "only 9.99 points above question-only, at least 10 required");
        assert_eq!(judge("vqa", 80.5, 600, &[("question-only", 70.5), WEAK[1], WEAK[2]]).verdict, Verdict::Pass);
    }

    #[test]
    fn a_task_of_which_nothing_is_measured() {
        let judged = unjudged(&GoldenRuns::parse(SAMPLE).unwrap(), "gqa", 1);
        assert_eq!((judged.verdict, judged.observed, judged.expected), (Verdict::Infra, None, Some(70.0)));
    }
}
