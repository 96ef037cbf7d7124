//! The scripts a person runs first: what they say when something is wrong, and that their stdout can be used by others.
#![cfg(target_os = "linux")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Tools that the scripts use and that are no requirement worth a message of its own.
const TOOLS: [&str; 9] = ["bash", "dirname", "uname", "cat", "mkdir", "mktemp", "rm", "env", "sed"];

/// A copy of the scripts in an otherwise empty repository, and a folder that is all of PATH.
struct Machine {
    place: tempfile::TempDir,
}

impl Machine {
    fn with(programs: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        for folder in ["clone/ci", "bin", "home"] {
            std::fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
        for script in std::fs::read_dir(ci).unwrap() {
            let script = script.unwrap();
            if script.file_type().unwrap().is_dir() {
                continue;
            }
            std::fs::copy(script.path(), place.path().join("clone/ci").join(script.file_name())).unwrap();
        }
        for tool in TOOLS {
            symlink(found(tool), place.path().join("bin").join(tool)).unwrap();
        }
        // These only have to be there: nothing is compiled or fetched in these tests.
        for program in programs {
            symlink(found("env"), place.path().join("bin").join(program)).unwrap();
        }
        Self { place }
    }

    fn setup(&self, libtorch: Option<&Path>) -> Output {
        let mut setup = Command::new(found("bash"));
        setup.arg(self.place.path().join("clone/ci/setup")).current_dir(self.place.path()).env_clear();
        setup.env("PATH", self.place.path().join("bin")).env("HOME", self.place.path().join("home"));
        if let Some(folder) = libtorch {
            setup.env("LIBTORCH", folder);
        }
        setup.output().unwrap()
    }

    /// A folder that looks like a libtorch of a version.
    fn libtorch(&self, version: &str) -> PathBuf {
        let folder = self.place.path().join(format!("libtorch {version}"));
        let headers = folder.join("include/torch/csrc/api/include/torch");
        std::fs::create_dir_all(&headers).unwrap();
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        for file in [headers.join("torch.h"), folder.join("lib/libtorch_cpu.so")] {
            std::fs::write(file, "").unwrap();
        }
        std::fs::write(folder.join("build-version"), format!("{version}\n")).unwrap();
        folder
    }
}

fn found(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file()).expect(tool)
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(output.stdout.is_empty(), "stdout holds something that is no folder");
    for words in words {
        assert!(stderr.contains(words), "{words:?} is not in: {stderr}");
    }
}

#[test]
fn refuses_another_libtorch() {
    let machine = Machine::with(&["cargo", "c++", "python3"]);
    let next = "next: unset LIBTORCH";
    let old = machine.libtorch("2.4.1+cu121");
    refused(&machine.setup(Some(&old)), &[old.to_str().unwrap(), "it is version 2.4.1+cu121, not 2.11.0", next]);
    refused(&machine.setup(Some(Path::new("/nowhere"))), &["it has no lib/libtorch_cpu.so", next]);
    let bare = machine.libtorch("2.11.0");
    std::fs::remove_dir_all(bare.join("include")).unwrap();
    refused(&machine.setup(Some(&bare)), &["it has no C++ headers", next]);
    assert!(!machine.place.path().join("clone/.cargo").exists());
}

#[test]
fn says_what_the_machine_lacks() {
    for (there, words) in [
        (&["c++", "python3"][..], "no Rust toolchain (cargo) was found"),
        (&["cargo", "python3"], "no C++ compiler (c++) was found"),
        (&["cargo", "c++"], "no python3 was found"),
        // Stands for a python3 whose `-m pip` fails.
        (&["cargo", "c++", "python3"], "python3 has no pip"),
    ] {
        refused(&Machine::with(there).setup(None), &[words, "next: "]);
    }
}

#[test]
fn stdout_is_the_folder_and_cargo_is_told() {
    let machine = Machine::with(&["cargo", "c++"]);
    let libtorch = machine.libtorch("2.11.0+cpu");
    let output = machine.setup(Some(&libtorch));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", libtorch.display()));
    let config = std::fs::read_to_string(machine.place.path().join("clone/.cargo/config.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    assert_eq!(config["env"]["LIBTORCH"]["value"].as_str(), libtorch.to_str());
}
