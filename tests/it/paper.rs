//! `repro all --profile paper` on small published files, with a stand-in for the trainer: what is fetched, prepared and trained again,
//! and how a run ends whose files are unavailable.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use assets::fetch::Network;
use assets::lock::Lock;
use assets::manifest::Manifest;
use base::error::Result;
use base::exit;
use base::progress::Silent;
use data::dataset::{Scale, Task};
use data::features::{Precision, ensure_store};
use judge::evidence::result::ResultRecord;
use judge::grade::golden::GoldenFile;
use judge::report::Report;
use judge::verdict::Verdict;
use lxmert_repro::pipeline::engine;
use lxmert_repro::pipeline::paper::{self, Assets, ComputeSettings, FineTuner, Model, PaperSettings, PaperTraining};
use lxmert_repro::pipeline::plan::StageContext;
use serde_json::json;

use crate::common::world::World;

/// Stands in for the trainer: reads what it would read, and notes that it was called.
#[derive(Default)]
struct Nobody {
    called: RefCell<Vec<String>>,
}

impl FineTuner for Nobody {
    fn train(&self, context: &mut StageContext, training: &PaperTraining, workspace: &Path) -> Result<()> {
        self.called.borrow_mut().push(training.task.to_string());
        assert!(workspace.join(lxmert_spec::paper::PRETRAINED_FILE).is_file());
        let epoch = json!({ "kind": "epoch", "epoch": 0, "train": 50.0, "valid": 40.0, "best": 40.0, "examples_per_second": 8.0 });
        fs::write(context.output(paper::training_rate::METRICS)?, format!("{epoch}\n")).unwrap();
        fs::write(context.output("LAST")?, training.task.name()).unwrap();
        Ok(())
    }

    fn evaluate(
        &self,
        context: &mut StageContext,
        training: &PaperTraining,
        workspace: &Path,
        trained: &Path,
    ) -> Result<()> {
        assert_eq!(fs::read_to_string(trained.join("LAST")).unwrap(), training.task.name());
        let valid = lxmert_spec::paper::fine_tuning(training.task).valid;
        let text = fs::read(training.task.split_file(&workspace.join("data"), valid)).unwrap();
        let n = serde_json::from_slice::<Vec<serde_json::Value>>(&text).unwrap().len();
        let record = json!({ "schema": 1, "task": training.task, "splits": valid, "metric": "accuracy", "n": n, "examples": n,
            "left_out": 0, "accuracy": 41.5, "consistency": null, "seed": training.seed, "models": [], "training": null,
            "without": null, "features": [], "predictions": null, "items": null,
            "environment": { "program": "", "commit": null, "versions": {}, "threads": 1, "device": "cpu" } });
        serde_json::from_value::<ResultRecord>(record).unwrap().write(context.folder())
    }
}

/// A world, a workspace, and somebody in the trainer's place.
struct Place {
    folder: tempfile::TempDir,
    world: World,
    nobody: Rc<Nobody>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::publish(folder.path());
        fs::write(world.weights(), "weights").unwrap();
        Self { folder, world, nobody: Rc::default() }
    }

    fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    fn settings(&self) -> PaperSettings {
        let manifest = Manifest::parse(&fs::read_to_string(&self.world.manifest).unwrap(), "test").unwrap();
        let network = Network { stall: Duration::from_secs(5), retries: 0, first_wait: Duration::from_millis(1) };
        PaperSettings {
            workspace: self.workspace(),
            assets: Assets {
                manifest: Rc::new(manifest),
                foreign: true,
                lock: Rc::new(Lock::read(&self.workspace().join("data/assets.lock")).unwrap()),
                from: None,
                jobs: 2,
                network,
                drop_archives: false,
                observers: Rc::new(|| Box::new(Silent)),
            },
            tasks: Task::ALL.to_vec(),
            model: Model { name: "lxr955".into(), config: json!({}) },
            scale: Scale::Full,
            precision: Precision::F32,
            seed: 9595,
            machine: ComputeSettings { device: "cpu".into(), threads: 1, versions: [].into() },
        }
    }

    /// The report, and which tasks were trained.
    fn run(&self, settings: PaperSettings) -> (Report, Vec<String>) {
        let tuner: Rc<dyn FineTuner> = Rc::clone(&self.nobody) as _;
        let golden = GoldenFile::of_profile(Some(paper::PROFILE)).unwrap();
        let (report, _) = paper::run(&Rc::new(settings), &tuner, &golden, &mut |_| {}).unwrap();
        (report, self.nobody.called.take())
    }
}

fn statuses(report: &Report) -> String {
    report.stages.iter().map(|stage| format!("{} {}\n", stage.name, stage.status())).collect()
}

