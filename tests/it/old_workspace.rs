//! A workspace of an older version (0.1.0, commit 0802825) can still be read: a finished and an interrupted training, a feature store,
//! evidence, encodings. `tests/fixtures/old-workspace` was made with its `train`, `evaluate` and `encode`.

use std::path::Path;
use std::process::Command;

use base::exit;

use crate::common::{copy_folder, repro, run, stderr, stdout};

fn workspace() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/old-workspace"), place.path());
    place
}

fn command(place: &Path, line: &str) -> Command {
    let mut command = repro(place);
    command.args(line.split_whitespace()).args(["--workspace", ".", "--device", "cpu", "--threads", "1"]);
    command
}

fn train(place: &Path, more: &str) -> Command {
    let fixed = "train vqa --config config.json --from-scratch --batch-size 4 --eval-batch-size 8 --lr 1e-2 --train train --valid valid";
    command(place, &format!("{fixed} {more}"))
}

#[test]
fn a_finished_training_is_known_and_never_written_over() {
    let place = workspace();
    let outcome = std::fs::read(place.path().join("snap/done/outcome.json")).unwrap();
    let again = run(&mut train(place.path(), "--epochs 2 --output snap/done"), exit::USAGE);
    assert!(stderr(&again).contains("holds a finished run"), "{}", stderr(&again));
    let resumed = run(&mut train(place.path(), "--epochs 2 --output snap/done --resume"), exit::PASS);
    assert!(stderr(&resumed).contains("note: this run is already finished"), "{}", stderr(&resumed));
    assert!(stdout(&resumed).contains(r#""best_valid":25.0,"best_epoch":0,"steps":12"#), "{}", stdout(&resumed));
    assert_eq!(std::fs::read(place.path().join("snap/done/outcome.json")).unwrap(), outcome);
}

#[test]
fn a_broken_training_goes_on_from_its_snapshot() {
    let place = workspace();
    let resumed =
        run(&mut train(place.path(), "--epochs 40 --snapshot-every 3 --output snap/broken --resume"), exit::PASS);
    let said = stderr(&resumed);
    assert!(said.contains("step 1") && said.contains("features: reused"), "{said}");
    assert!(stdout(&resumed).contains(r#""steps":240"#), "{}", stdout(&resumed));
}

#[test]
fn its_weights_stores_evidence_and_encodings_are_read() {
    let place = workspace();
    let scored =
        run(&mut command(place.path(), "evaluate vqa --load snap/done/BEST --split valid --output again"), exit::PASS);
    assert!(stderr(&scored).contains("features: reused"), "{}", stderr(&scored));
    let old = run(
        repro(place.path())
            .args("evaluate vqa --predictions evaluated/valid_predict.json --split valid --workspace .".split(' ')),
        exit::PASS,
    );
    assert!(stdout(&old).starts_with("accuracy 25.00 on 16 predictions"), "{}", stdout(&old));
    let judged = run(repro(place.path()).args(["check", "evaluated", "again"]), exit::INCONCLUSIVE);
    assert!(stdout(&judged).contains("evaluated  9595     25.00"), "{}", stdout(&judged));
    let pair = ["--image", "COCO_train2014_000000000001", "--sentence", "what is red"];
    let encode =
        "encode --load snap/done/BEST --features data/mscoco_imgfeat/train2014_obj36.tsv --output e.safetensors";
    let encoded = run(command(place.path(), encode).args(pair), exit::PASS);
    assert!(stderr(&encoded).contains("kept: 1 of 1 files, which were already complete"), "{}", stderr(&encoded));
}
