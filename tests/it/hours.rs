//! A step that `repro bench train` measured is kept, and tells the hours of the paper's trainings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engines::private::write_script;
use serde_json::{Value, json};

use crate::common::{repro, run, small_training, stderr, stdout, unwrapped};

/// A worker that introduces itself as the real one does, answers what it is told to, and fails to train.
fn worker(folder: &Path, measured: &Value) -> PathBuf {
    let real = Path::new(env!("CARGO_BIN_EXE_repro")).with_file_name("repro-worker");
    let done = json!({ "event": "done", "result": measured, "files": [] });
    fs::write(folder.join("done"), format!("{done}\n")).unwrap();
    let failed = json!({ "event": "failed", "error": base::error::Error::infra("it only measures").next("nothing") });
    fs::write(folder.join("failed"), format!("{failed}\n")).unwrap();
    let (real, here) = (real.display(), folder.display());
    let script = format!(
        "[ \"$1\" = run ] || exec {real} \"$@\"\n{real} hello | head -n 1\ngrep -q bench-train \"$2\" && cat {here}/done || cat {here}/failed"
    );
    write_script(&folder.join("worker"), &script);
    folder.join("worker")
}

/// What `repro bench train` reports of steps at the paper's sizes on all cores.
fn report(examples_per_second: f64) -> Value {
    let threads = std::thread::available_parallelism().unwrap().get();
    json!({
        "bench": "train",
        "sizes": {
            "model": lxmert_spec::Config::lxr955(), "batch_size": 32, "boxes": 36, "features": 2048, "words": 20, "answers": 3129,
        },
        "threads": threads,
        "versions": { "libtorch": "2.11.0", "tch": "0.24.0", "repro": "0.1.0" },
        "examples_per_s": { "median": examples_per_second, "best": examples_per_second },
    })
}

#[test]
fn a_measured_step_tells_the_hours_of_the_papers_trainings() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let program = |words: &str| -> Command {
        let mut command = repro(folder);
        command.env("REPRO_WORKER", worker(folder, &report(5.1))).env("CUDA_VISIBLE_DEVICES", "-1");
        command.args(words.split(' '));
        command
    };
    // Whether this machine is ready is not asked here.
    let doctor = || unwrapped(&stdout(&program("doctor --for train").output().unwrap()));
    let plan = || stdout(&run(&mut program("all --profile paper --dry-run"), 0));
    let text = doctor();
    assert!(
        text.contains("hours unknown: no step of batch 32 was measured on cpu with ")
            && text.contains("$ repro bench train"),
        "{text}"
    );
    assert!(plan().contains("time unknown: no lxr955 was trained or measured here yet"));

    let bench = run(&mut program("bench train"), 0);
    assert_eq!(serde_json::from_str::<Value>(&stdout(&bench)).unwrap(), report(5.1), "stdout is the report alone");
    let file = folder.join(".cache/lxmert-repro/step-times.json");
    assert!(
        stderr(&bench).contains(&format!("note: kept for estimates of hours, in {}", file.display())),
        "{}",
        stderr(&bench)
    );
    let text = doctor();
    let day = base::clock::today();
    let hours = format!(
        "5.1 examples/s on cpu, measured {day}: fine-tuning takes VQA 5 days 18 h, GQA 9 days 18 h, NLVR2 19 h, without validation"
    );
    assert!(text.contains(&hours), "{text}");
    let text = plan();
    for time in ["5 days 18 h", "9 days 18 h", "19 h"] {
        assert!(
            text.contains(&format!("    {time} at 5.1 examples/s, measured {day}, without validation\n")),
            "{text}"
        );
    }
    // With other threads it says nothing.
    let other = stdout(&run(&mut program("all --profile paper --dry-run --threads 977"), 0));
    assert_eq!(other.matches("time unknown").count(), 3, "{other}");

    fs::write(&file, "{\"schema\": 1, \"steps\": [").unwrap();
    let damaged = run(&mut program("all --profile paper --dry-run"), 0);
    let note = format!("note: {} is ignored: it is not JSON; repro bench train replaces it\n", file.display());
    assert!(stderr(&damaged).contains(&note) && stdout(&damaged).contains("time unknown"), "{}", stderr(&damaged));
    run(&mut program("bench train"), 0);
    assert!(doctor().contains(&hours));
}

