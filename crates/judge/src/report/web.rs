//! Reports as their readers meet them: `ci/web-check` opens the page in a real browser and reads the other files by their published
//! schemas. Skipped visibly where it is not ready (`ci/web-check --install` makes it so), unless `REPRO_TEST_REQUIRE` names `web`.

use std::path::PathBuf;
use std::process::{Command, Output};

use fixtures::web_check;

use super::sample;

fn check(mut command: Command, folders: &[PathBuf]) -> (Output, String) {
    let output = command.args(folders).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output, text)
}

#[test]
fn every_form_of_every_report_is_accepted() {
    let Some(command) = web_check::command() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = (sample::all().into_iter())
        .map(|(name, report)| {
            report.write(&folder.path().join(name)).unwrap();
            folder.path().join(name)
        })
        .collect();
    let (output, text) = check(command, &folders);
    assert!(output.status.success() && !text.contains("WRONG"), "{text}");
    for what in ["HTML is valid", "accessible (axe)", "junit.xml follows", "holds a Test Result v0.1"] {
        assert!(text.matches(what).count() >= folders.len(), "{what}\n{text}");
    }
}

/// A check that finds nothing must be one that could have.
#[test]
fn what_is_wrong_is_found() {
    let Some(command) = web_check::command() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("broken");
    sample::passed().write(&folder).unwrap();
    for (file, from, to) in [
        ("report.html", "<html lang=\"en\">", "<html>"),
        (
            "report.html",
            "<footer>",
            "<footer><div style=\"width:900px\">wide</div><img src=\"far.png\"><script>console.log(1)</script>",
        ),
        ("report.html", "<table class=\"numbers\"", "<table class=\"numbers\" style=\"margin-left:900px\""),
        ("junit.xml", "<testsuites name", "<testsuites skipped=\"0\" name"),
        ("attestation.intoto.json", "\"PASSED\"", "\"FINE\""),
        ("report.json", "\"profile\": \"sample\"", "\"profile\": \"paper\""),
    ] {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }
    let (output, text) = check(command, &[folder]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for wrong in [
        "WRONG HTML is valid",
        "WRONG nothing is fetched",
        "WRONG there is no script",
        "WRONG 390 px, light: the page does not scroll sideways",
        "WRONG 390 px, dark: every verdict is in sight",
        "WRONG 1280 px, dark: accessible (axe): html-has-lang",
        "WRONG paper: nothing is cut off",
        "WRONG junit.xml",
        "result is 'FINE'",
        "report.json is another one",
    ] {
        assert!(text.contains(wrong), "{wrong}\n{text}");
    }
}
