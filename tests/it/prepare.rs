//! `repro prepare`: from fetched files to the data that training reads.

use std::fs;
use std::path::Path;
use std::time::Duration;

use assets::lock::Lock;
use assets::plan::{AssetState, Item};
use base::files::sha256_bytes;
use base::progress::{Event, Observer};
use data::features::{Precision, ensure_store};
use fixtures::manifest::asset;

use crate::common::workspace::{Workspace, files, images, questions, tsv, write, zipped};
use crate::common::{run, stderr, stdout};

/// Five rows of val2014 in an archive, ten questions about them, an official file of NLVR2, a folder of pictures.
fn manifest() -> String {
    [r#"
schema = 1
group = [{ name = "vqa", title = "VQA" }, { name = "nlvr2", title = "NLVR2" }, { name = "pictures", title = "pictures" }]
"#.to_owned(),
asset("val2014-features", "features", "vqa", "downloads/val2014_obj36.zip", "https://example.org/val2014_obj36.zip", r#"[[asset.unpack]]
member = "val2014_obj36.tsv"
path = "data/mscoco_imgfeat/val2014_obj36.tsv"
size_max = 10_000_000
expect = { kind = "obj36", count = 5 }"#),
asset("vqa-minival", "questions", "vqa", "data/vqa/minival.json", "https://example.org/minival.json", r#"expect = { kind = "json-list", count = 3 }"#),
asset("official-dev", "official statements", "nlvr2", "downloads/dev.json", "https://example.org/dev.json", r#"expect = { kind = "json-lines", count = 1 }"#),
asset("pictures", "pictures", "pictures", "downloads/pictures.zip", "https://example.org/pictures.zip", r#"[[asset.unpack]]
member = "val2014"
folder = true
path = "data/images/val2014"
size_max = 1_000
expect = { kind = "files", count = 2 }"#),
r#"
[[made]]
name = "nlvr2-valid"
title = "statements"
groups = ["nlvr2"]
rule = "nlvr2"
from = ["official-dev"]
path = "data/nlvr2/valid.json"
expect = { kind = "json-list", count = 1 }
"#.to_owned()]
    .concat()
}
const TSV: &str = "data/mscoco_imgfeat/val2014_obj36.tsv";
const OFFICIAL: &[u8] = br#"{"identifier": "dev-1-0-0", "sentence": "A cat.", "label": "True", "writer": "1"}"#;

fn features() -> Vec<u8> {
    tsv(images("COCO_val2014_", 5))
}

/// Everything of [`manifest`] as if fetched.
fn fetched(folder: &Path) -> Workspace {
    let workspace = Workspace::new(folder, &manifest());
    workspace.fetched("val2014-features", &zipped(&[("deep/down/val2014_obj36.tsv", &features())]));
    workspace.fetched("vqa-minival", &questions(["COCO_val2014_0", "COCO_val2014_4", "COCO_val2014_0"]));
    workspace.fetched("official-dev", OFFICIAL);
    workspace.fetched("pictures", &zipped(&[("val2014/a.jpg", b"a"), ("val2014/sub/b.jpg", b"bb"), ("readme", b"")]));
    workspace
}

#[test]
fn from_nothing_to_a_prepared_workspace_and_back_from_dropped_archives() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("sources");
    write(&sources.join("val2014_obj36.zip"), &zipped(&[("val2014_obj36.tsv", &features())]));
    write(&sources.join("minival.json"), &questions(["COCO_val2014_0", "COCO_val2014_4", "COCO_val2014_0"]));
    let workspace = Workspace::new(
        folder.path(),
        &manifest().replace("https://example.org", &format!("file://{}", sources.display())),
    );
    for _ in 0..2 {
        run(&mut workspace.repro("fetch", &["--task", "vqa"]), 0);
        run(&mut workspace.repro("prepare", &["--task", "vqa", "--drop-archives"]), 0);
        run(&mut workspace.repro("verify", &["--task", "vqa"]), 0);
        assert!(!workspace.path("downloads/val2014_obj36.zip").exists(), "removed, and not fetched again");
    }
    fs::remove_file(workspace.path(TSV)).unwrap();
    run(&mut workspace.repro("fetch", &["--task", "vqa"]), 0);
    run(&mut workspace.repro("prepare", &["--task", "vqa"]), 0);
    assert_eq!(fs::read(workspace.path(TSV)).unwrap(), features());
}

/// Passes over a TSV, and what became of its store.
#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<String>>);

impl Observer for Heard {
    fn event(&self, event: &Event) {
        match event {
            Event::Started(start) => self.0.lock().unwrap().push(start.name.clone()),
            Event::Note { text, .. } => self.0.lock().unwrap().push(text.clone()),
            _ => {}
        }
    }
}

#[test]
fn a_fetched_workspace_is_prepared_once() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    let first = run(&mut workspace.repro("prepare", &[]), 0);
    let text = stdout(&first);
    assert!(stderr(&first).contains("preparing everything that has been fetched"), "{}", stderr(&first));
    for part in [
        "3 prepared, 0 ready before",
        "data/mscoco_imgfeat/val2014_obj36.tsv          5 images   as expected",
        "data/images/val2014                            2 files    as expected",
        "vqa/minival.json          3 in mscoco_imgfeat/val2014_obj36.tsv  all",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(fs::read(workspace.path(TSV)).unwrap(), features());
    assert_eq!(fs::read(workspace.path("data/images/val2014/sub/b.jpg")).unwrap(), b"bb");
    assert!(fs::read_to_string(workspace.path("data/nlvr2/valid.json")).unwrap().contains("nlvr2_valid_0"));
    assert_eq!(workspace.leftovers(), Vec::<std::path::PathBuf>::new());

    let heard = Heard::default();
    ensure_store(&workspace.path(TSV), &workspace.path("stores"), Precision::F32, None, &heard).unwrap();
    let heard = heard.0.into_inner().unwrap();
    let [only] = heard.as_slice() else { panic!("the TSV is read again: {heard:?}") };
    assert!(only.starts_with("reused ") && only.ends_with(" (5 images)"), "{only}");

    let state =
        || files(&workspace.path("")).into_iter().map(|path| (fs::metadata(&path).unwrap().modified().unwrap(), path));
    let before: Vec<_> = state().collect();
    let second = stdout(&run(&mut workspace.repro("prepare", &["--all"]), 0));
    assert!(second.starts_with("0 prepared, 3 ready before"), "{second}");
    let changed = |(time, path): &(std::time::SystemTime, std::path::PathBuf)| {
        !path.is_dir() && !before.contains(&(*time, path.clone()))
    };
    assert_eq!(state().filter(changed).count(), 0, "nothing is written");
}

#[test]
fn missing_files_are_named_only_if_they_were_requested() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(folder.path(), &manifest());
    workspace.fetched("official-dev", OFFICIAL);
    workspace.put("val2014-features", &zipped(&[("val2014_obj36.tsv", &features())]));
    let text = stdout(&run(&mut workspace.repro("prepare", &[]), 0));
    assert!(text.contains("\n1 prepared, 0 ready before\n"), "{text}");
    let asked = run(&mut workspace.repro("prepare", &["--task", "vqa"]), 5);
    assert!(
        stderr(&asked).contains("next: repro fetch val2014-features"),
        "an archive that nobody verified: {}",
        stderr(&asked)
    );
    assert!(!workspace.path(TSV).exists());
    assert!(stderr(&run(&mut workspace.repro("prepare", &["nlvr2-valdi"]), 2)).contains("nlvr2-valdi"));
}

#[test]
fn wrong_counts_are_named_with_their_difference() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    workspace.fetched("val2014-features", &zipped(&[("val2014_obj36.tsv", &tsv(images("COCO_val2014_", 4)))]));
    workspace.fetched("vqa-minival", &questions(["a", "b", "c", "d"]));
    workspace.fetched("pictures", &zipped(&[("val2014/a.jpg", b"a")]));
    let failed = run(&mut workspace.repro("prepare", &["--all"]), 5);
    let (out, err) = (stdout(&failed), stderr(&failed));
    assert!(err.contains("4 rows instead of 5: 1 missing"), "{err}");
    assert!(err.contains("holds 1 files, not 2"), "{err}");
    assert!(out.contains("data/vqa/minival.json") && out.contains("WRONG: 1 more than 3"), "{out}");
    assert!(!workspace.path(TSV).exists() && !workspace.path(&format!("{TSV}.part")).exists());
    let stores = files(&workspace.path("stores"));
    assert!(
        stores.iter().all(|path| path.extension().is_none_or(|extension| extension != "safetensors")),
        "{stores:?}"
    );
    assert!(workspace.path("data/nlvr2/valid.json").exists(), "the rest is prepared");
}

#[test]
fn a_damaged_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    let mut rows = features();
    let third = rows.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 40;
    rows[third] = b'*';
    workspace.fetched("val2014-features", &zipped(&[("val2014_obj36.tsv", &rows)]));
    let failed = run(&mut workspace.repro("prepare", &["val2014-features"]), 5);
    let text = stderr(&failed);
    assert!(text.contains("line 3") && text.contains("COCO_val2014_2"), "{text}");
    assert!(!workspace.path(TSV).exists());
    // The same put there by hand, without the archive: it stays for whoever put it there, without a store.
    fs::remove_file(workspace.path("downloads/val2014_obj36.zip")).unwrap();
    write(&workspace.path(TSV), &rows);
    let text = stderr(&run(&mut workspace.repro("prepare", &["val2014-features"]), 5));
    assert!(text.contains("line 3") && text.contains("cannot build"), "{text}");
    assert!(workspace.path(TSV).exists());
}

#[test]
fn archives_are_removed_only_after_success_and_not_needed_again() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    workspace.fetched("pictures", &zipped(&[("val2014/a.jpg", b"a")]));
    let text = stdout(&run(&mut workspace.repro("prepare", &["--all", "--drop-archives"]), 5));
    assert!(text.contains("val2014-features: archive removed"), "{text}");
    let (manifest, lock) = (workspace.manifest(), Lock::default());
    let state = |name: &str| Item::of(manifest.asset(name).unwrap(), &lock, &workspace.path("")).state;
    assert_eq!((state("val2014-features"), state("pictures")), (AssetState::Dropped, AssetState::Good));
    run(&mut workspace.repro("prepare", &["--task", "vqa"]), 0);
    fs::remove_file(workspace.path(TSV)).unwrap();
    assert_eq!(state("val2014-features"), AssetState::Missing, "what it unpacked to is gone, so it is needed again");
    run(&mut workspace.repro("prepare", &["--task", "vqa"]), 5);
}

