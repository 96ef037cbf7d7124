//! `repro verify`: what it prints, and its exit codes.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{repro, run, stderr, stdout};

const CONTENT: &[u8] = b"hello\n";
/// Checksums of [`CONTENT`], from sha256sum, md5sum and git hash-object.
const CHECKSUMS: [(&str, &str); 3] = [
    ("sha256", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
    ("md5", "b1946ac92492d2347c6235b4d2611184"),
    ("git_blob", "ce013625030ba8dba906f756967f9e9ca394464a"),
];

/// Writes a manifest with an asset for each kind of checksum and one without any; all files are there and right.
fn workspace(folder: &Path) {
    let mut manifest = "schema = 1\n[[group]]\nname = \"g\"\ntitle = \"all\"\n".to_owned();
    let checksums = CHECKSUMS.iter().map(|(kind, checksum)| (*kind, format!("{kind} = \"{checksum}\"")));
    std::fs::create_dir_all(folder.join("workspace/data")).unwrap();
    for (name, checksum) in checksums.chain([("unknown", String::new())]) {
        write!(
            manifest,
            "[[asset]]\nname = \"{name}\"\ntitle = \"t\"\ngroups = [\"g\"]\npath = \"data/{name}\"\nurls = [\"file:///{name}\"]\n{checksum}\n"
        )
        .unwrap();
        std::fs::write(folder.join("workspace/data").join(name), CONTENT).unwrap();
    }
    std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
}

fn verify(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = repro(folder);
    command.args(["verify", "--manifest", "manifest.toml"]).args(arguments);
    command
}

fn json(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let output = run(verify(folder, arguments).args(["--format", "json"]), code);
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn states(report: &Value) -> Vec<&str> {
    report["files"].as_array().unwrap().iter().map(|file| file["state"].as_str().unwrap()).collect()
}

#[test]
fn files_are_read_once_and_then_recognised_by_their_receipts() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    workspace(folder);
    let report = json(folder, &["--fast"], 5);
    assert_eq!((states(&report), &report["bytes_read"]), (vec!["unverified"; 4], &0.into()));
    let good = ["good", "good", "good", "good-unpinned"];
    for (arguments, read) in [(&[][..], 24), (&[], 0), (&["--fast"], 0), (&["--full", "--jobs", "2"], 24)] {
        let report = json(folder, arguments, 0);
        assert_eq!((states(&report), &report["bytes_read"]), (good.to_vec(), &read.into()), "{arguments:?}");
    }
    let page = stdout(&run(&mut verify(folder, &["git_blob", "unknown"]), 0));
    assert!(page.contains("2 files, 12 B: 1 good, 1 good but unpinned"), "{page}");
}

#[test]
fn every_flip_of_a_byte_is_detected() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let flips: Vec<(usize, u8)> = (0..CONTENT.len()).flat_map(|at| (1..=255).map(move |with| (at, with))).collect();
    let each: Vec<String> = (0..flips.len()).map(|flip| format!("\"{flip}\"")).collect();
    std::fs::create_dir_all(folder.join("workspace/data")).unwrap();
    for (index, (at, with)) in flips.iter().enumerate() {
        let mut content = CONTENT.to_vec();
        content[*at] ^= with;
        std::fs::write(folder.join(format!("workspace/data/{index}")), content).unwrap();
    }
    for (kind, checksum) in CHECKSUMS {
        let manifest = format!(
            "schema = 1\ngroup = [{{ name = \"g\", title = \"t\" }}]\n[[asset]]\nname = \"f{{}}\"\ntitle = \"t\"\ngroups = [\"g\"]\n\
             path = \"data/{{}}\"\nurls = [\"file:///x\"]\n{kind} = \"{checksum}\"\neach = [{}]\n",
            each.join(", ")
        );
        std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
        let report = json(folder, &["--full"], 7);
        assert_eq!(report["counts"]["wrong"], flips.len(), "{kind}");
        let why = report["files"][0]["why"].as_str().unwrap();
        assert!(why.contains(&format!("not {checksum}")), "{why}");
    }
}

#[test]
fn exit_codes_tell_what_is_wrong_and_the_page_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    workspace(folder);
    run(&mut verify(folder, &["--full"]), 0);
    let path = folder.join("workspace/data/md5");
    let touch = std::fs::File::options().append(true).open(&path).unwrap();
    touch.set_modified(std::time::UNIX_EPOCH).unwrap();
    let page = stdout(&run(&mut verify(folder, &["--fast"]), 7));
    assert!(page.contains("changed ") && page.contains("without --fast"), "{page}");
    run(&mut verify(folder, &[]), 0);
    std::fs::write(&path, "longer than it was").unwrap();
    run(&mut verify(folder, &["--fast", "md5"]), 7);
    let page = stdout(&run(&mut verify(folder, &["md5", "unknown"]), 7));
    assert!(page.contains("WRONG ") && page.contains("next: repro fetch md5 "), "{page}");
    assert_eq!(std::fs::read(&path).unwrap(), b"longer than it was", "files are left alone");
    std::fs::remove_file(&path).unwrap();
    run(&mut verify(folder, &[]), 0);
    let page = stdout(&run(&mut verify(folder, &["--task", "g"]), 5));
    assert!(page.contains("missing ") && page.contains("1 missing"), "{page}");
}

#[test]
fn mistakes_are_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    workspace(folder);
    let said = stderr(&run(&mut verify(folder, &["md"]), 2));
    assert!(said.contains("did you mean md5?"), "{said}");
    run(&mut verify(folder, &["--fast", "--full"]), 2);
    run(&mut verify(folder, &["--jobs", "0"]), 2);
    let said = stderr(&run(verify(folder, &[]).args(["--workspace", "elsewhere"]), 5));
    assert!(said.contains("nothing to verify in elsewhere") && said.contains("next: "), "{said}");
    assert!(!folder.join("elsewhere").exists());
    let help = stdout(&run(verify(folder, &[]).arg("--help"), 0));
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}
