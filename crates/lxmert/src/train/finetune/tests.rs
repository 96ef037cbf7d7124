use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use tch::Device;

use super::{FinetuneOutcome, FinetuneSettings, run};
use crate::train::session::TrainObserver;
use base::error::Result;
use checkpoint::StateDict;
use data::dataset::{Example, Id, Label, Task, TaskData};
use data::features::bench::{generated_rows, image_id};
use data::features::store::StoreSource;
use data::features::{FeatureStore, Precision, StoreWriter};
use lxmert_spec::Config;
use lxmert_spec::ModelDescription;
use lxmert_spec::loading::LoadReport;
use trainings::examples::{ExampleTarget, FeatureSource, PreparedExample, PreparedSplit};
use trainings::options::Optim;
use trainings::progress::TrainProgress;
use trainings::resume::{SnapshotSettings, StartMode};
use trainings::snapshot::{RunIdentity, SnapshotInterval, Snapshots};
use trainings::tensorboard::FILE_NAME;

const ANSWERS: usize = 5;
const WORDS: usize = 40;

/// Returns questions about generated images, with scores whose sum depends on its order.
fn questions(folder: &Path, first: usize, count: usize) -> PreparedSplit {
    let path = folder.join(format!("{first}.safetensors"));
    let mut writer = StoreWriter::create(&path, Precision::F32).unwrap();
    generated_rows(count, 3, 8).into_iter().for_each(|row| writer.write_row(&row).unwrap());
    writer.finish(StoreSource { name: "generated".into(), bytes: 0, covered: 0, sha256: String::new() }).unwrap();
    let source = FeatureSource::new(vec![FeatureStore::open(&path).unwrap()]).unwrap();
    let answers: Vec<String> = (0..ANSWERS).map(|a| a.to_string()).collect();
    let score = |index: usize, answer: usize| 1.0 / (3 + (first + index * 7 + answer * 3) % 5) as f64;
    let make = |index: usize| {
        let label = (0..ANSWERS).map(|a| (answers[a].clone(), score(index, a))).collect::<IndexMap<_, _>>();
        let (id, images) = (Id::Int((first + index) as i64), vec![image_id(index)]);
        Example { id, images, sentence: String::new(), label: Some(Label::Soft(label)) }
    };
    let ready = |index: usize| PreparedExample {
        index,
        words: (0..3 + index % 3).map(|word| ((first + index * 13 + word) % WORDS) as i64).collect(),
        places: source.find(&image_id(index)).into_iter().collect(),
        target: Some(ExampleTarget::Soft((0..ANSWERS).map(|a| (a as u32, score(index, a) as f32)).collect())),
    };
    let questions = (0..count).map(ready).collect();
    let data = TaskData { task: Task::Vqa, splits: vec![first.to_string()], examples: (0..count).map(make).collect() };
    PreparedSplit { data, source, examples: questions, answers, ablation: None }
}

struct Setup {
    folder: tempfile::TempDir,
    train: PreparedSplit,
    valid: PreparedSplit,
    first: StateDict,
    description: ModelDescription,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Without dropout, because other tests draw from the same generator at the same time.
        let config = Config {
            hidden_size: 8,
            num_attention_heads: 2,
            intermediate_size: 8,
            l_layers: 1,
            r_layers: 1,
            x_layers: 1,
            vocab_size: WORDS,
            visual_feat_dim: 8,
            ..Config::demo()
        };
        let description = ModelDescription { task: Task::Vqa, config, answers: ANSWERS };
        let first = crate::train::weights::new_model(&description, Device::Cpu).unwrap().parameters().state();
        let (train, valid) = (questions(folder.path(), 0, 14), questions(folder.path(), 100, 6));
        Self { folder, train, valid, first, description }
    }

    fn settings(&self, name: &str, begin: StartMode) -> FinetuneSettings {
        let output = self.folder.path().join(name);
        FinetuneSettings {
            epochs: 3,
            batch_size: 4,
            eval_batch_size: 4,
            lr: 0.02,
            optim: Optim::Bert,
            seed: 3,
            mce_loss: false,
            pth: false,
            description: self.description.clone(),
            vocabulary: Some("v".to_owned()),
            also: BTreeMap::new(),
            loaded: None,
            snapshots: SnapshotSettings::below(&output, SnapshotInterval::Steps(2), begin),
            output,
        }
    }

    fn run(&self, settings: &FinetuneSettings, observer: &mut dyn TrainObserver) -> Result<FinetuneOutcome> {
        let model = crate::train::weights::new_model(&self.description, Device::Cpu).unwrap();
        model.parameters().load(&self.first).unwrap();
        let outcome = run(&model, &self.train, Some(&self.valid), settings, observer)?;
        let last = lxmert_spec::loading::read(&settings.output.join("LAST.safetensors")).unwrap();
        assert!(model.parameters().state() == last, "the model is not the last one");
        Ok(outcome)
    }
}