#[test]
fn files_put_there_by_hand_are_read_and_questions_without_features_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(folder.path(), &manifest());
    write(&workspace.path(TSV), &features());
    workspace.fetched("vqa-minival", &questions(["COCO_val2014_1", "COCO_val2014_7", "COCO_val2014_7"]));
    let failed = run(&mut workspace.repro("prepare", &["--task", "vqa"]), 5);
    let text = stderr(&failed);
    assert!(text.contains("2 of 3 questions of vqa/minival.json would be lost"), "{text}");
    assert!(text.contains("missing: 1 image, first COCO_val2014_7"), "{text}");
    assert!(stdout(&failed).contains("val2014_obj36.tsv          5 images   as expected"), "{}", stdout(&failed));
    assert!(workspace.path("receipts/val2014-features--val2014_obj36.tsv.json").exists());
}

#[test]
fn minival_needs_the_order_of_the_published_file() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = &manifest().replace("count = 5 }", "count = 5_001 }");
    let workspace = Workspace::new(folder.path(), manifest);
    write(&workspace.path(TSV), &tsv(images("COCO_val2014_", 5_001)));
    workspace.fetched("vqa-minival", &questions(["COCO_val2014_1", "COCO_val2014_4999", "COCO_val2014_5000"]));
    let text = stderr(&run(&mut workspace.repro("prepare", &["--task", "vqa"]), 5));
    assert!(text.contains("1 of 3 questions") && text.contains("after its first 5000 rows"), "{text}");
}

