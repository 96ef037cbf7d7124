//! Made-up reports for the tests of the renderers: all passed, one of each verdict, stopped by a damaged file, results of other
//! runs checked.

use super::metrics::{Curves, EpochPoint, StepPoint};
use super::*;
use crate::error::Error;
use crate::verdict::Verdict;
use crate::verdict::features;
use crate::verdict::golden::{Band, Golden, Recorded};
use crate::verdict::judge::{Observed, judge_accuracy, not_run};
use crate::verdict::row::{Estimate, Flip, Gate, Judged, JudgedRun, Paired, RunState, Spread, Target};
use crate::verdict::statistics::Interval;

const GOLDEN: &str = include_str!("../../tests/fixtures/golden/sample.toml");

fn golden() -> Golden {
    let mut golden = Golden::parse(GOLDEN).unwrap();
    let nlvr2 = golden.tasks.iter_mut().find(|t| t.name == "nlvr2").unwrap();
    nlvr2.recorded = (0..10).map(|i| Recorded { seed: i, accuracy: 73.5 + 0.5 * (i % 4) as f64 }).collect();
    golden
}

fn judged(golden: &Golden, task: &str, accuracy: f64, n: u64, weak: [f64; 3]) -> Judged {
    let baselines = ["question-only", "image-only", "chance"].map(str::to_owned).into_iter().zip(weak).collect();
    judge_accuracy(golden, task, &Observed { accuracy, n, baselines })
}

fn curves(task: &str, start: f64, end: f64, reach: f64) -> Curves {
    let steps = (1..=240u32).map(|i| {
        let share = f64::from(i) / 240.0;
        let wobble = 0.08 * (f64::from(i * 37 % 101) / 50.0 - 1.0) * (1.2 - share);
        let loss = (start - end) * (-4.0 * share).exp() + end + wobble * start;
        StepPoint { step: u64::from(i) * 4, loss: Some(loss), grad_norm: Some(1.0), lr: Some(1e-4) }
    });
    let epochs = (0..8u32).map(|i| {
        let learned = 1.0 - (-0.6 * f64::from(i + 1)).exp();
        let valid = 30.0 + (reach - 30.0) * learned - 1.5 * f64::from(i % 3 == 1);
        EpochPoint { epoch: i, train: Some(30.0 + 68.0 * learned), valid: Some(valid), best: Some(valid) }
    });
    Curves { task: task.to_owned(), steps: steps.collect(), epochs: epochs.collect() }
}