/// Copies the output folder at each call. A copy is what a kill at that moment would leave.
struct Copier {
    from: PathBuf,
    copies: Vec<PathBuf>,
    notes: Vec<String>,
}

impl Copier {
    fn of(settings: &FinetuneSettings) -> Self {
        Self { from: settings.output.clone(), copies: Vec::new(), notes: Vec::new() }
    }

    fn copy(&mut self) {
        let to = self.from.with_extension(format!("copy{}", self.copies.len()));
        copy_folder(&self.from, &to);
        self.copies.push(to);
    }
}

impl TrainObserver for Copier {
    fn step(&mut self, _: &TrainProgress) {
        self.copy();
    }
    fn validated(&mut self, _: usize) {
        self.copy();
    }
    fn lines(&mut self, _: &str) {
        self.copy();
    }
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

struct NullObserver;

impl TrainObserver for NullObserver {
    fn step(&mut self, _: &TrainProgress) {}
    fn validated(&mut self, _: usize) {}
    fn lines(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => assert!(fs::copy(entry.path(), to).is_ok()),
        }
    }
}

/// Returns the files of a folder, without times and speeds.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(path.is_file(), "{name} is left");
        let mut bytes = fs::read(&path).unwrap();
        if name == "metrics.jsonl" {
            let text = String::from_utf8(bytes).unwrap();
            let line = |line: &str| line.split("\"examples_per_second\"").next().unwrap().to_owned();
            bytes = text.lines().map(line).collect::<Vec<_>>().join("\n").into_bytes();
        }
        if name == FILE_NAME {
            bytes = without_times(&bytes);
        }
        files.insert(name, bytes);
    }
    files
}

/// Returns the content of TensorBoard's records after their time, without the values of speeds.
fn without_times(mut records: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    while let Some((length, rest)) = records.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        let content = &rest[4 + 9..4 + length];
        let speed = content.windows(19).any(|w| w == b"examples_per_second");
        kept.extend(&content[..content.len() - if speed { 4 } else { 0 }]);
        records = &rest[length + 8..];
    }
    kept
}

#[test]
fn a_killed_run_resumes_and_ends_with_the_same_bytes() {
    let world = Setup::new();
    let whole = world.settings("whole", StartMode::Fresh);
    let mut copier = Copier::of(&whole);
    let outcome = world.run(&whole, &mut copier).unwrap();
    assert_eq!((outcome.steps, copier.copies.len()), (9, 9 + 3 * 2 + 3));
    let wanted = files(&whole.output);
    let names = ["BEST.safetensors", "LAST.safetensors", FILE_NAME, "log.log", "metrics.jsonl", "outcome.json"];
    assert_eq!(wanted.keys().collect::<Vec<_>>(), names);

    // Also killed between the last writes: with LAST but no outcome, or with an outcome and snapshots.
    let last = copier.copies.last().unwrap();
    let ends = ["no-outcome", "no-clearing"].map(|name| world.folder.path().join(name));
    for end in &ends {
        copy_folder(&whole.output, end);
        copy_folder(&last.join("snapshots"), &end.join("snapshots"));
    }
    fs::remove_file(ends[0].join("outcome.json")).unwrap();
    for copy in copier.copies.iter().chain(&ends) {
        fs::write(copy.join(".writing-Zz1"), "half").unwrap();
        let settings = world.settings(copy.file_name().unwrap().to_str().unwrap(), StartMode::Resume);
        assert_eq!(world.run(&settings, &mut NullObserver).unwrap(), outcome, "{}", copy.display());
        assert!(files(copy) == wanted, "{}", copy.display());
    }

    // A finished run does nothing again.
    let again = world.settings("whole", StartMode::Resume);
    assert_eq!(world.run(&again, &mut NullObserver).unwrap(), outcome);
    assert!(files(&again.output) == wanted);
}

