//! The toy stages, and tests of caching, explaining and reporting.

use std::cell::RefCell;
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::super::decision::render;
use super::super::engine::{RunSettings, explain, run};
use super::super::journal::{Event, ReportState};
use super::super::outcome::RunOutcome;
use super::super::plan::{Plan, Stage};
use super::super::results::RunResults;
use base::error::{Error, Result};
use base::exit;
use data::dataset::Task;
use judge::evidence::run::{MissingResult, RunEvidence, TaskEvidence};
use judge::grade::golden::GoldenFile;
use judge::grade::{AssessRequest, assess};
use judge::report::Report;
use judge::verdict::Verdict;
use judge::verdict::baseline::Baseline;

/// Settings of the toy stages, and which of them ran.
pub(super) struct Toy {
    pub(super) workspace: tempfile::TempDir,
    pub(super) side: u32,
    pub(super) epochs: u32,
    pub(super) version: u32,
    pub(super) fails: Option<fn() -> Result<()>>,
    pub(super) ran: Rc<RefCell<Vec<String>>>,
}

impl Toy {
    pub(super) fn new() -> Self {
        let workspace = tempfile::tempdir().unwrap();
        fs::write(workspace.path().join("vocab.txt"), "a b c").unwrap();
        Self { workspace, side: 8, epochs: 4, version: 1, fails: None, ran: Rc::default() }
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.workspace.path().join(below)
    }

    pub(super) fn plan(&self) -> Plan {
        let log = |name: &'static str| {
            let ran = Rc::clone(&self.ran);
            move || ran.borrow_mut().push(name.to_owned())
        };
        let (draw, count, train) = (log("draw"), log("count"), log("train"));
        let fails = self.fails;
        let stages = vec![
            Stage::new("draw", "Draw scenes", 1, move |context| {
                draw();
                let side = context.parameters::<serde_json::Value>()?["side"].to_string();
                put(context.output("images/one.txt"), "x".repeat(40))?;
                put(context.output("questions.json"), format!("side {side}"))
            })
            .parameters(json!({ "side": self.side })),
            Stage::new("count", "Count images", self.version, move |context| {
                count();
                let image = get(context.input("draw", "images/one.txt"))?;
                assert!(context.input("draw", "questions.json").is_err(), "not declared");
                put(context.output("count.txt"), image.len().to_string())
            })
            .output_of("draw", "images/one.txt"),
            Stage::new("train", "Train", 1, move |context| {
                train();
                context.note("half way");
                put(context.output("metrics.jsonl"), format!("{:?}", SystemTime::now()))?;
                let seen = get(context.input_folder("draw").map(|folder| folder.join("questions.json")))?;
                if let Some(fails) = fails {
                    fails()?;
                }
                put(context.output("model"), seen + &get(context.file("vocab.txt"))?)
            })
            .parameters(json!({ "seed": 1, "model": { "epochs": self.epochs } }))
            .after("draw")
            .file("vocab.txt", &self.path("vocab.txt"))
            .volatile("metrics.jsonl"),
        ];
        Plan { profile: "toy".into(), title: "Toy".into(), seeds: vec![1], stages }
    }

    pub(super) fn settings(&self) -> RunSettings {
        let versions = [("libtorch".to_owned(), "none".to_owned())].into();
        RunSettings { versions, ..settings_in(self.workspace.path()) }
    }

    pub(super) fn run_judged(
        &self,
        judge: impl FnOnce(&RunOutcome) -> Result<RunResults>,
    ) -> Result<(Report, PathBuf)> {
        run(&self.plan(), &self.settings(), &mut |_| {}, judge)
    }

    pub(super) fn run(&self) -> (Report, PathBuf) {
        self.run_judged(judge).unwrap()
    }

    /// Returns the names of the stages that ran since the last call.
    pub(super) fn ran(&self) -> Vec<String> {
        self.ran.take()
    }

    pub(super) fn explain(&self) -> String {
        render(&explain(&self.plan(), self.workspace.path()).unwrap())
    }

    pub(super) fn finished(&self, stage: &str) -> PathBuf {
        let folder = self.path("cache/stages").join(stage);
        let mut names: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        names.remove(0)
    }
}

/// Returns settings for a workspace.
pub(super) fn settings_in(workspace: &Path) -> RunSettings {
    let (workspace, versions, departures) = (workspace.to_owned(), [].into(), Vec::new());
    RunSettings { workspace, versions, threads: 1, image: None, departures }
}

/// Returns a plan of these stages without seeds.
pub(super) fn plan_of(stages: Vec<Stage>) -> Plan {
    Plan { profile: "toy".into(), title: "Toy".into(), seeds: Vec::new(), stages }
}

pub(super) fn put(path: Result<PathBuf>, text: impl AsRef<[u8]>) -> Result<()> {
    let path = path?;
    fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))
}

