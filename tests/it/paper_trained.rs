//! `repro all --profile paper` with a tiny model on small published files: from nothing to a report, again from the cache, and after
//! features were lost.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use judge::report::{Report, json};

use crate::common::train_image;
use crate::common::world::World;
use crate::common::{repro, run, stderr, stdout};

const INCONCLUSIVE: i32 = 3;

fn paper(folder: &Path) -> Command {
    let mut command = repro(folder);
    command.args(["all", "--profile", "paper", "--manifest", "assets.toml", "--model", "tiny"]);
    command.args(["--device", "cpu", "--threads", "1"]);
    command
}

fn report(folder: &Path) -> Report {
    json::read(&folder.join("workspace/runs/latest/report.json")).unwrap().without_times()
}

#[test]
fn from_nothing_to_a_report_again_and_after_a_loss() {
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path(), World::publish(place.path()));
    world.pretrain();

    let forecast = stdout(&run(paper(folder).arg("--dry-run"), 0));
    for says in ["1 fetch", "mscoco_imgfeat-train2014_obj36.zip", "4 epochs", "69.90 published", "--model tiny"] {
        assert!(forecast.contains(says), "{says}: {forecast}");
    }
    assert!(!folder.join("workspace").exists(), "a dry run leaves nothing");

    let first = run(&mut paper(folder), INCONCLUSIVE);
    let before = report(folder);
    assert!(stdout(&first).starts_with("INCONCLUSIVE  0 of 3 results reproduced"), "{}", stdout(&first));
    assert!(!stdout(&first).contains("fetched"), "stdout holds the result alone: {}", stdout(&first));
    for (row, published) in before.rows.iter().zip([69.9, 59.8, 74.95]) {
        assert!(row.observed.is_some_and(|accuracy| (0.0..=100.0).contains(&accuracy)), "{row:?}");
        assert_eq!(row.headline, Some(published));
        let why = &row.evidence[0];
        for says in ["not comparable: ", "not the model lxr955", "files of a different manifest"] {
            assert!(why.contains(says), "{says}: {why}");
        }
    }
    assert!(before.rows[2].evidence.iter().any(|sentence| sentence.starts_with("consistency ")));
    assert_eq!(before.curves.iter().map(|curves| curves.epochs.len()).collect::<Vec<_>>(), [4, 4, 4]);
    let notes = fs::read_to_string(folder.join("workspace/runs/latest/events.jsonl")).unwrap();
    assert!(notes.contains("answers loaded"), "VQA and GQA start from the pre-trained answer head: {notes}");

    // The second time, all but the looking comes from the cache.
    let second = run(&mut paper(folder), INCONCLUSIVE);
    assert_eq!(stderr(&second).matches(": cached (").count(), 6, "{}", stderr(&second));
    assert_eq!(report(folder), before);

    // Lost features are fetched and unpacked again; they are the same, so nothing is trained again.
    for lost in ["data/nlvr2_imgfeat/train_obj36.tsv", "downloads/nlvr2_imgfeat/train_obj36.zip"] {
        fs::remove_file(folder.join("workspace").join(lost)).unwrap();
    }
    let third = run(&mut paper(folder), INCONCLUSIVE);
    assert_eq!(stderr(&third).matches(": cached (").count(), 6, "{}", stderr(&third));
    assert!(folder.join("workspace/data/nlvr2_imgfeat/train_obj36.tsv").exists());
    assert_eq!(report(folder), before);

    // An earlier training tells how long the next will take.
    let forecast = stdout(&run(paper(folder).arg("--dry-run"), 0));
    assert!(forecast.contains("examples/s, measured in the training that finished"), "{forecast}");

    // One task alone, on few images, is another training.
    let trial = run(paper(folder).args(["--task", "nlvr2", "--tiny", "--explain"]), 0);
    let explained = stdout(&trial);
    assert!(explained.contains("train-nlvr2     run      parameter `scale` \"full\" -> \"tiny\""), "{explained}");
    assert!(!explained.contains("vqa"), "{explained}");
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_report() {
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path(), World::publish(place.path()));
    world.pretrain();
    run(&mut paper(folder), INCONCLUSIVE);
    let killed = |command: &mut Command| {
        command.args(["--workspace", "killed"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    // Wherever these moments fall, in fetching, unpacking, training or between, the end is the same.
    for milliseconds in [30, 80, 150, 250, 400, 700, 1100, 1600, 2500] {
        let mut child = killed(&mut paper(folder));
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(paper(folder).args(["--workspace", "killed"]), INCONCLUSIVE);
    let of =
        |workspace: &str| json::read(&folder.join(workspace).join("runs/latest/report.json")).unwrap().without_times();
    assert_eq!(of("killed"), of("workspace"));
}

#[test]
fn trained_in_the_image_it_is_the_same_to_the_last_bit() {
    let Some(image) = train_image::image() else { return };
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path(), World::publish(place.path()));
    world.pretrain();
    run(paper(folder).args(["--task", "nlvr2"]), INCONCLUSIVE);
    let mut inside = paper(folder);
    train_image::with_engine(&mut inside).args(["--task", "nlvr2", "--workspace", "inside"]);
    run(inside.args(["--engine", "docker", "--image", &image]), INCONCLUSIVE);
    for file in ["train-nlvr2/LAST.safetensors", "train-nlvr2/log.log", "evaluate-nlvr2/valid_predict.csv"] {
        let read = |workspace: &str| fs::read(folder.join(workspace).join("runs/latest").join(file)).unwrap();
        assert!(read("inside") == read("workspace"), "{file} differs");
    }
    let events = fs::read_to_string(folder.join("inside/runs/latest/events.jsonl")).unwrap();
    assert_eq!(events.matches("\"stage-container\"").count(), 2, "training and evaluation, not fetching: {events}");
}

#[test]
fn what_stops_a_run_decides_the_exit_code() {
    let place = tempfile::tempdir().unwrap();
    let (folder, world) = (place.path(), World::publish(place.path()));
    // No weights were published.
    let stopped = run(&mut paper(folder), 6);
    assert!(stdout(&stopped).contains("stopped at stage fetch (NETWORK)"), "{}", stdout(&stopped));
    assert!(stderr(&stopped).contains("model_LXRT.pth"), "{}", stderr(&stopped));
    // Weights that are no weights.
    fs::write(world.weights(), "weights").unwrap();
    let stopped = run(paper(folder).args(["--task", "nlvr2"]), 5);
    assert!(stdout(&stopped).contains("stopped at stage train-nlvr2 (DATA)"), "{}", stdout(&stopped));
    for file in ["report.html", "report.json", "report.md", "junit.xml"] {
        assert!(folder.join("workspace/runs/latest").join(file).exists(), "{file}");
    }
}

#[test]
fn options_belong_to_their_profile() {
    let place = tempfile::tempdir().unwrap();
    for wrong in [
        &["all", "--profile", "demo", "--tiny"][..],
        &["all", "--profile", "demo", "--task", "vqa"],
        &["all", "--profile", "paper", "--recipe", "x.toml"],
    ] {
        let output = run(repro(place.path()).args(wrong), 2);
        assert!(stderr(&output).contains("is only for --profile"), "{}", stderr(&output));
    }
    run(repro(place.path()).args(["all", "--profile", "paper", "--model", "huge"]), 2);
    run(repro(place.path()).args(["all", "--profile", "paper", "--task", "retrieval"]), 2);
}
