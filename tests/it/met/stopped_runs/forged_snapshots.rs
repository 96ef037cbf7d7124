//! Snapshots whose counters no run writes: refused as damage, before anything is changed.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{INTERRUPTED, Running, STEPS, events, snapshots, train};
use crate::common::{copy_folder, mini, repro, run, stderr};
use checkpoint::{self, StateDict, TensorData};

const DATA: u8 = 5;

/// Steps that are in the log of steps.
fn logged(folder: &Path) -> usize {
    let text = fs::read_to_string(folder.join("out/metrics.jsonl")).unwrap_or_default();
    text.lines().filter(|line| line.contains("\"step\"") && line.contains("grad_norm")).count()
}

/// The snapshot at `path` with something changed in what it says of itself, and its checksum right.
fn forged(path: &Path, change: impl FnOnce(&mut Value, &mut StateDict)) {
    const KEY: &str = "lxmert_repro.snapshot";
    let mut metadata = checkpoint::read_metadata(path).unwrap().unwrap();
    let tensors = lxmert_spec::loading::read(path).unwrap();
    // Not mapped: the file is replaced.
    let mut tensors: StateDict = (tensors.into_iter())
        .map(|(name, data)| {
            let data = TensorData { dtype: data.dtype, shape: data.shape.clone(), data: data.data.to_vec().into() };
            (name, data)
        })
        .collect();
    let mut about: Value = serde_json::from_str(&metadata[KEY]).unwrap();
    change(&mut about, &mut tensors);
    let about = about.to_string();
    let mut hash = Sha256::new();
    hash.update(about.as_bytes());
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    for name in names {
        let tensor = &tensors[name];
        hash.update(format!("\0{name} {:?} {:?} ", tensor.dtype, tensor.shape).as_bytes());
        hash.update(&tensor.data[..]);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    metadata.insert(KEY.to_owned(), about);
    metadata.insert("lxmert_repro.sha256".to_owned(), digest);
    let metadata = metadata.into_iter().collect();
    checkpoint::write_safetensors(path, &tensors, &metadata).unwrap();
}

fn set(pointer: &'static str, value: Value) -> impl FnOnce(&mut Value, &mut StateDict) {
    move |about, _| *about.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value
}

type Forgery = Box<dyn FnOnce(&mut Value, &mut StateDict)>;

/// Each forgery of the snapshot of a stopped run is refused with its words, and nothing else in the folder changes.
fn refused(stopped: &Path, resume: impl Fn(&Path) -> Command, forgeries: Vec<(Forgery, &str)>) {
    for (forge, words) in forgeries {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        copy_folder(stopped, folder);
        forged(snapshots(folder).last().unwrap(), forge);
        let before = ["log.log", "metrics.jsonl"].map(|name| fs::read(folder.join("out").join(name)).unwrap());
        let told = stderr(&run(&mut resume(folder), DATA));
        assert!(told.contains("the snapshot") && told.contains(words), "{words}: {told}");
        assert!(told.contains("next: remove it, or train from scratch with --restart"), "{told}");
        let after = ["log.log", "metrics.jsonl"].map(|name| fs::read(folder.join("out").join(name)).unwrap());
        assert!(before == after, "{words}: its logs were changed");
    }
}

/// A run that stopped after a step of an epoch; its folder.
fn stopped_after_a_step(command: impl Fn(&Path) -> Command) -> tempfile::TempDir {
    let stopped = |_| {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let mut running = Running::start(&mut command(folder));
        running.reaches(|| !snapshots(folder).is_empty() && events(folder) > 1000);
        let _ = kill_process(Pid::from_child(&running.child), Signal::TERM);
        let (status, _) = running.end();
        let mid_epoch = !logged(folder).is_multiple_of(STEPS);
        (status.code() == Some(INTERRUPTED) && mid_epoch).then_some(place)
    };
    (0..20).find_map(stopped).expect("a run that hears a signal before it ends")
}

#[test]
fn a_snapshot_with_absurd_counters_is_an_error_of_its_own_and_no_overflow() {
    let line = |folder: &Path| train(folder, "--epochs 60 --resume");
    let stopped = stopped_after_a_step(line);
    let overflowing = |_: &mut Value, tensors: &mut StateDict| {
        let updates = tensors.get_mut("optimiser.updates").unwrap();
        updates.data = vec![0xff; updates.data.len()].into();
    };
    let forgeries: Vec<(Forgery, &str)> = vec![
        (Box::new(set("/position/tally/count", json!(u64::MAX))), "18446744073709551615 answers cannot come from"),
        (Box::new(set("/position/tally/count", json!(0))), "over 0 answers cannot come from"),
        (Box::new(set("/position/tally/sum", json!(1e300))), "a score of"),
        (Box::new(set("/position/tally/sum", json!(-1.0))), "a score of -"),
        (Box::new(set("/position/steps", json!(u64::MAX))), "18446744073709551615 steps are done of an epoch with 9"),
        (Box::new(set("/position/epoch", json!(u64::MAX))), "it is in epoch 18446744073709551615 of 60"),
        (Box::new(set("/step", json!(u64::MAX))), "is inconsistent"),
        (Box::new(set("/position/best", json!([7.0, 0]))), "a validation score of 7 is not between 0 and 1"),
        (Box::new(set("/position/best", json!([0.5, 59]))), "the best epoch is 59"),
        (Box::new(set("/position/last_valid", json!(-0.5))), "a validation score of -0.5"),
        (Box::new(set("/position/seconds", json!(-1.0))), "the epoch has taken -1 s"),
        (Box::new(overflowing), "updates of"),
    ];
    refused(stopped.path(), line, forgeries);
}

#[test]
fn a_snapshot_of_pre_training_with_absurd_counters_likewise() {
    let root = tempfile::tempdir().unwrap();
    mini::data_root(root.path(), 4, 4);
    fs::create_dir(root.path().join("lxmert")).unwrap();
    let image = |n: usize| data::features::bench::image_id(n % 12);
    let sentence = |n: usize| {
        json!({"img_id": image(n), "sentf": {"mscoco": ["a cat is red", "two dog there"]},
        "labelf": {}})
    };
    let sentences: Vec<Value> = (0..18).map(sentence).collect();
    fs::write(root.path().join("lxmert/mscoco_train.json"), json!(sentences).to_string()).unwrap();
    let answers = json!([{"ans": "answer 0", "dsets": ["vqa"]}]).to_string();
    fs::write(root.path().join("lxmert/all_ans.json"), answers).unwrap();
    let line = |folder: &Path| {
        let mut command = repro(folder);
        command.env("GOMP_SPINCOUNT", "1000").arg("pretrain").arg("--data-root").arg(root.path());
        let fixed = "--train mscoco_train --task-mask-lm --task-matched --model tiny --from-scratch --batch-size 4 \
                     --threads 1 --device cpu --snapshot-every never --epochs 60 --output out --resume";
        command.args(fixed.split_whitespace()).args(["--valid", ""]);
        command
    };
    let stopped = stopped_after_a_step(line);
    let right = |about: &mut Value, _: &mut StateDict| {
        about["position"]["sums"]["right"]["Matched"] = json!([u64::MAX, u64::MAX]);
    };
    let forgeries: Vec<(Forgery, &str)> = vec![
        (
            Box::new(set("/position/sums/batches", json!(u64::MAX))),
            "18446744073709551615 steps are done of an epoch with 9",
        ),
        (Box::new(right), "18446744073709551615 of 18446744073709551615 items of Matched are correct"),
        (Box::new(set("/position/sums/answers/overall/count", json!(u64::MAX))), "18446744073709551615 answers in all"),
        (Box::new(set("/position/best", json!({"loss": 1.0, "epoch": 59}))), "in epoch 59"),
        (Box::new(set("/position/seconds", json!(1e300))), "the epoch has taken"),
    ];
    refused(stopped.path(), line, forgeries);
}