#[test]
fn from_nothing_to_a_report_and_again() {
    let place = Place::new();
    let (report, trained) = place.run(place.settings());
    assert_eq!(report.failure, None);
    assert_eq!(trained, ["vqa", "gqa", "nlvr2"]);
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Inconclusive, exit::INCONCLUSIVE));
    for (row, published) in report.rows.iter().zip([69.9, 59.8, 74.95]) {
        assert_eq!((row.verdict, row.observed, row.headline), (Verdict::Inconclusive, Some(41.5), Some(published)));
        assert!(row.evidence.iter().any(|e| e.contains("files of a different manifest")), "{:?}", row.evidence);
        assert!(row.evidence.iter().any(|e| e.contains("checksum nobody knows: ")), "{:?}", row.evidence);
        assert!(row.what_to_do.as_ref().unwrap().contains("repro fetch --pin"), "{:?}", row.what_to_do);
    }
    let assets = &report.provenance.assets;
    let of = |name: &str| assets.iter().find(|asset| asset.name == name).unwrap();
    assert_eq!((of("model_LXRT.pth").trust.as_str(), of("vocab.txt").trust.as_str()), ("unpinned", "published"));
    assert_eq!(of("model_LXRT.pth").used_by, ["vqa", "gqa", "nlvr2"]);
    assert_eq!(of("nlvr2-official-dev.json").used_by, ["nlvr2"]);
    assert!(!assets.iter().any(|asset| asset.name.contains("test_obj36")), "nobody reads it, so it is not fetched");

    // Stores that training would look for are there.
    let tsv = place.workspace().join("data/nlvr2_imgfeat/train_obj36.tsv");
    let made = fs::read_dir(place.workspace().join("stores")).unwrap().count();
    ensure_store(&tsv, &place.workspace().join("stores"), Precision::F32, None, &Silent).unwrap();
    assert_eq!(fs::read_dir(place.workspace().join("stores")).unwrap().count(), made);

    let (again, trained) = place.run(place.settings());
    assert_eq!(trained, [""; 0]);
    // Nothing was done, so the first run's report stands.
    assert_eq!(statuses(&again), statuses(&report));
    assert_eq!(again.clone().without_times(), report.without_times());

    let explained = engine::explain(
        &paper::plan(&Rc::new(place.settings()), &(Rc::clone(&place.nobody) as Rc<dyn FineTuner>)).unwrap(),
        &place.workspace(),
    );
    insta::assert_snapshot!(lxmert_repro::pipeline::decision::render(&explained.unwrap()), @r"
        fetch           run      checks the workspace every time; later stages run only if it finds a change
        prepare         run      checks the workspace every time; later stages run only if it finds a change
        train-vqa       depends  waits for `prepare`; skipped if its output is unchanged
        evaluate-vqa    depends  waits for `prepare`; skipped if its output is unchanged
        train-gqa       depends  waits for `prepare`; skipped if its output is unchanged
        evaluate-gqa    depends  waits for `prepare`; skipped if its output is unchanged
        train-nlvr2     depends  waits for `prepare`; skipped if its output is unchanged
        evaluate-nlvr2  depends  waits for `prepare`; skipped if its output is unchanged
        ");
}