#[test]
fn other_sizes_and_a_cache_that_cannot_be_written_are_notes() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let bench = |report: &Value| {
        let mut command = repro(folder);
        command.env("REPRO_WORKER", worker(folder, report)).env("REPRO_CACHE", folder.join("cache"));
        stderr(&run(command.args(["bench", "train", "--device", "cpu"]), 0))
    };
    let mut small = report(5.1);
    small["sizes"]["boxes"] = 3.into();
    assert!(bench(&small).contains("note: not kept for estimates of hours: other sizes"));
    fs::write(folder.join("cache"), "a file").unwrap();
    assert!(bench(&report(5.1)).contains("note: not kept for estimates of hours: cannot "));
}

#[test]
fn a_training_of_days_says_so_before_it_begins() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    // 37 examples, four times.
    let train = |examples_per_second: f64, more: &str| {
        let worker = worker(folder, &report(examples_per_second));
        run(repro(folder).env("REPRO_WORKER", &worker).args(["bench", "train", "--device", "cpu"]), 0);
        let threads = report(1.0)["threads"].to_string();
        let more = format!("--model lxr955 --batch-size 32 --threads {threads} {more}");
        stderr(&run(small_training::train(folder, 1, &more).env("REPRO_WORKER", &worker), 4))
    };
    let day = base::clock::today();
    let warning = format!(
        "warning: at 0.0005 examples/s on cpu, measured {day}, training takes VQA 3 days 10 h, without validation; next: use a GPU (repro \
         doctor --for train says what this machine lacks), or stop and resume at any time\nerror: it only measures\n  next: nothing\n"
    );
    let said = train(0.0005, "");
    assert!(said.ends_with(&warning), "{said}");
    for (speed, more) in
        [(5.1, ""), (0.0005, "--epochs 1"), (0.0005, "--model tiny"), (0.0005, "--tiny"), (0.0005, "--batch-size 16")]
    {
        let said = train(speed, more);
        assert!(!said.contains("warning") && said.contains("it only measures"), "{more}: {said}");
    }
}

#[test]
fn a_reproduction_of_days_says_so_before_it_fetches() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let manifest = include_str!("../fixtures/assets/paper.toml");
    let nowhere = manifest
        .replace("https://one.example", "http://127.0.0.1:9")
        .replace("https://two.example", "http://127.0.0.1:9");
    fs::write(folder.join("assets.toml"), nowhere).unwrap();
    let worker = worker(folder, &report(5.1));
    let program = |words: &str| {
        let words = words.split(' ');
        repro(folder).env("REPRO_WORKER", &worker).env("CUDA_VISIBLE_DEVICES", "-1").args(words).output().unwrap()
    };
    // It stops at fetching: nothing answers, or the disk has no room for the data.
    let reproduce = |more: &str| {
        let paper = "all --profile paper --manifest assets.toml --task vqa --retries 0 --retry-wait 0";
        let output = program(&format!("{paper}{more}"));
        assert!([Some(6), Some(8)].contains(&output.status.code()), "{output:?}");
        stderr(&output)
    };
    assert!(!reproduce("").contains("warning: at"), "nothing was measured yet");
    assert!(program("bench train").status.success());
    let said = reproduce("");
    let day = base::clock::today();
    let warning = format!(
        "warning: at 5.1 examples/s on cpu, measured {day}, training takes VQA 5 days 18 h, without validation; next: use a GPU "
    );
    assert!(said.starts_with(&warning) && said.matches("warning: at").count() == 1, "{said}");
    // On few images the number of examples is not known.
    assert!(!reproduce(" --tiny").contains("warning: at"));
}
