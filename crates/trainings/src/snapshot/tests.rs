use std::time::Duration;

use super::folder::*;
use super::*;
use checkpoint::{StateDict, TensorData};

fn identity(lr: f64, threads: u32) -> RunIdentity {
    let (run, machine) = ([("--lr".to_owned(), lr.into())].into(), [("threads".to_owned(), threads.into())].into());
    RunIdentity { run, machine, vocabulary: None }
}

fn tensors(value: f32) -> StateDict {
    StateDict::from([("w".to_owned(), TensorData::from_f32(vec![2], vec![value, -0.0]).unwrap())])
}

#[test]
fn the_last_two_are_kept_and_a_damaged_one_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("snapshots");
    let mut snapshots = Snapshots::new(place.clone(), SnapshotInterval::Steps(2), identity(1e-4, 2));
    let mut warnings = Vec::new();
    let mut newest = |snapshots: &mut Snapshots| {
        let found = snapshots.newest::<(u64, String)>(&mut |text| warnings.push(text.to_owned())).unwrap();
        found.map(|s| (s.step, s.position, s.tensors))
    };
    assert_eq!(newest(&mut snapshots), None);
    for step in [2, 4, 1000] {
        snapshots.write(step, &(step, "here"), &tensors(step as f32)).unwrap();
    }
    assert_eq!(file::list(&place).unwrap().len(), 2);
    assert_eq!(newest(&mut snapshots), Some((1000, (1000, "here".into()), tensors(1000.0))));
    let last = place.join("step-000000001000.safetensors");
    let whole = std::fs::read(&last).unwrap();
    let mut damages = vec![Vec::new(), whole[..whole.len() - 1].to_vec(), b"not a snapshot".to_vec()];
    // One bit in a number, one in the position.
    for at in [whole.len() - 3, whole.windows(4).position(|w| w == b"here").unwrap()] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        damages.push(damaged);
    }
    let count = damages.len();
    for damaged in damages {
        std::fs::write(&last, damaged).unwrap();
        assert_eq!(newest(&mut snapshots).unwrap().0, 4);
    }
    assert_eq!(warnings.len(), count, "{warnings:?}");
    snapshots.clear().unwrap();
    assert!(!place.exists() && !snapshots.any().unwrap());
}

#[test]
fn another_run_is_refused_and_another_set_up_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let open = |identity| Snapshots::new(folder.path().to_owned(), SnapshotInterval::Never, identity);
    open(identity(1e-4, 2)).write(1, &(), &tensors(1.0)).unwrap();
    let error = open(identity(1e-5, 2)).newest::<()>(&mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("--lr was 0.0001 and is 0.00001") && error.contains("--restart"), "{error}");
    let mut said = String::new();
    open(identity(1e-4, 8)).newest::<()>(&mut |text| said += text).unwrap().unwrap();
    assert!(said.contains("threads was 2 and is 8"), "{said}");
}

#[test]
fn intervals_are_parsed_printed_and_due() {
    for (text, every) in [
        ("500", SnapshotInterval::Steps(500)),
        ("90s", SnapshotInterval::Time(Duration::from_secs(90))),
        ("20m", SnapshotInterval::Time(Duration::from_secs(1200))),
        ("never", SnapshotInterval::Never),
    ] {
        assert_eq!((text.parse(), every.to_string()), (Ok(every), text.to_owned()));
    }
    for text in ["", "0", "0s", "-1", "1d", "x", "99999999999999999999h"] {
        assert!(text.parse::<SnapshotInterval>().is_err(), "{text}");
    }
    assert!(
        SnapshotInterval::Steps(3).is_due(3, Duration::ZERO) && !SnapshotInterval::Steps(3).is_due(2, Duration::MAX)
    );
    assert!(!SnapshotInterval::Time(Duration::from_secs(1)).is_due(0, Duration::MAX));
}
