//! `ci/gpu-check` with programs that stand in for the packed ones, for torch and for the GPU's driver: which rows pass, what is said
//! of what is missing, and the exit codes. What the real programs do is for a machine with a GPU.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{copy_folder, stderr, stdout};

const WORKER: &str = r#"echo '{"event": "hello", "versions": {"libtorch": "2.11.0"}, "cuda": true, "gpus": 0}'
echo '{"event": "done", "result": [{"name": "cpu", "described": "a CPU"}]}'"#;
const PARITY: &str = r#"[ "$REPRO_PARITY_DEVICE" = cpu ] && [ -d "$REPRO_FIXTURES" ] && echo 'test result: ok. 12 passed; 0 failed; 0 ignored'"#;
const BENCH: &str =
    r#"echo '{"ms_per_step": {"median": 4.0}, "examples_per_s": {"median": 8000.0}, "peak_memory_bytes": 1000}'"#;

/// A copy of the script, an empty search path but for what is added, and a Python with a torch that is not one.
struct Machine {
    place: tempfile::TempDir,
    python: PathBuf,
}

impl Machine {
    /// `None`, visibly, without Python.
    fn new() -> Option<Self> {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        let Some(asked) = asked.ok().filter(|asked| asked.status.success()) else {
            assert!(!fixtures::required::required("python"), "python3 is missing");
            eprintln!("skipped: there is no python3");
            return None;
        };
        let machine = Self { place: tempfile::tempdir().unwrap(), python: stdout(&asked).trim().into() };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
        for folder in ["clone/ci", "bin", "site/torch/lib"] {
            fs::create_dir_all(machine.at(folder)).unwrap();
        }
        fs::copy(source.join("gpu-check"), machine.at("clone/ci/gpu-check")).unwrap();
        copy_folder(&source.join("gpu_check"), &machine.at("clone/ci/gpu_check"));
        fs::write(machine.at("site/torch/lib/libtorch_cpu.so"), "").unwrap();
        machine.torch("2.11.0+cpu");
        let python = format!("PYTHONPATH={} exec {} \"$@\"", machine.at("site").display(), machine.python.display());
        machine.program("python", &python);
        Some(machine)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn torch(&self, version: &str) {
        fs::write(self.at("site/torch/version.py"), format!("__version__ = '{version}'\n")).unwrap();
    }

    fn program(&self, path: &str, lines: &str) {
        let path = self.at(if path.contains('/') { "clone" } else { "bin" }).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Packs stand-ins for the three programs.
    fn pack(&self, [repro, worker, parity]: [&str; 3]) {
        let mut files = serde_json::Map::new();
        for (name, lines) in [("repro", repro), ("repro-worker", worker), ("parity", parity)] {
            let path = format!("target/gpu-check/bin/{name}");
            self.program(&path, lines);
            files.insert(format!("bin/{name}"), fs::metadata(self.at("clone").join(path)).unwrap().len().into());
        }
        fs::create_dir_all(self.at("clone/target/gpu-check/fixtures")).unwrap();
        let listed = serde_json::json!({
            "schema": 1, "commit": "abc", "libtorch": "2.11.0", "bytes": 3, "parts": {}, "files": files,
        });
        fs::write(self.at("clone/target/gpu-check/pack.json"), listed.to_string()).unwrap();
    }

    #[track_caller]
    fn check(&self, arguments: &str, code: i32) -> Output {
        let mut command = Command::new(&self.python);
        command.arg(self.at("clone/ci/gpu-check")).args(arguments.split_whitespace()).current_dir(self.at("clone"));
        command.env_clear().env("PATH", self.at("bin")).arg("--python").arg(self.at("bin/python"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}{}", stdout(&output), stderr(&output));
        output
    }

    /// The report of the last check: the status of each row that was asked for.
    fn report(&self) -> (Value, Vec<String>) {
        let text = fs::read_to_string(self.at("clone/target/gpu-check-report/report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let rows = report["rows"].as_array().unwrap().iter().filter(|row| row["status"] != "not asked for");
        let rows = rows.map(|row| format!("{} {}", row["name"].as_str().unwrap(), row["status"].as_str().unwrap()));
        let rows = rows.collect();
        (report, rows)
    }
}

#[test]
fn what_a_check_on_a_gpu_lacks_is_named_before_anything_runs() {
    let Some(machine) = Machine::new() else { return };
    let says = |output: &Output, words: &str| {
        let told = stderr(output);
        assert!(told.contains(words) && told.contains("\n  next: "), "{told}");
    };
    assert!(stdout(&machine.check("--help", 0)).contains("ci/gpu-check --pack"));
    says(&machine.check("--device tpu", 2), "unknown device tpu");
    says(&machine.check("--fast", 2), "unknown argument --fast");
    says(&machine.check("--rows train,speed", 2), "there is no row 'speed'");
    says(&machine.check("", 4), "no GPU was found");
    says(&machine.check("--device cpu", 5), "nothing was packed");
    machine.program("nvidia-smi", "echo 'A GPU, 580.65, 1000'");
    says(&machine.check("", 5), "nothing was packed");
    machine.pack([BENCH, WORKER, PARITY]);
    says(&machine.check("", 4), "this torch is built for CPUs only");
    says(&machine.check("--device cpu --original .", 2), "is no checkout of the original");
    machine.torch("2.10.1+cu130");
    says(&machine.check("--device cpu", 4), "is torch 2.10.1+cu130; the programs are built for 2.11.0");
    machine.program("target/gpu-check/bin/parity", "exit 0");
    says(&machine.check("--device cpu", 5), "bin/parity is missing or has another size");
    fs::remove_dir_all(machine.at("site/torch")).unwrap();
    machine.pack([BENCH, WORKER, PARITY]);
    says(&machine.check("--device cpu", 4), "has no torch");
    assert!(!machine.at("clone/target/gpu-check-report").exists());
}

#[test]
fn rows_pass_fail_or_say_what_they_lack_and_do_not_stop_the_others() {
    let Some(machine) = Machine::new() else { return };
    let asked = "--device cpu --rows worker,parity,resume,train,original";
    machine.pack([BENCH, WORKER, PARITY]);
    let output = machine.check("--device cpu --rows worker,parity,train", 0);
    assert!(stdout(&output).contains("train     passed"), "{}", stdout(&output));
    let (report, rows) = machine.report();
    assert_eq!(rows, ["worker passed", "parity passed", "train passed"]);
    assert_eq!((&report["schema"], &report["machine"]["torch"]), (&1.into(), &"2.11.0+cpu".into()));
    assert_eq!(report["rows"][4]["figures"]["examples_per_s"]["median"], 8000.0);
    let link = fs::read_link(machine.at("clone/target/gpu-check/lib/lxmert-repro")).unwrap();
    assert_eq!(link, machine.at("site/torch/lib"));

    // The data of the demo and a fixture are missing; the original was not named.
    machine.pack([BENCH, WORKER, &format!("echo 'skipped: /x/tiny is not there' >&2; {PARITY}")]);
    let output = machine.check(asked, 3);
    assert!(stdout(&output).contains("original  not asked for"), "{}", stdout(&output));
    let (report, rows) = machine.report();
    assert_eq!(rows, ["worker passed", "parity missing", "resume missing", "train passed"]);
    assert!(report["rows"][1]["why"].as_str().unwrap().contains("/x/tiny"), "{report}");

    let failing = "echo 'test tiny::logits ... FAILED'; echo 'test result: FAILED. 11 passed; 1 failed;'; exit 101";
    machine.pack(["echo no JSON", "echo 'cannot open libtorch' >&2; exit 127", failing]);
    machine.check(asked, 1);
    let (report, rows) = machine.report();
    assert_eq!(rows, ["worker failed", "parity failed", "resume missing", "train failed"]);
    for (row, words) in [(0, "exit code 127: cannot open libtorch"), (1, "tiny::logits"), (4, "not understood")] {
        assert!(report["rows"][row]["why"].as_str().unwrap().contains(words), "{report}");
    }
    let left: Vec<_> = fs::read_dir(machine.at("clone/target/gpu-check-report")).unwrap().flatten().collect();
    assert_eq!(left.len(), 3, "report.json, report.txt and logs: {left:?}");
}