#[test]
fn verdicts_read_the_facts_that_a_training_wrote() {
    let world = Setup::new();
    let mut settings = world.settings("run", StartMode::Fresh);
    let lacking = vec!["bert.pooler.dense.bias".to_owned()];
    settings.loaded = Some(LoadReport { lacking: lacking.clone(), promised: 5, ..LoadReport::default() });
    let outcome = world.run(&settings, &mut NullObserver).unwrap();
    let finished = judge::evidence::training::read(&settings.output).unwrap().unwrap();
    assert_eq!(finished.best, outcome.best.map(|(score, _)| score * 100.0));
    let training = finished.training;
    assert_eq!((training.not_loaded, training.should_load, training.steps), (lacking, 5, outcome.steps));
    assert_eq!((training.options["--seed"].as_u64(), training.validation.len()), (Some(3), 3));
    assert_eq!(finished.validated.unwrap().1, world.valid.examples.len() as u64);
    assert_eq!((finished.machine.threads, finished.machine.device.as_str()), (tch::get_num_threads() as u64, "cpu"));
}

#[test]
fn a_run_with_other_settings_or_data_is_not_resumed() {
    let world = Setup::new();
    let whole = world.settings("whole", StartMode::Fresh);
    let mut copier = Copier::of(&whole);
    world.run(&whole, &mut copier).unwrap();
    let name = copier.copies[7].file_name().unwrap().to_str().unwrap().to_owned();
    let with = |begin: StartMode, change: &dyn Fn(&mut FinetuneSettings), name: &str| {
        let mut settings = world.settings(name, begin);
        change(&mut settings);
        world.run(&settings, &mut NullObserver).unwrap_err().to_string()
    };
    let error = with(StartMode::Fresh, &|_| {}, &name);
    assert!(error.contains("--resume") && error.contains("--restart"), "{error}");
    for name in [name.as_str(), "whole"] {
        for (option, change) in [
            ("--lr was 0.02 and is 0.01", (&|s: &mut FinetuneSettings| s.lr = 0.01) as &dyn Fn(&mut FinetuneSettings)),
            ("--epochs was 3 and is 4", &|s| s.epochs = 4),
            ("--seed was 3 and is 4", &|s| s.seed = 4),
            ("--optim", &|s| s.optim = Optim::Adam),
            ("start was absent and is 1", &|s| drop(s.also.insert("start".into(), 1.into()))),
        ] {
            let error = with(StartMode::Resume, change, name);
            assert!(error.contains(option), "{error}");
        }
    }
    let mut other = Setup::new();
    other.train.examples[3].words[1] ^= 1;
    let settings = world.settings(&name, StartMode::Resume);
    let error = other.run(&settings, &mut NullObserver).unwrap_err().to_string();
    assert!(error.contains("training data was"), "{error}");

    // After a restart, the log is continued as in the original, and all other files are written from scratch.
    let log = fs::read_to_string(settings.output.join("log.log")).unwrap();
    world.run(&world.settings(&name, StartMode::Restart), &mut NullObserver).unwrap();
    let (mut again, whole) = (files(&settings.output), files(&whole.output));
    assert_eq!(again["log.log"], [log.as_bytes(), &whole["log.log"]].concat());
    again.insert("log.log".into(), whole["log.log"].clone());
    assert!(again == whole);
    // The files of the interrupted run were moved aside; a finished run is not overwritten.
    let aside = |name: &str| -> Vec<PathBuf> {
        let entries = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_aside = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}-20"));
        entries.filter(is_aside).collect()
    };
    let [kept] = &aside(&name)[..] else { panic!("{:?}", aside(&name)) };
    assert!(kept.join("BEST.safetensors").exists() && kept.join("snapshots").exists());
    assert_eq!(fs::read_to_string(kept.join("log.log")).unwrap(), log);
    let before = files(&settings.output);
    let error = with(StartMode::Fresh, &|_| {}, &name);
    assert!(error.contains("holds a finished run: vqa, with the same settings, best"), "{error}");
    assert!(files(&settings.output) == before);
}