#[test]
fn lost_files_come_back_and_only_changed_tasks_are_trained_again() {
    let place = Place::new();
    let before = place.run(place.settings()).0.without_times();
    let workspace = place.workspace();

    // Features, the archive that they come from, their store and a made file are gone: all come back, and are the same.
    fs::remove_file(workspace.join("data/mscoco_imgfeat/train2014_obj36.tsv")).unwrap();
    fs::remove_file(workspace.join("downloads/mscoco_imgfeat/train2014_obj36.zip")).unwrap();
    fs::remove_dir_all(workspace.join("stores")).unwrap();
    fs::remove_file(workspace.join("data/nlvr2/train.json")).unwrap();
    fs::remove_file(workspace.join("data/vocab.txt")).unwrap();
    let (report, trained) = place.run(place.settings());
    assert_eq!(trained, [""; 0], "{:?}", report.failure);
    assert!(workspace.join("data/mscoco_imgfeat/train2014_obj36.tsv").is_file());
    assert_eq!(report.without_times(), before);

    // As a run leaves them that is killed before it has written down what it unpacked, or a workspace that was copied.
    fs::remove_file(workspace.join("receipts/vg_gqa_imgfeat-vg_gqa_obj36.zip--vg_gqa_obj36.tsv.json")).unwrap();
    for touched in ["data/nlvr2_imgfeat/valid_obj36.tsv", "data/nlvr2/valid.json", "data/vqa/train.json"] {
        let file = fs::File::options().append(true).open(workspace.join(touched)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    let (report, trained) = place.run(place.settings());
    assert_eq!(trained, [""; 0], "{:?}", report.failure);
    assert_eq!(report.without_times().provenance, before.provenance);

    // A pin is no reason to train again, and the verdict no longer names the file.
    let weights = before.provenance.assets.iter().find(|asset| asset.name == "model_LXRT.pth").unwrap();
    let mut lock = Lock::default();
    lock.record(&weights.name, weights.bytes, &weights.sha256, "https://one.example/model_LXRT.pth").unwrap();
    lock.write(&workspace.join("data/assets.lock")).unwrap();
    let (report, trained) = place.run(place.settings());
    assert_eq!(trained, [""; 0]);
    assert!(!report.rows.iter().any(|row| row.evidence.iter().any(|e| e.contains("model_LXRT"))));

    // Other questions under the same name: only their task is trained again.
    let published = place.world.files.join("gqa/train.json");
    let text = fs::read_to_string(&published).unwrap().replacen("\"sent\": \"", "\"sent\": \"so ", 1);
    assert!(text.contains("\"so "), "the form of the file changed");
    fs::write(&published, text).unwrap();
    fs::remove_file(workspace.join("data/gqa/train.json")).unwrap();
    assert_eq!(place.run(place.settings()).1, ["gqa"]);
}

#[test]
fn a_run_whose_files_are_unavailable_ends_with_a_report_that_says_so() {
    let place = Place::new();
    let with = |from: &str, to: &str| {
        let mut settings = place.settings();
        let text = fs::read_to_string(&place.world.manifest).unwrap();
        assert!(text.contains(from), "{from}");
        settings.assets.manifest = Rc::new(Manifest::parse(&text.replacen(from, to, 1), "test").unwrap());
        settings
    };
    let vocab = place.world.files.join("vocab.txt");
    let (url, sum) = (format!("file://{}", vocab.display()), base::files::sha256(&vocab).unwrap());
    for (settings, class, code) in [
        (with(&url, "http://127.0.0.1:1/vocab.txt"), "NETWORK", exit::NETWORK),
        (with(&sum, &"0".repeat(64)), "CHECKSUM", exit::CHECKSUM),
        (with("size_max = 100000000", "size_max = 1000000000000000000"), "DISK", exit::DISK),
    ] {
        let (report, trained) = place.run(settings);
        let failure = report.failure.as_ref().unwrap();
        assert_eq!((failure.class.as_str(), report.exit_code()), (class, code), "{}", failure.message);
        assert_eq!((failure.stage.as_deref(), report.verdict), (Some("fetch"), Verdict::Infra));
        assert_eq!(trained, [""; 0]);
        assert!(report.rows.iter().all(|row| row.verdict == Verdict::Infra));
    }
    // A damaged archive stops the next stage.
    let archive = place.world.files.join("vg_gqa_imgfeat/vg_gqa_obj36.zip");
    let fetched = place.workspace().join("downloads/vg_gqa_imgfeat/vg_gqa_obj36.zip");
    fs::remove_file(&fetched).unwrap();
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    let (report, _) = place.run(place.settings());
    assert_eq!((report.failure.as_ref().unwrap().stage.as_deref(), report.exit_code()), (Some("prepare"), exit::DATA));
    assert!(!report.provenance.assets.is_empty(), "what was fetched is still shown");

    // Once the archive is repaired and fetched again, the same command succeeds.
    fs::write(&archive, &whole).unwrap();
    fs::remove_file(&fetched).unwrap();
    let (report, trained) = place.run(place.settings());
    assert_eq!((report.failure, trained.len()), (None, 3));
}

#[test]
fn files_downloaded_by_hand_are_used() {
    let place = Place::new();
    // Two files that are no longer published: the weights, and features that this person got unpacked.
    let downloads = place.folder.path().join("Downloads");
    fs::create_dir(&downloads).unwrap();
    fs::rename(place.world.weights(), downloads.join("model_LXRT.pth")).unwrap();
    let tsv = "mscoco_imgfeat/val2014_obj36.tsv";
    fs::copy(place.folder.path().join("drawn").join(tsv), downloads.join("val2014_obj36.tsv")).unwrap();
    fs::remove_file(place.world.files.join("mscoco_imgfeat/val2014_obj36.zip")).unwrap();
    let mut settings = place.settings();
    settings.assets.from = Some(downloads);
    let (report, trained) = place.run(settings);
    assert_eq!((report.failure, trained.len()), (None, 3));
    let of = |name: &str| report.provenance.assets.iter().find(|asset| asset.name == name);
    let features = of("mscoco_imgfeat-val2014_obj36.zip--val2014_obj36.tsv").unwrap();
    assert_eq!((features.trust.as_str(), features.used_by.as_slice()), ("unpinned", &["vqa".to_owned()][..]));
    assert!(of("model_LXRT.pth").is_some() && of("mscoco_imgfeat-val2014_obj36.zip").is_none());
    let advice = report.rows[0].what_to_do.as_ref().unwrap();
    assert!(
        advice.contains("did not come from their archives") && !advice.contains("--pin mscoco_imgfeat-val"),
        "{advice}"
    );
}
