use super::super::Verdict;
use super::super::published::PublishedResults;
use super::super::row::JudgedRow;
use super::super::runs::TrainingRun;
use super::gate::*;
use super::{Equivalence, EquivalenceTest};
use crate::verdict::row::RunState;
use crate::verdict::runs::Measurement;

fn published() -> PublishedResults {
    PublishedResults::embedded().unwrap()
}

fn runs(task: &str, accuracies: &[f64]) -> Vec<TrainingRun> {
    let published = published();
    let task = published.task(task).unwrap();
    let measured =
        |accuracy| Measurement { accuracy, n: task.n, splits: task.splits.clone(), ..Measurement::default() };
    (1..)
        .zip(accuracies)
        .map(|(seed, accuracy)| TrainingRun {
            name: format!("seed-{seed}"),
            seed: Some(seed),
            result: Ok(measured(*accuracy)),
        })
        .collect()
}

fn judged(task: &str, accuracies: &[f64]) -> JudgedRow {
    judge(&published(), task, &runs(task, accuracies))
}

#[test]
fn means_are_judged() {
    use Verdict::{Fail, Inconclusive, Pass};
    for (task, accuracies, verdict, evidence) in [
        ("vqa", &[69.9, 70.1, 69.8][..], Pass, "shown to be at most 0.5 from 69.7–70.2"),
        ("vqa", &[69.5, 69.6, 69.4], Pass, "0.20 points below"),
        ("vqa", &[69.3, 69.2, 69.4], Fail, "below what a faithful training gives"),
        ("vqa", &[70.9, 70.8, 70.9], Fail, "above what a faithful training gives"),
        ("gqa", &[59.45, 59.5, 59.53], Pass, "0.31 points below"),
        ("gqa", &[59.3, 59.3, 59.4], Fail, "below"),
        // The author's own table is no failure, though it lies above his range.
        ("nlvr2", &[74.95], Pass, "0.45 points above"),
        ("nlvr2", &[74.33, 74.39, 74.26], Pass, "lies inside"),
        ("nlvr2", &[73.8], Inconclusive, "neither shown to be within 0.5 of 74.0–74.5 or the headline 74.95"),
        ("nlvr2", &[73.5], Fail, "0.50 points below"),
        ("nlvr2", &[73.25, 73.3, 73.2], Fail, "below"),
    ] {
        let judged = judged(task, accuracies);
        assert_eq!(judged.verdict, verdict, "{task} {accuracies:?}: {:#?}", judged.evidence);
        assert!(judged.evidence[0].contains(evidence), "{:?}", judged.evidence);
        assert_eq!(judged.what_to_do.is_none(), verdict == Pass);
        let decides = &judged.targets[0];
        assert_eq!((decides.name.as_str(), decides.decides), ("equivalence", true));
        assert_eq!(decides.met, if verdict == Inconclusive { None } else { Some(verdict == Pass) });
        let few = accuracies.len() < 3;
        assert_eq!(decides.sentence.contains("of the 3 that the rule was made for"), few, "{}", decides.sentence);
    }
}

#[test]
fn an_open_mean_says_how_many_seeds_settle_it() {
    let judged = judged("nlvr2", &[73.8]);
    let more = judged.more_seeds.unwrap();
    let task = published();
    let test = EquivalenceTest::new(&task.rule, task.task("nlvr2").unwrap());
    assert_eq!(test.find(73.8, more), Equivalence::Open, "one run is there already");
    assert_ne!(test.find(73.8, 1 + more), Equivalence::Open);
    assert_eq!(judged.what_to_do.unwrap(), format!("train {more} seeds more: that settles it if mean and spread stay"));
}

#[test]
fn the_headline_is_a_target_that_decides_nothing() {
    let judged = judged("nlvr2", &[74.1, 74.0, 74.2]);
    let headline = &judged.targets[2];
    assert_eq!((judged.verdict, headline.met, headline.decides), (Verdict::Pass, Some(false), false));
    // 74.95 - 1.644854 · 0.268 · sqrt(1 + 1/3)
    assert!(headline.sentence.starts_with("74.100 is below 74.441"), "{}", headline.sentence);
    assert!(judged.evidence.iter().any(|e| e.contains("lies above the author's own range")));
}

#[test]
fn what_is_no_draw_of_the_training_is_named() {
    let mut three = runs("nlvr2", &[74.3, 50.86, 74.4]);
    let collapsed = judge(&published(), "nlvr2", &three);
    assert_eq!(collapsed.verdict, Verdict::Fail);
    assert!(
        collapsed
            .evidence
            .iter()
            .any(|e| e.contains("seed-2: did not converge: 50.86 is what one answer, always True, earns"))
    );
    assert_eq!(collapsed.observed, Some(74.35), "not in the mean");
    three[1] = TrainingRun {
        name: "crashed".into(),
        seed: Some(2),
        result: Err("stopped at stage train-nlvr2 (DISK)".into()),
    };
    let crashed = judge(&published(), "nlvr2", &three);
    assert_eq!((crashed.verdict, crashed.runs[1].state), (Verdict::Infra, RunState::Missing));
    three[1] = TrainingRun { seed: Some(1), ..three[0].clone() };
    assert_eq!(judge(&published(), "nlvr2", &three).verdict, Verdict::Inconclusive);
    assert_eq!(judge(&published(), "nlvr2", &[]).verdict, Verdict::Infra);
    assert_eq!(judge(&published(), "retrieval", &three).verdict, Verdict::Inconclusive);
}

