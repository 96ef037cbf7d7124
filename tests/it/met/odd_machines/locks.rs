//! File systems without locks: everything works.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base::exit;

use super::machine::{TRAIN, words, world};
use crate::common::{repro, run, stderr, stdout};

/// A library that makes every lock fail so.
fn without_locks(folder: &Path, errno: &str) -> Option<PathBuf> {
    let source = fs::read_to_string(fixtures::beside("cases/no_flock.c")?).unwrap();
    let (file, library) = (folder.join("no_flock.c"), folder.join("no_flock.so"));
    fs::write(&file, source.replace("ENOSYS", errno)).unwrap();
    let mut compiler = Command::new("cc");
    match compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status() {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            eprintln!("skipped: no C compiler: {error}");
            return None;
        }
    }
    Some(library)
}

/// filelock#67, cargo#3666: `flock` is not implemented, not supported, or has no lock daemon.
#[test]
fn everything_works_on_a_file_system_without_locks() {
    for (errno, text) in
        [("ENOSYS", "Function not implemented"), ("EOPNOTSUPP", "not supported"), ("ENOLCK", "No locks available")]
    {
        let world = world();
        let folder = world.path();
        let Some(library) = without_locks(folder, errno) else { return };
        let command = |line: &str| {
            let mut command = repro(folder);
            command.env("LD_PRELOAD", &library).args(words(line));
            command
        };
        let once = |told: &str, folder: &str| {
            assert_eq!(told.matches("has no locks").count(), 1, "{told}");
            assert!(
                told.contains(&format!("warning: the file system of {folder} has no locks")) && told.contains(text),
                "{told}"
            );
            assert!(told.contains("nothing keeps a second run out of it"), "{told}");
        };
        once(&stderr(&run(&mut command(TRAIN), exit::PASS)), "out");
        assert!(folder.join("out/outcome.json").exists());

        let doctor = run(&mut command("doctor --for demo --format json"), exit::PASS);
        let report: serde_json::Value = serde_json::from_str(&stdout(&doctor)).unwrap();
        let row = report["checks"].as_array().unwrap().iter().find(|row| row["name"] == "locks").unwrap();
        assert_eq!(row["state"], "advice");
        assert!(row["found"].as_str().unwrap().contains(text), "{row}");
        assert!(row["advice"].as_str().unwrap().contains("start one at a time"), "{row}");
        if errno != "ENOSYS" {
            continue;
        }

        let line = "extract coco --split valid --order id --images images --out features --backend demo";
        once(&stderr(&command(line).output().unwrap()), "features/.extract-val2014_obj36");

        // The whole demo takes minutes: what it says of the lock comes first.
        let mut all = command("all --profile demo").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let first = BufReader::new(all.stderr.take().unwrap()).lines().next().unwrap().unwrap();
        all.kill().unwrap();
        all.wait().unwrap();
        once(&first, "workspace/cache");
    }
}

#[test]
fn doctor_tries_the_locks_of_the_workspace_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = stdout(&run(repro(folder.path()).args(["doctor", "--for", "demo"]), exit::PASS));
    let row = report.lines().find(|line| line.contains(" locks ")).unwrap();
    assert!(row.contains("fine") && row.contains("files can be locked in workspace"), "{row}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
