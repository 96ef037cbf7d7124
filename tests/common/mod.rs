//! What the user-level tests share: running the real program and finding fixtures.
#![allow(dead_code)]

#[path = "../../src/fixtures.rs"]
pub mod fixtures;
#[path = "../../src/assets/testing/mod.rs"]
pub mod testing;

use std::path::Path;
use std::process::{Command, Output};

/// The program, in an empty environment but for what it needs to start.
pub fn repro(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repro"));
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).env("NO_COLOR", "1");
    command
}

/// Runs and demands an exit code; the output where it is another.
#[track_caller]
pub fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{command:?}\nstdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