pub(super) fn get(path: Result<PathBuf>) -> Result<String> {
    base::files::read_text(&path?, 1000)
}

/// Judges GQA by the output of `train`, as if that were an evaluation.
pub(super) fn judge(outcome: &RunOutcome) -> Result<RunResults> {
    judge_accuracy(outcome, 70.0)
}

fn judge_accuracy(outcome: &RunOutcome, accuracy: f64) -> Result<RunResults> {
    let result = match (outcome.output("train", "model"), &outcome.failure) {
        (Some(model), None) => {
            assert!(get(Ok(model))?.to_lowercase().starts_with("side "));
            Ok(found(accuracy))
        }
        _ => Err(MissingResult {
            sentence: "training failed".into(),
            seed: None,
            stage: Some("train".into()),
            class: None,
            next: "start it again".into(),
        }),
    };
    assert_eq!(outcome.is_done("train"), outcome.failure.is_none());
    let run = RunEvidence {
        name: "toy".into(),
        folder: outcome.folder.clone(),
        journal: None,
        assets: None,
        tasks: vec![(Task::Gqa, result)],
        report: None,
        notes: Vec::new(),
    };
    let golden = [GoldenFile::parse("sample", include_str!("../../../tests/fixtures/golden/sample.toml"))?];
    let assessment = assess(&AssessRequest { golden: &golden, runs: &[run], ..AssessRequest::default() })?;
    Ok(RunResults { assessment, ..RunResults::default() })
}

/// Returns an evaluation whose training follows the protocol.
pub(super) fn found(accuracy: f64) -> TaskEvidence {
    let record = json!({ "schema": 1, "task": "gqa", "splits": "testdev", "metric": "accuracy", "n": 400, "examples": 400,
        "left_out": 0, "accuracy": accuracy, "consistency": null, "seed": 1, "models": [], "without": null,
        "features": [], "predictions": null, "items": null,
        "training": { "options": { "--seed": 1 }, "steps": 1, "best_epoch": null, "validation": [], "not_loaded": [],
            "should_load": 0, "left_out": 0 },
        "environment": { "program": "", "commit": null, "versions": {}, "threads": 1, "device": "cpu" } });
    let baselines = vec![Baseline { name: "question-only".into(), accuracy: 40.0 }];
    TaskEvidence { record: serde_json::from_value(record).unwrap(), folder: "x".into(), baselines, metrics: None }
}

