use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::lock::*;
use super::lockfile::{LockState, Lockfile};
use base::error::Kind;
use base::process::Owner;

/// No owner elsewhere ever counts as dead.
const PATIENT: Timing = Timing { heartbeat: Duration::from_millis(20), silence: Duration::from_secs(3600) };
const TURNS: usize = 12;

fn held(path: &Path) -> Option<String> {
    match try_claim(path).unwrap() {
        Attempt::Acquired(_) => None,
        Attempt::Held { by } => Some(by),
    }
}

fn leave(path: &Path, owner: &Owner) {
    std::fs::write(path, serde_json::to_vec(owner).unwrap()).unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Claims repeatedly and proves that no other process has the claim: a marker must not exist yet, and a counter must not have
/// changed in between.
fn take_turns(folder: &Path, turns: usize) {
    let (marker, count) = (folder.join("inside"), folder.join("count"));
    for _ in 0..turns {
        let claim = claim_with(&folder.join("x.claim"), PATIENT, &mut |_| {}).unwrap();
        File::create_new(&marker).expect("another process has the claim");
        let before: usize = std::fs::read_to_string(&count).map_or(0, |text| text.parse().unwrap());
        std::thread::yield_now();
        std::fs::write(&count, (before + 1).to_string()).unwrap();
        assert!(claim.still_mine());
        std::fs::remove_file(&marker).unwrap();
    }
}

/// Starts this test binary as another process that runs [`in_another_process`].
fn another(folder: &Path, what: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "claim::tests::in_another_process", "--ignored", "--nocapture"])
        .env("CLAIM_FOLDER", folder)
        .env("CLAIM_WHAT", what)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Starts a process that claims and then sleeps; returns once it has the claim.
fn owner_of(folder: &Path) -> Child {
    let mut child = another(folder, "hold");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("claimed")));
    child
}

#[test]
#[ignore = "run by other tests in a separate process"]
fn in_another_process() {
    let folder = PathBuf::from(std::env::var_os("CLAIM_FOLDER").unwrap());
    match std::env::var("CLAIM_WHAT").unwrap().as_str() {
        "hold" => {
            let _claim = claim(&folder.join("x.claim"), &mut |_| {}).unwrap();
            println!("claimed");
            std::thread::sleep(Duration::from_secs(600));
        }
        _ => take_turns(&folder, TURNS),
    }
}

#[test]
fn threads_and_processes_take_turns_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut dead = owner_of(folder.path());
    let processes: Vec<Child> = (0..3).map(|_| another(folder.path(), "turns")).collect();
    dead.kill().unwrap();
    dead.wait().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| take_turns(folder.path(), TURNS));
        }
    });
    for process in processes {
        assert!(process.wait_with_output().unwrap().status.success());
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("count")).unwrap(), (7 * TURNS).to_string());
    assert_eq!(files(folder.path()), ["count"]);
}

#[test]
fn a_live_owner_keeps_the_claim_and_a_killed_one_loses_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    let mut child = owner_of(folder.path());
    let by = held(&path).unwrap();
    assert!(by.contains(&format!("process {}", child.id())), "{by}");
    child.kill().unwrap();
    // A zombie counts as dead.
    let start = Instant::now();
    claim_with(&path, PATIENT, &mut |_| {}).unwrap();
    assert!(start.elapsed() < Duration::from_secs(600));
    child.wait().unwrap();
    assert!(held(&path).is_none());
}

#[test]
fn a_process_cannot_claim_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/x.claim");
    let Attempt::Acquired(mine) = try_claim(&path).unwrap() else { panic!("no other owner") };
    assert!(mine.still_mine() && held(&path).is_some());
    let mut told = Vec::new();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| claim_with(&path, PATIENT, &mut |by| told.push(by.to_owned())).unwrap());
        while std::fs::metadata(&path).is_ok() && !other.is_finished() {
            std::thread::sleep(Duration::from_millis(300));
            std::fs::remove_file(&path).unwrap();
        }
        assert!(other.join().unwrap().still_mine() && !mine.still_mine());
    });
    assert!(told.len() <= 1, "each owner is reported once: {told:?}");
}

#[test]
fn the_claim_of_an_ended_process_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    leave(&path, &Owner::here());
    assert!(held(&path).is_some());
    leave(&path, &Owner::here().ended());
    assert!(held(&path).is_none());
}

