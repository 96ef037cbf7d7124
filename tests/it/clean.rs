//! `repro clean`: what it lists, what it removes, what it never touches, and what still works afterwards.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fixtures::manifest::asset;

use crate::common::terminal::Terminal;
use crate::common::workspace::{Workspace, files, images, tsv, write, zipped};
use crate::common::{mini, recipe, repro, run, stderr, stdout, unwrapped};

const TSV: &str = "data/mscoco_imgfeat/val2014_obj36.tsv";
const ARCHIVE: &str = "downloads/val2014_obj36.zip";

/// Two assets: features in an archive, and a file that has arrived in part.
fn manifest() -> String {
    let head = "schema = 1\ngroup = [{ name = \"vqa\", title = \"VQA\" }]\n";
    let features = r#"[[asset.unpack]]
member = "val2014_obj36.tsv"
path = "data/mscoco_imgfeat/val2014_obj36.tsv"
size_max = 10_000_000
expect = { kind = "obj36", count = 5 }"#;
    let url = "https://example.org/";
    head.to_owned()
        + &asset("val2014-features", "features", "vqa", ARCHIVE, &format!("{url}a.zip"), features)
        + &asset("questions", "questions", "vqa", "data/vqa/train.json", &format!("{url}train.json"), "")
}

/// A workspace in which every class has something, but for libtorch.
fn full(folder: &Path) -> Workspace {
    let workspace = Workspace::new(folder, &manifest());
    workspace.fetched("val2014-features", &zipped(&[("val2014_obj36.tsv", &tsv(images("COCO_val2014_", 5)))]));
    run(&mut workspace.repro("prepare", &["val2014-features"]), 0);
    let put = |path: &str, bytes: usize| write(&workspace.path(path), &vec![b'x'; bytes]);
    put("data/vqa/train.json.part", 100);
    put("data/vqa/train.json.part.json", 10);
    // Old enough to be nobody's; the other may be at work.
    put("data/.writing-a1B2c3", 20);
    put("data/.writing-d4E5f6", 40);
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    fs::File::open(workspace.path("data/.writing-a1B2c3")).unwrap().set_modified(long_ago).unwrap();
    // A result that a run links to, a stage without results that it links to, and one that no run links to.
    put("cache/stages/evaluate-vqa/1111/result.json", 7);
    put("cache/stages/scenes/2222/picture.png", 200);
    put("cache/stages/evaluate-vqa/3333/result.json", 400);
    put("runs/demo-1/failed/features/half.tsv", 300);
    for (stage, fingerprint) in [("evaluate-vqa", "1111"), ("scenes", "2222")] {
        let target = format!("../../cache/stages/{stage}/{fingerprint}");
        symlink(target, workspace.path("runs/demo-1").join(stage)).unwrap();
    }
    put("snap/done/outcome.json", 5);
    put("snap/done/snapshots/step-000000000004.safetensors", 500);
    put("snap/open/snapshots/step-000000000002.safetensors", 600);
    put("snap/done/BEST.safetensors", 50);
    // What the program neither made nor fetched.
    put("notes.txt", 1);
    put("data/mscoco_imgfeat/mine_obj36.tsv", 1);
    workspace
}

fn listed(workspace: &Workspace, classes: &[&str]) -> String {
    stdout(&run(workspace.repro("clean", classes).arg("--dry-run"), 0))
}

fn paths(workspace: &Workspace) -> Vec<PathBuf> {
    let mut all = files(&workspace.path(""));
    all.sort();
    all
}

