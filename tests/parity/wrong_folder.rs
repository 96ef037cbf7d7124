//! Tests that a folder of fixtures without results of the original fails the parity tests.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use fixtures::{chosen, default_folder, place};

/// Runs the other tests of this binary and returns their output.
fn others(fixtures: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "wrong_folder", "--test-threads", "2"])
        .env("REPRO_FIXTURES", fixtures)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_parity_test_fails_if_the_named_folder_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    // Earlier versions expected the folder with one kind of results here.
    fs::create_dir(folder.path().join("tiny")).unwrap();
    for wrong in [folder.path(), &folder.path().join("absent"), Path::new("")] {
        let printed = others(wrong);
        assert!(printed.contains("test result: FAILED. 0 passed;"), "{printed}");
        assert!(printed.contains("holds none of lxrt/, butd/, official/: name the folder"), "{printed}");
    }
}

#[test]
fn a_folder_with_one_kind_of_results_is_accepted_and_the_rest_is_skipped_visibly() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("butd")).unwrap();
    let printed = others(folder.path());
    assert!(printed.contains("test result: ok."), "{printed}");
    let absent = folder.path().join("lxrt/full/formula_checks.json");
    assert!(printed.contains(&format!("skipped: {} is not there", absent.display())), "{printed}");
}

#[test]
fn results_come_from_the_named_folder_and_support_files_also_from_the_default_one() {
    let [named, default] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (named, default) = (named.path(), default.path());
    for file in ["lxrt/a", "butd/b", "vocab/vocab.txt", "real/data"] {
        fs::create_dir_all(default.join(file)).unwrap();
    }
    assert_eq!(chosen(None, default).unwrap(), default);
    assert!(chosen(Some(named.as_os_str()), default).unwrap_err().starts_with("REPRO_FIXTURES=/"));
    fs::create_dir_all(named.join("lxrt")).unwrap();
    fs::create_dir_all(named.join("real/data")).unwrap();
    assert_eq!(chosen(Some(named.as_os_str()), default).unwrap(), named);
    for (file, found) in [("lxrt/a", named), ("butd/b", named), ("vocab/vocab.txt", default), ("real/data", named)] {
        assert_eq!(place(named, default, file), found.join(file), "{file}");
    }
    assert!(default_folder().ends_with("shared/fixtures"));
    assert!(chosen(Some(OsStr::new("")), default).is_err());
}
