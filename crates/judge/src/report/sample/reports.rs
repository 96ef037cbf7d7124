//! The reports of runs of `repro all`.

use super::super::metrics::{Curves, EpochPoint, StepPoint};
use super::super::*;
use super::checked;
use crate::verdict::baseline::Baseline;
use crate::verdict::golden::{GoldenRuns, RecordedRun};
use crate::verdict::judge::{Observation, judge_accuracy, unjudged};
use crate::verdict::row::JudgedRow;
use base::error::Error;

const GOLDEN: &str = include_str!("../../../../../tests/fixtures/golden/sample.toml");

pub(super) fn golden() -> GoldenRuns {
    let mut golden = GoldenRuns::parse(GOLDEN).unwrap();
    let nlvr2 = golden.tasks.iter_mut().find(|t| t.name == "nlvr2").unwrap();
    nlvr2.recorded = (0..10).map(|i| RecordedRun { seed: i, accuracy: 73.5 + 0.5 * (i % 4) as f64 }).collect();
    golden
}

pub(super) fn judged(golden: &GoldenRuns, task: &str, accuracy: f64, n: u64, weak: [f64; 3]) -> JudgedRow {
    let names = ["question-only", "image-only", "chance"].into_iter();
    let baselines = names.zip(weak).map(|(name, accuracy)| Baseline { name: name.to_owned(), accuracy }).collect();
    judge_accuracy(golden, task, &Observation { accuracy, n, baselines })
}

fn not_run(golden: &GoldenRuns, task: &str, why: &str) -> JudgedRow {
    let mut row = unjudged(golden, task, 1);
    row.evidence.push(why.to_owned());
    row.what_to_do = Some("fix what stopped the run and start it again; finished stages are kept".into());
    row
}

pub(super) fn curves(task: &str, start: f64, end: f64, reach: f64) -> Curves {
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
        fingerprint: Some(base::files::sha256_bytes(name.as_bytes())),
        this_time: Some(StageExecution { reused, seconds, why: why.to_owned() }),
    }
}

pub(super) fn build(rows: Vec<JudgedRow>, failure: Option<Failure>, stages: Vec<StageRow>) -> Report {
    let (verdict, summary) = Report::conclude(&rows, failure.as_ref());
    let file = |name: &str, bytes| FileRecord {
        name: name.to_owned(),
        bytes: Some(bytes),
        sha256: Some(base::files::sha256_bytes(name.as_bytes())),
    };
    let outputs = stages.iter().filter(|s| s.state == StageState::Done).map(|s| StageOutputs {
        stage: s.name.clone(),
        files: 3,
        bytes: 15_300_000,
        sha256: base::files::sha256_bytes(s.title.as_bytes()),
        largest: vec![
            file("BEST.safetensors", 15_000_000),
            file("predictions.json", 300_000),
            FileRecord { name: "metrics.jsonl".into(), bytes: None, sha256: None },
        ],
    });
    Report {
        schema: SCHEMA,
        title: "LXMERT in small".into(),
        about: about("sample", &rows),
        profile: "sample".into(),
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
        times: ReportTimes {
            started: Some("2026-01-02T03:04:05Z".into()),
            finished: Some("2026-01-02T03:06:10Z".into()),
            seconds: Some(125.0),
            speeds: vec![TaskSpeed { task: "vqa".into(), examples_per_second: 412.0 }],
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
pub(crate) fn passed() -> Report {
    let golden = golden();
    let rows = vec![
        judged(&golden, "vqa", 80.55, 600, [51.2, 38.4, 21.0]),
        judged(&golden, "gqa", 70.25, 400, [45.5, 41.0, 33.3]),
        judged(&golden, "nlvr2", 74.5, 200, [52.0, 50.5, 50.0]),
    ];
    build(rows, None, stages())
}

/// One below its band, one near its baseline, one with too few seeds, one not run; text that must be escaped.
pub(crate) fn mixed() -> Report {
    let golden = GoldenRuns::parse(GOLDEN).unwrap();
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
            sha256: base::files::sha256_bytes(name.as_bytes()),
            trust: trust.into(),
            used_by: vec!["vqa".into(), "gqa".into()],
        })
        .to_vec();
    report
}

/// A damaged file stopped the third stage.
pub(crate) fn stopped() -> Report {
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

/// The demo's runs agree with the recorded ones.
pub(crate) fn demo() -> Report {
    let golden = GoldenRuns { profile: "demo".into(), ..golden() };
    let weak = [52.0, 50.5, 50.0];
    let accuracies = [("vqa", 80.55, 600), ("gqa", 70.25, 400), ("nlvr2", 74.5, 200)];
    let mut rows: Vec<JudgedRow> =
        accuracies.iter().map(|(task, accuracy, n)| judged(&golden, task, *accuracy, *n, weak)).collect();
    rows.iter_mut().for_each(|row| row.headline = None);
    let mut report = build(rows, None, stages());
    (report.title, report.profile) = ("LXMERT demo".into(), "demo".into());
    report
}

/// All of them, by name.
pub(crate) fn all() -> [(&'static str, Report); 5] {
    [("passed", passed()), ("mixed", mixed()), ("stopped", stopped()), ("checked", checked()), ("demo", demo())]
}