pub(super) fn events(folder: &Path) -> Vec<Event> {
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lists every file of a folder with time and content.
pub(super) fn files(folder: &Path) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.symlink_metadata().unwrap().is_file());
    let mut files: Vec<_> = files
        .map(|path| (path.clone(), path.metadata().unwrap().modified().unwrap(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_second_run_does_nothing_and_reports_the_same() {
    let toy = Toy::new();
    let (first, folder) = toy.run();
    assert_eq!(toy.ran(), ["draw", "count", "train"]);
    assert_eq!((first.verdict, first.exit_code()), (Verdict::Pass, exit::PASS));
    for name in ["run.json", "events.jsonl", "report.json", "report.md", "report.html", "junit.xml", "train/model"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    assert_eq!(fs::canonicalize(toy.path("runs/latest")).unwrap(), fs::canonicalize(&folder).unwrap());
    let record =
        |name: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let first_started = record("run.json")["first_started"].clone();
    assert_eq!(record("run.json")["environment"]["seeds"], json!([1]));

    let left = files(&folder);
    let (second, same_folder) = toy.run();
    assert_eq!(toy.ran(), [""; 0]);
    assert_eq!(same_folder, folder);
    assert_eq!(first, second, "the report of the run that did the work");
    assert!(files(&folder) == left, "nothing in its folder is touched");
    assert_eq!(record("run.json")["first_started"], first_started);
    assert_eq!(events(&folder).len(), 9);
    let none: [Vec<u8>; 1] = [fs::read(toy.path("cache/lock")).unwrap()];
    assert_eq!(none, [b""]);
}

#[test]
fn a_rewritten_report_keeps_the_times_of_the_run_that_did_the_work() {
    let toy = Toy::new();
    let shown = RefCell::new(Vec::new());
    let again = |judge: fn(&RunOutcome) -> Result<RunResults>| {
        let mut display = |event: &Event| shown.borrow_mut().push(event.clone());
        let (report, folder) = run(&toy.plan(), &toy.settings(), &mut display, judge).unwrap();
        let state = shown.take().into_iter().find_map(|event| match event {
            Event::NothingDone { state, .. } => Some(state),
            _ => None,
        });
        (report, folder, state)
    };
    let (first, folder, state) = again(judge);
    assert_eq!(state, None);
    for name in ["report.md", "report.html", "junit.xml", "attestation.intoto.json"] {
        let file = folder.join(name);
        let text = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let (report, _, state) = again(judge);
        assert_eq!((&report, state), (&first, Some(ReportState::Completed)), "{name}");
        assert!(fs::read(&file).unwrap() == text, "{name} is another one");
    }
    // Its times come from the journal then.
    for damage in ["", "{}"] {
        fs::write(folder.join("report.json"), damage).unwrap();
        let (report, _, state) = again(judge);
        assert_eq!(state, Some(ReportState::Completed));
        assert_eq!((&report.stages[0], &report.times.started), (&first.stages[0], &first.times.started));
        assert!(report.times.seconds.is_some() && report.stages.iter().all(|stage| stage.status() == "ran"));
        assert_eq!(again(judge).2, Some(ReportState::Untouched));
    }
    // Other golden values, the same results.
    let (report, _, state) = again(|outcome| judge_accuracy(outcome, 40.5));
    assert_eq!((state, report.verdict), (Some(ReportState::JudgedAgain), Verdict::Fail));
    assert_eq!((&report.times.started, &report.stages[1]), (&first.times.started, &first.stages[1]));
    assert_eq!(judge::report::json::read(&folder.join("report.json")).unwrap(), report);
    assert_eq!(toy.ran().len(), 3, "nothing ran again");
}

#[test]
fn only_stages_that_depend_on_a_changed_parameter_run_again() {
    let mut toy = Toy::new();
    let (_, first_folder) = toy.run();
    toy.ran();
    toy.epochs = 5;
    let (report, folder) = toy.run();
    assert_eq!(toy.ran(), ["train"]);
    assert_eq!(report.stages[2].this_time.as_ref().unwrap().why, "parameter `model.epochs` 4 -> 5");
    assert_ne!(folder, first_folder, "another plan is another run");
    toy.epochs = 4;
    assert_eq!(toy.run().1, first_folder);
    assert_eq!(toy.ran(), [""; 0], "the earlier result is still there");

    // `count` reads only the picture, which does not depend on the side.
    toy.side = 9;
    toy.run();
    assert_eq!(toy.ran(), ["draw", "train"]);
}

#[test]
fn explanations() {
    let mut toy = Toy::new();
    let mut all = vec![("never finished", toy.explain())];
    toy.run();
    all.push(("nothing changed", toy.explain()));
    toy.epochs = 5;
    all.push(("epochs 4 -> 5", toy.explain()));
    toy.epochs = 4;
    fs::write(toy.path("vocab.txt"), "a b c d").unwrap();
    toy.version = 2;
    all.push(("another vocabulary, another program", toy.explain()));
    fs::write(toy.path("vocab.txt"), "a b c").unwrap();
    toy.version = 1;
    toy.side = 9;
    all.push(("side 8 -> 9: what follows is not known yet", toy.explain()));
    toy.epochs = 6;
    all.push(("side 8 -> 9, epochs 4 -> 6", toy.explain()));
    toy.side = 8;
    toy.epochs = 4;
    fs::remove_file(toy.finished("count").join("count.txt")).unwrap();
    fs::write(toy.finished("train").join("model"), "SIDE 8a b c").unwrap();
    all.push(("missing and damaged outputs", toy.explain()));
    fs::write(toy.finished("count").join("stage.json"), "{").unwrap();
    let train = toy.finished("train");
    let name = train.file_name().unwrap().to_str().unwrap().to_owned();
    fs::rename(&train, train.with_file_name(format!(".partial-{name}"))).unwrap();
    all.push(("damaged record, killed at work", toy.explain()));
    assert_eq!(toy.ran(), ["draw", "count", "train"], "explaining runs nothing");
    let text: Vec<String> = all.into_iter().map(|(title, text)| format!("# {title}\n{text}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn damaged_outputs_are_made_again() {
    let toy = Toy::new();
    let first = toy.run().0.without_times();
    toy.ran();
    type Damage = (&'static str, &'static [&'static str], fn(&Path));
    let damages: [Damage; 5] = [
        ("train", &["train"], |folder| fs::write(folder.join("model"), "SIDE 8a b c").unwrap()),
        ("train", &["train"], |folder| fs::remove_file(folder.join("metrics.jsonl")).unwrap()),
        ("count", &["count"], |folder| fs::write(folder.join("stage.json"), "").unwrap()),
        ("count", &["count"], |folder| {
            fs::remove_file(folder.join("count.txt")).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", folder.join("count.txt")).unwrap();
        }),
        // What uses it finds the same as before and is left alone.
        ("draw", &["draw"], |folder| fs::remove_dir_all(folder.join("images")).unwrap()),
    ];
    for (i, (stage, again, damage)) in damages.into_iter().enumerate() {
        damage(&toy.finished(stage));
        assert_eq!(toy.run().0.without_times(), first, "damage {i}");
        assert_eq!(toy.ran(), again, "damage {i}");
    }
}

#[test]
fn outputs_with_unchanged_size_time_and_inode_are_not_read() {
    let toy = Toy::new();
    toy.run();
    toy.ran();
    let model = toy.finished("train").join("model");
    let set = |time| {
        File::options().write(true).open(&model).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap()
    };
    let recorded = fs::metadata(&model).unwrap().modified().unwrap();
    fs::write(&model, "SIDE 8a b c").unwrap();
    set(recorded);
    toy.run();
    assert_eq!(toy.ran(), [""; 0], "the content was not looked at");

    set(recorded + Duration::from_secs(5));
    toy.run();
    assert_eq!(toy.ran(), ["train"], "another time, another content");

    set(SystemTime::now() - Duration::from_secs(500));
    toy.run();
    assert_eq!(toy.ran(), [""; 0], "another time, the same content");
    let record = fs::read_to_string(toy.finished("train").join("stage.json")).unwrap();
    let now = base::files::Stat::of(&fs::metadata(&model).unwrap()).mtime_ns.to_string();
    assert!(record.contains(&now), "the new time is remembered");
}

#[test]
fn a_killed_run_continues() {
    let untouched = Toy::new();
    let expected = untouched.run().0.without_times();

    let toy = Toy::new();
    toy.run();
    toy.ran();
    // As a kill in the middle of `train` leaves things: nothing under the final name, a half-filled folder, a held lock,
    // an event cut short, no report.
    let train = toy.finished("train");
    let name = train.file_name().unwrap().to_str().unwrap().to_owned();
    let partial = train.with_file_name(format!(".partial-{name}"));
    fs::rename(&train, &partial).unwrap();
    fs::remove_file(partial.join("model")).unwrap();
    fs::create_dir(train.with_file_name(".discarded-0000")).unwrap();
    fs::write(toy.path("cache/lock"), r#"{"pid":4194303,"started":"2026-01-02T03:04:05Z"}"#).unwrap();
    let folder = fs::canonicalize(toy.path("runs/latest")).unwrap();
    let events_text = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    fs::write(folder.join("events.jsonl"), &events_text[..events_text.len() - 7]).unwrap();
    fs::remove_file(folder.join("report.json")).unwrap();
    fs::write(folder.join(".writing-abc"), "{").unwrap();

    let (report, _) = toy.run();
    assert_eq!(toy.ran(), ["train"]);
    assert_eq!(report.stages[2].this_time.as_ref().unwrap().why, "was interrupted before it finished");
    assert_eq!(report.without_times(), expected);
    assert!(!partial.exists() && !folder.join(".writing-abc").exists() && train.join("model").exists());
    toy.finished("train");
    assert!(events(&folder).iter().any(|e| matches!(e, Event::RunStarted { after_killed: Some(4_194_303), .. })));
}

#[test]
fn two_runs_at_once_are_refused() {
    let toy = Toy::new();
    let (inner, _) = toy.run_judged(|_| toy.run_judged(judge).map(|_| RunResults::default())).unwrap();
    let failure = inner.failure.unwrap();
    assert!(failure.message.starts_with("another run is using this workspace"), "{}", failure.message);
}

#[test]
fn mistakes_in_a_plan_are_named() {
    let toy = Toy::new();
    fs::remove_file(toy.path("vocab.txt")).unwrap();
    let error = toy.run_judged(judge).map(|_| ()).unwrap_err();
    assert_eq!(exit::code(&error), exit::DATA);
    assert!(error.to_string().starts_with("the input vocab.txt of stage train cannot be read"), "{error}");

    let nothing = || Stage::new("a", "A", 1, |_| Ok(()));
    for (stages, message) in [
        (vec![nothing(), nothing()], "is there more than once"),
        (vec![nothing().after("b")], "uses b, which does not come before it"),
        (vec![Stage::new("A b", "", 1, |_| Ok(()))], "has an invalid name"),
        (vec![nothing().file("x", Path::new("x")).file("x", Path::new("y"))], "reads two files named x"),
    ] {
        let plan = Plan { profile: "toy".into(), title: String::new(), seeds: vec![], stages };
        let error = explain(&plan, toy.workspace.path()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let uses_volatile = Plan {
        profile: "toy".into(),
        title: String::new(),
        seeds: vec![],
        stages: vec![
            Stage::new("a", "A", 1, |c| put(c.output("log/metrics.jsonl"), "")).volatile("metrics.jsonl"),
            Stage::new("b", "B", 1, |_| Ok(())).output_of("a", "log/metrics.jsonl"),
        ],
    };
    let (report, _) = run(&uses_volatile, &toy.settings(), &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
    assert!(report.failure.unwrap().message.contains("nothing may depend on"));
}