#[test]
fn an_older_programs_snapshot_leads_to_an_outcome_with_checksums() {
    let world = Setup::new();
    let whole = world.settings("whole", StartMode::Fresh);
    let mut copier = Copier::of(&whole);
    world.run(&whole, &mut copier).unwrap();
    let copy = copier.copies.last().unwrap();
    let path = copy.join("snapshots").read_dir().unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let metadata = checkpoint::read_metadata(&path).unwrap().unwrap();
    let key = "lxmert_repro.snapshot";
    let mut about: serde_json::Value = serde_json::from_str(&metadata[key]).unwrap();
    assert!(about["position"].as_object_mut().unwrap().shift_remove("weights").is_some());
    assert!(about["identity"].as_object_mut().unwrap().shift_remove("vocabulary").is_some());
    let identity: RunIdentity = serde_json::from_value(about["identity"].clone()).unwrap();
    let step = about["step"].as_u64().unwrap();
    let tensors = lxmert_spec::loading::read(&path).unwrap();
    Snapshots::new(copy.join("snapshots"), SnapshotInterval::Never, identity)
        .write(step, &about["position"], &tensors)
        .unwrap();
    world
        .run(&world.settings(copy.file_name().unwrap().to_str().unwrap(), StartMode::Resume), &mut NullObserver)
        .unwrap();
    assert!(files(copy) == files(&whole.output));
}

#[test]
fn a_damaged_snapshot_is_skipped() {
    let world = Setup::new();
    let whole = world.settings("whole", StartMode::Fresh);
    let mut copier = Copier::of(&whole);
    let outcome = world.run(&whole, &mut copier).unwrap();
    let copy = copier.copies.last().unwrap();
    let mut found: Vec<_> = fs::read_dir(copy.join("snapshots")).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    let bytes = fs::read(&found[1]).unwrap();
    fs::write(&found[1], &bytes[..bytes.len() / 2]).unwrap();
    let settings = world.settings(copy.file_name().unwrap().to_str().unwrap(), StartMode::Resume);
    let mut copier = Copier::of(&settings);
    assert_eq!(world.run(&settings, &mut copier).unwrap(), outcome);
    assert!(
        copier.notes[0].contains("skipped a damaged snapshot") && copier.notes[1].contains("after step 6"),
        "{:?}",
        copier.notes
    );
    assert!(files(copy) == files(&whole.output));
}

/// Records the progress of steps.
#[derive(Default)]
struct StepRecorder(Vec<TrainProgress>);

impl TrainObserver for StepRecorder {
    fn step(&mut self, progress: &TrainProgress) {
        self.0.push(*progress);
    }
    fn validated(&mut self, _: usize) {}
    fn lines(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
}

#[test]
fn progress_counts_the_whole_run_also_after_an_interruption() {
    let world = Setup::new();
    let whole = world.settings("whole", StartMode::Fresh);
    let mut copier = Copier::of(&whole);
    world.run(&whole, &mut copier).unwrap();
    // Killed after its fifth step: the last snapshot is of the fourth.
    let stopped = copier.copies[3 + 2 + 1 + 1].file_name().unwrap().to_str().unwrap();
    let mut steps = StepRecorder::default();
    world.run(&world.settings(stopped, StartMode::Resume), &mut steps).unwrap();
    let at: Vec<_> = steps.0.iter().map(|p| (p.step, p.epoch, p.done)).collect();
    assert_eq!(at, [(5, 1, 8), (6, 1, 12), (7, 2, 4), (8, 2, 8), (9, 2, 12)]);
    for progress in steps.0 {
        assert_eq!((progress.steps, progress.epochs, progress.examples), (9, 3, 14));
        assert!(progress.examples_per_second > 0.0 && progress.score.is_some_and(|score| score <= 1.0));
    }
}