#[test]
fn an_owner_elsewhere_is_alive_while_it_touches_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    let silence = Duration::from_secs(60);
    for content in [serde_json::to_vec(&Owner::here().elsewhere()).unwrap(), b"garbage".to_vec(), Vec::new()] {
        std::fs::write(&path, content).unwrap();
        let mut lockfile = Lockfile::new(&path);
        let LockState::Live(first) = lockfile.inspect(&path, silence).unwrap() else { panic!("first look") };
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(lockfile.is_alive(&path, &first, silence, later(59)));
        assert!(!lockfile.is_alive(&path, &first, silence, later(61)));
        std::thread::sleep(Duration::from_millis(20));
        super::lockfile::touch(&File::options().append(true).open(&path).unwrap()).unwrap();
        let LockState::Live(touched) = lockfile.inspect(&path, silence).unwrap() else { panic!("just touched") };
        assert!(touched != first && lockfile.is_alive(&path, &touched, silence, later(59)));
        assert!(!lockfile.is_alive(&path, &touched, silence, later(61)));
        // The whole takeover, with a shorter wait.
        let impatient = Timing { silence: Duration::from_millis(50), ..PATIENT };
        let mut told = 0;
        assert!(claim_with(&path, impatient, &mut |_| told += 1).unwrap().still_mine());
        assert_eq!((told, files(folder.path()).len()), (1, 0));
    }
}

#[test]
fn an_owner_touches_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    let _mine = claim_with(&path, PATIENT, &mut |_| {}).unwrap();
    let time = || std::fs::metadata(&path).unwrap().modified().unwrap();
    let first = time();
    while time() == first {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_one_process_takes_over_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    for _ in 0..20 {
        leave(&path, &Owner::here().ended());
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _claim = claim_with(&path, PATIENT, &mut |_| {}).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(files(folder.path()).len(), 0);
    }
}

#[test]
fn a_dead_breaker_is_no_obstacle_and_a_live_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    let breaker = |owner: &Owner| folder.path().join(format!("x.claim.break-{}", owner.token));
    let (dead, first, second) = (Owner::here().ended(), Owner::here().ended(), Owner::here().ended());
    leave(&path, &dead);
    leave(&breaker(&dead), &first);
    leave(&breaker(&first), &second);
    assert!(held(&path).is_none());
    assert_eq!(files(folder.path()).len(), 0);

    leave(&path, &dead);
    leave(&breaker(&dead), &Owner::here());
    assert!(held(&path).unwrap().contains("another process is removing"));
}

#[test]
fn the_claim_of_a_successor_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    leave(&path, &Owner::here().ended());
    let mut lockfile = Lockfile::new(&path);
    let LockState::Dead(seen) = lockfile.inspect(&path, PATIENT.silence).unwrap() else { panic!("it has ended") };
    let mine = claim_with(&path, PATIENT, &mut |_| {}).unwrap();
    assert!(lockfile.remove(&path, &seen, PATIENT.silence).unwrap());
    assert!(mine.still_mine());
    // An owner that counted as dead leaves the claim of its successor alone.
    std::fs::remove_file(&path).unwrap();
    leave(&path, &Owner::here().elsewhere());
    drop(mine);
    assert!(held(&path).unwrap().contains("elsewhere"));
}

#[test]
fn a_claim_with_time_zero_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.claim");
    leave(&path, &Owner::here());
    let file = File::options().append(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert!(held(&path).is_none());
}

#[test]
fn files_of_dead_processes_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (old, young) = (folder.path().join("x.claim.new-1"), folder.path().join("x.claim.break-2"));
    for path in [&old, &young] {
        std::fs::write(path, "").unwrap();
    }
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    File::options().append(true).open(&old).unwrap().set_modified(hour_ago).unwrap();
    assert!(held(&folder.path().join("x.claim")).is_none());
    assert_eq!(files(folder.path()), ["x.claim.break-2"]);
}

#[test]
fn the_error_names_a_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = try_claim(&file.join("x.claim")).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    // A folder in place of a claim can be neither read nor removed.
    let path = folder.path().join("x.claim");
    std::fs::create_dir(&path).unwrap();
    let impatient = Timing { silence: Duration::from_millis(1), ..PATIENT };
    let error = claim_with(&path, impatient, &mut |_| {}).unwrap_err();
    assert!(error.kind() == Kind::Infra && error.to_string().contains("cannot remove"), "{error}");
}