/// The author's range is no target that decides: a mean beside it may be near enough.
#[test]
fn the_range_is_met_by_what_lies_in_it() {
    for (task, accuracies, met) in [
        ("vqa", [69.9, 70.1, 69.8], Some(true)),
        ("vqa", [69.5, 69.6, 69.4], Some(false)),
        ("vqa", [69.6, 69.7, 69.6], None),
        ("nlvr2", [75.1, 75.1, 75.1], Some(false)),
    ] {
        let range = &judged(task, &accuracies).targets[1];
        assert_eq!((range.name.as_str(), range.decides, range.met), ("range", false, met), "{task} {accuracies:?}");
    }
}

#[test]
fn runs_that_scatter_are_judged_by_their_own_spread() {
    use Verdict::{Fail, Inconclusive, Pass};
    for (accuracies, verdict, first) in [
        (&[69.0, 70.0, 71.0][..], Inconclusive, "the runs scatter by 1.00 points, which sigma 0.139"),
        (&[66.0, 70.0], Inconclusive, "the runs scatter by 2.83 points"),
        (&[66.0, 66.5, 65.4], Fail, "65.97 lies 3.73 points below the author's range"),
        (&[69.6, 70.2, 69.8, 70.1, 69.7, 70.2, 69.9, 70.3, 69.5, 70.0], Pass, "69.93 lies inside"),
    ] {
        let judged = judged("vqa", accuracies);
        assert_eq!(judged.verdict, verdict, "{accuracies:?}: {:#?}", judged.evidence);
        assert!(judged.evidence[0].starts_with(first), "{accuracies:?}: {:#?}", judged.evidence);
        assert!(
            judged.evidence[..2].iter().any(|e| e.contains("judged by their own spread")),
            "{:#?}",
            judged.evidence
        );
        assert!(judged.estimate.unwrap().method.contains("the spread of these"));
        assert_eq!(
            judged.what_to_do.is_some_and(|advice| advice.starts_with("look for the run")),
            verdict == Inconclusive
        );
    }
}

/// Beside recorded runs, whose spread is itself a draw, faithful runs contradict it one time in a hundred.
#[test]
fn few_recorded_runs_do_not_make_faithful_ones_scatter() {
    let mut published = published();
    let mut draws = super::super::simulate::Draws::new(9595, 1);
    let (mut contradicted, all) = (0, 4000);
    for _ in 0..all {
        let recorded =
            (1..=5).map(|seed| crate::verdict::golden::RecordedRun { seed, accuracy: draws.normal(69.9, 0.2) });
        published.tasks[0].recorded = recorded.collect();
        let test = EquivalenceTest::new(&published.rule, &published.tasks[0]);
        let runs: Vec<f64> = (0..5).map(|_| draws.normal(69.9, 0.2)).collect();
        contradicted += u64::from(test.in_force(0.01, &runs).1.is_some());
    }
    let bounds = crate::verdict::statistics::rate_bounds(contradicted, all, 0.9999);
    assert!((bounds.low..=bounds.high).contains(&0.01), "{contradicted} of {all}");
}

/// What a person is shown of a run on a test set, of which no verdict is given.
#[test]
fn the_published_figure_of_a_test_set_is_named() {
    let mut run = runs("nlvr2", &[74.5]);
    let measured = run[0].result.as_mut().unwrap();
    (measured.splits, measured.n) = ("test".into(), 6967);
    let judged = judge(&published(), "nlvr2", &run);
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    let told = "seed-1: 74.50 on NLVR2 test-P, whose published figure is 74.45, where the author expects 74.0–74.5";
    assert!(judged.evidence.iter().any(|e| e.starts_with(told)), "{:#?}", judged.evidence);
}

#[test]
fn recorded_runs_replace_the_assumed_spread() {
    let mut published = published();
    let task = &mut published.tasks[0];
    let record = |(seed, accuracy)| crate::verdict::golden::RecordedRun { seed, accuracy };
    task.recorded = [(1, 69.8), (2, 69.9), (3, 70.0), (4, 70.1)].map(record).to_vec();
    assert!(EquivalenceTest::new(&published.rule, task).source.starts_with("assumed"), "four say too little");
    task.recorded.push(record((5, 69.9)));
    let test = EquivalenceTest::new(&published.rule, task);
    assert!((test.sigma - 0.114_017_542_5).abs() < 1e-9 && (test.quantile(3) - 2.131_846_8).abs() < 1e-6, "{test:?}");
    assert_eq!(test.source, "measured: the spread of 5 recorded runs");
}

/// Whatever faithful means is, at the ends of its range too, the tests keep their sizes.
#[test]
fn the_tests_keep_their_sizes() {
    let published = published();
    for task in &published.tasks {
        let test = EquivalenceTest::new(&published.rule, task);
        for runs in [1, 2, 3, 5, 10, 50] {
            for faithful in [test.low, test.high, task.faithful.mean] {
                let [pass, fail, open] = test.rates(faithful, runs);
                // At an end, the far side adds next to nothing.
                assert!(fail <= 0.051 && (pass + fail + open - 1.0).abs() < 1e-12, "{} {faithful}: {fail}", task.name);
            }
            for worse in [test.low - test.margin, task.faithful.mean - 1.0, test.high + test.margin] {
                assert!(test.rates(worse, runs)[0] <= 0.05 + 1e-9, "{} {worse}", task.name);
            }
        }
    }
}
