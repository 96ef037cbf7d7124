//! `ci/install`: both programs and libtorch's libraries in a folder of their own. Nothing is compiled: a cargo that does nothing stands
//! in for the real one.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of the scripts, a libtorch, and programs that were built, in a folder whose name has a space.
struct Source(tempfile::TempDir);

impl Source {
    fn new() -> Self {
        let source = Self(tempfile::Builder::new().prefix("a source ").tempdir().unwrap());
        let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
        for script in ["install", "setup", "libtorch"] {
            source.program(&format!("clone/ci/{script}"), &std::fs::read_to_string(ci.join(script)).unwrap());
        }
        for file in [
            "torch/include/torch/csrc/api/include/torch/torch.h",
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libtorch_python.so",
            "torch/lib/libprotoc.a",
            "nvidia/cu13/lib/libcudart.so.13",
        ] {
            source.write(file, file);
        }
        source.write("torch/build-version", "2.11.0\n");
        source.program("bin/cargo", "#!/bin/sh\n");
        source.program("bin/c++", "#!/bin/sh\n");
        source.program("target/release/repro", "#!/bin/sh\necho repro 0.1.0\n");
        source.program("target/release/repro-worker", "#!/bin/sh\n[ \"$*\" = hello ]\n");
        source
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn install(&self, arguments: &[&str]) -> Output {
        let mut paths = vec![self.path("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut install = Command::new(self.path("clone/ci/install"));
        install.args(arguments).current_dir(self.0.path()).env("PATH", std::env::join_paths(paths).unwrap());
        install.env("LIBTORCH", self.path("torch")).env("CARGO_TARGET_DIR", self.path("target")).output().unwrap()
    }

    /// Every file below a folder, sorted.
    fn files(&self, folder: &str) -> Vec<String> {
        let output =
            Command::new("find").arg(self.path(folder)).args(["-type", "f", "-printf", "%P\n"]).output().unwrap();
        let mut files: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    }
}

#[track_caller]
fn says(output: &Output, code: i32, words: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(words), "{words:?} is not in: {stderr}");
    assert!(output.stdout.is_empty());
}

const INSTALLED: [&str; 4] =
    ["bin/repro", "bin/repro-worker", "lib/lxmert-repro/libcudart.so.13", "lib/lxmert-repro/libtorch_cpu.so"];

#[test]
fn both_programs_are_installed_with_the_libraries_that_they_load_and_again_over_an_older_one() {
    let source = Source::new();
    says(&source.install(&["some where"]), 0, "repro 0.1.0 is installed as");
    assert_eq!(source.files("some where"), INSTALLED);

    source.write("some where/lib/lxmert-repro/libold.so", "of an older libtorch");
    source.write("some where/lib/another.so", "of another program");
    source.program("target/release/repro", "#!/bin/sh\necho repro 0.2.0\n");
    says(&source.install(&["some where"]), 0, "repro 0.2.0 is installed as");
    let files = source.files("some where");
    assert_eq!(files.len(), INSTALLED.len() + 1);
    assert!(
        files.contains(&"lib/another.so".to_owned()) && INSTALLED.iter().all(|file| files.iter().any(|f| f == file))
    );
}

#[test]
fn what_cannot_be_built_or_does_not_run_is_named_and_nothing_is_left_halfway() {
    let source = Source::new();
    says(&source.install(&[]), 2, "the folder to install into is missing");
    says(&source.install(&["--prefix"]), 2, "cannot install into");
    source.program("bin/cargo", "#!/bin/sh\nexit 101\n");
    says(&source.install(&["prefix"]), 4, "the programs could not be built");
    assert!(!source.path("prefix").exists());

    source.program("bin/cargo", "#!/bin/sh\n");
    source.program("target/release/repro-worker", "#!/bin/sh\nexit 1\n");
    says(&source.install(&["prefix"]), 4, "bin/repro-worker does not run");
    assert_eq!(source.files("prefix"), INSTALLED);
}