#[test]
fn an_existing_different_file_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    let mine = b"[\"mine\"]";
    write(&workspace.path("data/nlvr2/valid.json"), mine);
    let text = stderr(&run(&mut workspace.repro("prepare", &["nlvr2-valid"]), 0));
    let aside = format!("data/nlvr2/valid.json.suspect-{}", &sha256_bytes(mine)[..12]);
    assert!(text.contains(&aside), "{text}");
    assert_eq!(fs::read(workspace.path(&aside)).unwrap(), mine);
    assert!(fs::read_to_string(workspace.path("data/nlvr2/valid.json")).unwrap().contains("A cat."));
}

#[test]
fn events_for_scripts_end_with_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    let text = stdout(&run(&mut workspace.repro("prepare", &["--format", "json"]), 0));
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<_> = lines.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["unpacked", "unpacked", "made"]);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["event"], summary["counts"].as_array().unwrap().len()), (&"summary".into(), 5));
}

#[test]
fn parallel_and_killed_runs_end_with_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = fetched(folder.path());
    let rows = tsv(images("COCO_val2014_", 5));
    for turn in 0..10 {
        let mut child = workspace.repro("prepare", &[]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(turn * 7));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // What was killed long ago is cleaned away by whoever works there next.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    for path in workspace.leftovers().iter().filter(|path| path.is_file()) {
        fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    for done in [TSV, "data/nlvr2/valid.json"].map(|path| workspace.path(path)).iter().filter(|path| path.exists()) {
        fs::remove_file(done).unwrap();
    }
    fs::remove_dir_all(workspace.path("data/images")).ok();
    let children = [0, 1].map(|_| workspace.repro("prepare", &["--all"]).spawn().unwrap());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fs::read(workspace.path(TSV)).unwrap(), rows);
    assert_eq!(files(&workspace.path("data/images/val2014")).len(), 3);
    assert_eq!(workspace.leftovers(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn help_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    let text = stdout(&run(crate::common::repro(folder.path()).args(["prepare", "--help"]), 0));
    assert!(text.contains("--drop-archives") && text.contains("repro prepare --task vqa"), "{text}");
}
