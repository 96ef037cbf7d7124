//! What the demo, the doctor and the benchmarks claim is what was done.

use std::path::Path;

use judge::report::{Report, json};
use serde_json::Value;

use crate::common::{recipe, repro, run, stderr, stdout, unwrapped};

const INCONCLUSIVE: i32 = 3;

/// Asserts that a form of a demo's report says what it is and calls nothing reproduced.
#[track_caller]
fn says_what_it_is(form: &str, text: &str) {
    // A console wraps long lines.
    let text = unwrapped(text);
    for words in [
        "drawn scenes",
        "a small model trained from random weights",
        "recorded runs of this program",
        "69.90, 59.80, 74.95",
    ] {
        assert!(text.contains(words), "{form} does not say {words:?}: {text}");
    }
    assert!(!text.contains("reproduced"), "{form}: {text}");
}

#[test]
fn the_demo_says_in_every_form_that_it_says_nothing_about_the_published_results() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("recipe.toml"), recipe::recipe([[20, 8, 4], [20, 8, 8], [4, 2, 2]], [1, 1, 1]))
        .unwrap();
    let demo = ["all", "--profile", "demo", "--recipe", "recipe.toml", "--threads", "1"];
    let console = stdout(&run(repro(place.path()).args(demo), INCONCLUSIVE));
    says_what_it_is("console", &console);
    assert!(
        console.starts_with("INCONCLUSIVE  0 of 3 demo results agree with the recorded runs; VQA-like scenes "),
        "{console}"
    );
    let folder = place.path().join("workspace/runs/latest");
    let form = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for name in ["report.html", "report.md", "report.json", "junit.xml", "attestation.intoto.json"] {
        says_what_it_is(name, &form(name));
    }
    for name in ["report.html", "report.md", "junit.xml"] {
        for task in ["VQA", "GQA", "NLVR2"] {
            assert!(form(name).contains(&format!("{task}-like scenes")), "{name} does not name {task}-like scenes");
        }
    }
    let report: Value = serde_json::from_str(&form("report.json")).unwrap();
    assert_eq!((&report["rows"][0]["name"], &report["rows"][0]["subject"]), (&"vqa".into(), &"demo".into()));
    assert!(report["about"].as_str().unwrap().starts_with("This is a demo: drawn scenes"));

    // Judged once more, elsewhere, or shown for a workflow, it is the same.
    for command in [&["check", "workspace"][..], &["regrade", "workspace"], &["report", "workspace/runs/latest"]] {
        says_what_it_is(command[0], &stdout(&repro(place.path()).args(command).output().unwrap()));
    }

    // A report of a program that did not write these fields is read, and shown with the same words.
    let path = folder.join("report.json");
    let mut old = report;
    old.as_object_mut().unwrap().remove("about");
    old["summary"] = "0 of 3 results reproduced; vqa INCONCLUSIVE.".into();
    old["rows"].as_array_mut().unwrap().iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("subject")));
    std::fs::write(&path, old.to_string()).unwrap();
    let read: Report = json::read(&path).unwrap();
    assert_eq!(read.summary.split(';').next(), Some("0 of 3 demo results agree with the recorded runs"));
    let shown = stdout(&run(repro(place.path()).args(["report", "workspace/runs/latest"]), INCONCLUSIVE));
    says_what_it_is("report", &shown);
}

#[test]
fn a_benchmark_prints_what_it_measured_in_this_run_and_nothing_of_another() {
    let place = tempfile::tempdir().unwrap();
    let tiny = ["--model", "tiny", "--boxes", "3", "--features", "16", "--answers", "5", "--vocab-size", "50"];
    let train = [&["train", "--batch-size", "2", "--steps", "1", "--threads", "1"], &tiny[..]].concat();
    let predict =
        [&["predict", "--batch-size", "2", "--questions", "2", "--steps", "1", "--threads", "1"], &tiny[..]].concat();
    let tokenize = vec!["tokenize", "--sentences", "20", "--steps", "1"];
    let tsv = vec!["tsv", "--images", "2", "--steps", "1"];
    for bench in [train, predict, tokenize, tsv] {
        let text = stdout(&run(repro(place.path()).arg("bench").args(&bench), 0));
        let report: Value = serde_json::from_str(&text).unwrap();
        assert!(report["ms_per_step"]["best"].as_f64().unwrap() > 0.0, "{bench:?}");
        assert!(!text.contains("\"original\""), "{bench:?} names figures of another run: {text}");
    }
    let help = stdout(&run(repro(place.path()).args(["bench", "--help"]), 0));
    assert!(help.contains("docs/benchmarks.md") && !help.contains("examples/s"), "{help}");
}

/// What the doctor found of the worker and its libtorch.
fn worker(folder: &Path) -> Value {
    let output = repro(folder).args(["doctor", "--for", "train", "--format", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "worker").unwrap().clone()
}

#[test]
fn the_doctor_and_the_device_tell_a_libtorch_for_cpus_from_one_without_a_gpu() {
    let place = tempfile::tempdir().unwrap();
    let check = worker(place.path());
    let found = check["found"].as_str().unwrap();
    if found.contains("sees") && !found.contains("sees no GPU") {
        println!("skipped: this machine has a GPU");
        return;
    }
    let sizes = ["--model", "tiny", "--boxes", "3", "--features", "16", "--answers", "5", "--vocab-size", "50"];
    let refused = run(repro(place.path()).args(["bench", "train", "--device", "cuda"]).args(sizes), 4);
    let said = stderr(&refused);
    if found == "libtorch 2.11.0, for CPUs only" {
        assert!(said.contains("--device cuda: this program uses the libtorch for CPUs"), "{said}");
        assert!(said.contains("next: run ci/setup --cuda"), "{said}");
    } else {
        assert!(found.starts_with("libtorch 2.11.0, with CUDA, but "), "{found}");
        assert_eq!(check["state"], "advice", "{check}");
        assert!(
            said.contains("--device cuda: there is no GPU 0") && said.contains("libtorch has CUDA and sees 0 GPUs"),
            "{said}"
        );
        assert!(said.contains("next: check the GPU and its driver with repro doctor"), "{said}");
    }
    let wrong = run(repro(place.path()).args(["bench", "train", "--device", "gpu"]).args(sizes), 2);
    assert!(stderr(&wrong).contains("unknown device \"gpu\""), "{}", stderr(&wrong));
}