#[test]
fn each_class_says_what_it_takes_and_nothing_is_removed_by_looking() {
    let place = tempfile::tempdir().unwrap();
    let workspace = full(place.path());
    let before = paths(&workspace);
    let text = stdout(&run(&mut workspace.repro("clean", &[]), 0));
    let size = |path: &str| fs::metadata(workspace.path(path)).unwrap().len();
    for (class, bytes) in [("partial", 130), ("cache", 600), ("failed", 300), ("snapshots", 500), ("unfinished", 600)] {
        let line = text.lines().find(|line| line.starts_with(class)).unwrap();
        assert!(line.contains(&format!(" {bytes} B ")), "{line}");
    }
    for (class, bytes) in [("tsv", size(TSV)), ("archives", size(ARCHIVE))] {
        let line = text.lines().find(|line| line.starts_with(class)).unwrap();
        assert!(line.contains(&base::format::human_bytes(bytes)), "{line}");
    }
    assert!(text.contains("How to have it again") && text.contains("next: repro clean stores --dry-run"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let dry = listed(&workspace, &["cache", "failed"]);
    assert!(
        dry.contains("scenes/2222") && dry.contains("evaluate-vqa/3333") && dry.contains("failed/features"),
        "{dry}"
    );
    assert!(!dry.contains("1111") && dry.ends_with("dry run: nothing was removed\n"), "{dry}");
    assert_eq!(paths(&workspace), before);
}

#[test]
fn without_a_terminal_nothing_goes_unless_yes_is_said() {
    let place = tempfile::tempdir().unwrap();
    let workspace = full(place.path());
    let before = paths(&workspace);
    let refused = run(&mut workspace.repro("clean", &["partial"]), 2);
    assert!(
        stderr(&refused).contains("cannot ask for confirmation") && stderr(&refused).contains("--yes"),
        "{}",
        stderr(&refused)
    );
    let both = stderr(&run(&mut workspace.repro("clean", &["tsv", "stores", "--yes"]), 2));
    assert!(both.contains("would leave no features"), "{both}");
    let unknown = stderr(&run(&mut workspace.repro("clean", &["archive"]), 2));
    assert!(unknown.contains("archives"), "{unknown}");
    assert_eq!(paths(&workspace), before);

    let classes = ["partial", "cache", "failed", "snapshots", "archives", "--yes"];
    let text = stdout(&run(&mut workspace.repro("clean", &classes), 0));
    assert!(text.contains("\nfreed ") && text.contains("repro fetch NAME"), "{text}");
    let is_there = |path: &str| workspace.path(path).exists();
    for path in
        [ARCHIVE, "data/vqa/train.json.part", "data/.writing-a1B2c3", "runs/demo-1/failed", "snap/done/snapshots"]
    {
        assert!(!is_there(path), "{path}");
    }
    for path in [
        TSV,
        "data/.writing-d4E5f6",
        "cache/stages/evaluate-vqa/1111/result.json",
        "snap/open/snapshots/step-000000000002.safetensors",
        "snap/done/outcome.json",
        "snap/done/BEST.safetensors",
        "notes.txt",
        "data/mscoco_imgfeat/mine_obj36.tsv",
    ] {
        assert!(is_there(path), "{path}");
    }
    run(&mut workspace.repro("verify", &["val2014-features"]), 0);
    assert_eq!(stdout(&run(&mut workspace.repro("clean", &["cache"]), 0)), "nothing to remove\n");
}

#[test]
fn a_person_is_asked_on_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    let workspace = full(place.path());
    for (answer, remains) in [(b"n\n", true), (b"y\n", false)] {
        let mut command = workspace.repro("clean", &["failed"]);
        let (mut terminal, mut child) = Terminal::start(&mut command);
        terminal.type_in(answer);
        assert!(child.wait().unwrap().success());
        let shown = terminal.shown();
        assert!(shown.contains("failed/features") && shown.contains("remove these 1 paths? [y/N]"), "{shown}");
        assert_eq!(workspace.path("runs/demo-1/failed/features").exists(), remains);
    }
}

#[test]
fn what_a_command_uses_stays() {
    let place = tempfile::tempdir().unwrap();
    let workspace = full(place.path());
    let held = |path: &str| {
        let file = fs::File::open(workspace.path(path)).unwrap();
        file.lock().unwrap();
        file
    };
    write(&workspace.path("cache/lock"), b"");
    let run_at_work = held("cache/lock");
    let text = stderr(&run(&mut workspace.repro("clean", &["partial", "--yes"]), 4));
    assert!(text.contains("another run is using this workspace") && text.contains("next: "), "{text}");
    drop(run_at_work);

    let training = held("snap/open");
    // Long lines are wrapped.
    let said = |class: &str| unwrapped(&stdout(&run(&mut workspace.repro("clean", &[class, "--yes"]), 4)));
    let text = said("unfinished");
    assert!(text.contains("stays: a training is at work there"), "{text}");
    drop(training);

    // Whatever program reads it: this one.
    let reader = fs::File::open(workspace.path(TSV)).unwrap();
    let text = said("tsv");
    assert!(text.contains("stays: a process has it open"), "{text}");
    drop(reader);
    let claim = assets::claim::try_claim(&workspace.path("data/vqa/train.json.claim")).unwrap();
    let text = said("partial");
    assert!(text.contains("train.json.part stays: "), "{text}");
    drop(claim);
    assert!(workspace.path(TSV).exists() && workspace.path("data/vqa/train.json.part").exists());
    run(&mut workspace.repro("clean", &["tsv", "partial", "unfinished", "--yes"]), 0);
    assert!(!workspace.path(TSV).exists() && !workspace.path("snap/open/snapshots").exists());
}

#[test]
fn links_are_not_followed_out_of_the_workspace() {
    let place = tempfile::tempdir().unwrap();
    let workspace = full(place.path());
    let outside = place.path().join("outside");
    write(&outside.join("snapshots/step-000000000001.safetensors"), b"x");
    write(&outside.join("stage/half.tsv"), b"x");
    symlink(&outside, workspace.path("snap/elsewhere")).unwrap();
    symlink(&outside, workspace.path("cache/stages/linked")).unwrap();
    symlink(outside.join("stage"), workspace.path("runs/demo-1/failed/linked")).unwrap();
    // The folder of the features is somebody else's.
    let features = workspace.path("data/mscoco_imgfeat");
    fs::rename(&features, place.path().join("features")).unwrap();
    symlink(place.path().join("features"), &features).unwrap();
    let classes = ["stores", "tsv", "cache", "snapshots", "unfinished", "failed", "partial", "archives"];
    for class in classes {
        let text = stdout(&run(&mut workspace.repro("clean", &[class, "--yes"]), 0));
        assert!(!text.contains("elsewhere") && !text.contains("linked") && !text.contains("mscoco_imgfeat"), "{text}");
    }
    assert_eq!(files(&outside).len(), 4);
    assert!(place.path().join("features/val2014_obj36.tsv").exists());
}

#[test]
fn a_run_without_its_cache_is_still_judged_and_listed_and_made_again() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("recipe.toml"), recipe::small()).unwrap();
    let all = || {
        let mut command = repro(place.path());
        command.args(["all", "--profile", "demo", "--recipe", "recipe.toml", "--threads", "1"]);
        command
    };
    const INCONCLUSIVE: i32 = 3;
    // The last line says how many stages ran.
    let judged = |text: &str| text.rsplit_once("\n10 stages: ").unwrap().0.to_owned();
    let first = stdout(&run(&mut all(), INCONCLUSIVE));
    let text = stdout(&run(repro(place.path()).args(["clean", "cache", "--yes"]), 0));
    assert!(text.contains("scenes") && text.contains("freed "), "{text}");
    for words in [["report", "workspace"], ["check", "workspace"]] {
        let text = stdout(&run(repro(place.path()).args(words), INCONCLUSIVE));
        assert!(text.starts_with("INCONCLUSIVE"), "{text}");
    }
    let listed = stdout(&run(repro(place.path()).arg("runs"), 0));
    assert!(listed.contains("(profile demo)") && listed.contains("finished"), "{listed}");
    let again = run(&mut all(), INCONCLUSIVE);
    assert_eq!(judged(&stdout(&again)), judged(&first));
    assert!(stderr(&again).contains("train-vqa: cached"), "{}", stderr(&again));
}

#[test]
fn training_reads_the_store_of_a_tsv_that_was_removed() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("workspace/data");
    mini::data_root(&data, 8, 4);
    let train = |output: &str| {
        let mut command = repro(place.path());
        let words = "train vqa --data-root workspace/data --train train --valid valid --model tiny --from-scratch \
                     --batch-size 4 --epochs 1 --threads 1 --device cpu --lr 1e-3 --output";
        command.args(words.split_whitespace()).arg(output);
        command
    };
    run(&mut train("with"), 0);
    // The others have the same content, and therefore no store of their own.
    fs::remove_file(data.join("mscoco_imgfeat/train2014_obj36.tsv")).unwrap();
    let said = stderr(&run(&mut train("without"), 0));
    assert!(said.contains("its TSV was removed"), "{said}");
    let weights = |output: &str| fs::read(place.path().join(output).join("LAST.safetensors")).unwrap();
    assert!(weights("with") == weights("without"), "the store gave other features than its TSV");
    fs::remove_dir_all(place.path().join("workspace/stores")).unwrap();
    let said = stderr(&run(&mut train("neither"), 5));
    assert!(said.contains("next: fetch or extract the features"), "{said}");
}