/// A picture of a few coloured shapes.
fn picture(seed: u32, alt: &str) -> Picture {
    const SIDE: u32 = 96;
    const COLOURS: [[u8; 3]; 4] = [[196, 64, 52], [46, 110, 190], [60, 150, 90], [220, 170, 50]];
    let mut pixels = vec![238u8; (SIDE * SIDE * 3) as usize];
    for shape in 0..3u32 {
        let (cx, cy) = (18 + (seed * 31 + shape * 29) % 60, 18 + (seed * 17 + shape * 41) % 60);
        for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            let (x, y) = (i as u32 % SIDE, i as u32 / SIDE);
            let (dx, dy) = (x.abs_diff(cx), y.abs_diff(cy));
            let inside = if (shape + seed).is_multiple_of(2) { dx * dx + dy * dy < 180 } else { dx < 12 && dy < 12 };
            if inside {
                pixel.copy_from_slice(&COLOURS[((seed + shape) % 4) as usize]);
            }
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    Picture::from_png(&bytes, alt).unwrap()
}

fn example(task: &str, pictures: &[u32], question: &str, answer: &str, expected: &str) -> Example {
    Example {
        task: task.to_owned(),
        images: pictures.iter().map(|s| picture(*s, "drawn scene of three shapes")).collect(),
        question: question.to_owned(),
        answer: answer.to_owned(),
        expected: expected.to_owned(),
        right: answer == expected,
    }
}

fn stage(name: &str, title: &str, reused: bool, seconds: f64, why: &str) -> StageRow {
    StageRow {
        name: name.to_owned(),
        title: title.to_owned(),
        state: StageState::Done,
        fingerprint: Some(crate::files::sha256_bytes(name.as_bytes())),
        this_time: Some(ThisTime { reused, seconds, why: why.to_owned() }),
    }
}

fn build(rows: Vec<Judged>, failure: Option<Failure>, stages: Vec<StageRow>) -> Report {
    let (verdict, summary) = Report::conclude(&rows, failure.as_ref());
    let file = |name: &str, bytes| FileRecord {
        name: name.to_owned(),
        bytes: Some(bytes),
        sha256: Some(crate::files::sha256_bytes(name.as_bytes())),
    };
    let outputs = stages.iter().filter(|s| s.state == StageState::Done).map(|s| StageOutputs {
        stage: s.name.clone(),
        files: 3,
        bytes: 15_300_000,
        sha256: crate::files::sha256_bytes(s.title.as_bytes()),
        largest: vec![
            file("BEST.safetensors", 15_000_000),
            file("predictions.json", 300_000),
            FileRecord { name: "metrics.jsonl".into(), bytes: None, sha256: None },
        ],
    });
    Report {
        schema: SCHEMA,
        title: "LXMERT in small".into(),
        profile: "demo".into(),
        run: "demo-5f2d8c91a0b3".into(),
        verdict,
        summary,
        rows,
        golden: Vec::new(),
        before: None,
        failure,
        curves: vec![curves("vqa", 5.2, 0.4, 80.5), curves("gqa", 3.9, 0.5, 70.1), curves("nlvr2", 0.72, 0.2, 74.3)],
        examples: vec![
            example("vqa", &[1], "What colour is the shape left of the red circle?", "blue", "blue"),
            example("gqa", &[2], "Is there a square above the green circle?", "no", "yes"),
            example(
                "nlvr2",
                &[3, 4],
                "There are more squares in the left picture than in the right one.",
                "True",
                "True",
            ),
        ],
        environment: Environment {
            program: "0.1.0".into(),
            commit: Some("4be1f20".into()),
            versions: [("libtorch", "2.11.0"), ("tch", "0.24.0")].map(|(a, b)| (a.into(), b.into())).into(),
            os: "Debian GNU/Linux 12 (bookworm), Linux 6.1.0".into(),
            cpu: "Example CPU @ 2.40GHz".into(),
            cpus: 2,
            memory: Some(8_200_000_000),
            image: None,
            threads: 2,
            seeds: vec![9595],
        },
        provenance: Provenance {
            inputs: vec![file("golden/demo.toml", 2_400)],
            assets: Vec::new(),
            outputs: outputs.collect(),
        },
        stages,
        times: Times {
            started: Some("2026-01-02T03:04:05Z".into()),
            finished: Some("2026-01-02T03:06:10Z".into()),
            seconds: Some(125.0),
            speeds: vec![Speed { task: "vqa".into(), examples_per_second: 412.0 }],
        },
    }
}

fn stages() -> Vec<StageRow> {
    vec![
        stage("scenes", "Draw the scenes and write the questions", true, 4.1, "nothing it depends on changed"),
        stage("features", "Detect objects, write obj36 TSV", true, 9.8, "nothing it depends on changed"),
        stage("train-vqa", "Train VQA from scratch", false, 41.2, "parameter `epochs` 4 -> 8"),
        stage("train-gqa", "Train GQA from scratch", false, 33.0, "parameter `epochs` 4 -> 8"),
        stage("train-nlvr2", "Train NLVR2 from scratch", false, 28.7, "output `BEST.safetensors` is missing"),
    ]
}

/// Everything reproduced.
pub fn passed() -> Report {
    let golden = golden();
    let rows = vec![
        judged(&golden, "vqa", 80.55, 600, [51.2, 38.4, 21.0]),
        judged(&golden, "gqa", 70.25, 400, [45.5, 41.0, 33.3]),
        judged(&golden, "nlvr2", 74.5, 200, [52.0, 50.5, 50.0]),
    ];
    build(rows, None, stages())
}

/// One below its band, one near its baseline, one with too few seeds, one not run; text that must be escaped.
pub fn mixed() -> Report {
    let golden = Golden::parse(GOLDEN).unwrap();
    let rows = vec![
        judged(&golden, "vqa", 78.2, 600, [51.2, 38.4, 21.0]),
        judged(&golden, "gqa", 70.25, 400, [66.5, 41.0, 33.3]),
        judged(&golden, "nlvr2", 74.5, 200, [52.0, 50.5, 50.0]),
        not_run(&golden, "retrieval", "no pictures in <images> & | no captions"),
    ];
    let mut report = build(rows, None, stages());
    report.examples[0].question = "Is <b>this</b> \"bold\" & safe?".into();
    report.provenance.assets = [("train2014-obj36", "unpinned"), ("vocabulary", "published")]
        .map(|(name, trust)| AssetRecord {
            name: name.into(),
            bytes: 17_000_000_000,
            sha256: crate::files::sha256_bytes(name.as_bytes()),
            trust: trust.into(),
            used_by: vec!["vqa".into(), "gqa".into()],
        })
        .to_vec();
    report
}

/// A damaged file stopped the third stage.
pub fn stopped() -> Report {
    let golden = golden();
    let error = Error::data("row 17 of train.tsv has 9 columns, not 10")
        .while_doing("cannot build the feature store")
        .next("remove the file and run again");
    let mut stages = stages();
    stages[2].state = StageState::Failed;
    for stage in &mut stages[3..] {
        (stage.state, stage.this_time, stage.fingerprint) = (StageState::NotRun, None, None);
    }
    let rows = ["vqa", "gqa", "nlvr2"].map(|task| not_run(&golden, task, "stage train-vqa failed")).to_vec();
    let mut report = build(rows, Some(Failure::new(Some("train-vqa"), &error)), stages);
    (report.curves, report.examples) = (vec![], vec![]);
    report
}

/// All of them, by name.
pub fn all() -> [(&'static str, Report); 4] {
    [("passed", passed()), ("mixed", mixed()), ("stopped", stopped()), ("checked", checked())]
}

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
fn trained_too_low() -> Judged {
    Judged {
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
            target("band", 69.7, 70.2, Some(false), true, "the whole interval lies below the range"),
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
        ..Judged::new("vqa", Gate::Train, "soft-score accuracy on minival, best epoch")
    }
}

/// Too few trainings to say.
fn trained_too_seldom() -> Judged {
    Judged {
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
            target("band", 59.8, 60.1, None, true, "the interval reaches beyond the range on both sides"),
        ],
        runs: vec![run(1, Some(59.8), RunState::Counted, ""), run(2, Some(60.0), RunState::Counted, "")],
        more_seeds: Some(3),
        evidence: sentences(&[
            "the interval 58.63–61.17 reaches beyond the range 59.8–60.1: 2 runs are too few to say",
        ]),
        what_to_do: Some("train 3 more seeds (--seed) and check them together".into()),
        ..Judged::new("gqa", Gate::Train, "exact-match accuracy on testdev, best epoch")
    }
}

/// Other answers than a frozen run.
fn answered_otherwise() -> Judged {
    let flip = |id: &str, from: (&str, f64), to: (&str, f64)| Flip {
        id: id.to_owned(),
        reference: (from.0.to_owned(), from.1),
        candidate: (to.0.to_owned(), to.1),
    };
    Judged {
        verdict: Verdict::Fail,
        n: Some(6_982),
        observed: Some(74.75),
        paired: Some(Paired {
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
        ..Judged::new("nlvr2", Gate::Eval, "accuracy on valid (dev)")
    }
}

/// Features within their limits.
fn extracted_alike() -> Judged {
    let measure = |name: &str, observed: Option<f64>, limit: Option<f64>, verdict, reason: &str| features::Row {
        measure: name.to_owned(),
        observed,
        limit,
        verdict,
        reason: reason.to_owned(),
        source: limit.map(|_| "golden/features.toml".to_owned()),
    };
    Judged {
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
        ..Judged::new("valid features", Gate::Features, "same-extractor")
    }
}

/// Results of other runs judged again under a newer edition: every field that only such a report has.
pub fn checked() -> Report {
    let rows = vec![trained_too_low(), trained_too_seldom(), answered_otherwise(), extracted_alike()];
    let mut report = build(rows, None, Vec::new());
    let golden = |name: &str, edition| GoldenRecord {
        name: name.to_owned(),
        edition,
        sha256: crate::files::sha256_bytes(format!("{name} {edition}").as_bytes()),
    };
    (report.title, report.profile, report.run) =
        ("Check of LXMERT's results".into(), "check".into(), "check-91d2".into());
    report.golden = vec![golden("published", 2), golden("features", 1)];
    report.before = Some(Before {
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
            sha256: Some(crate::files::sha256_bytes(name.as_bytes())),
        })
        .to_vec();
    report.environment.image = Some(format!("lxmert-repro/train@sha256:{}", crate::files::sha256_bytes(b"image")));
    (report.curves, report.examples) = (Vec::new(), Vec::new());
    report
}
