//! Runs the program `repro` and reads its output.

use std::path::Path;
use std::process::{Command, Output};

/// Returns the command, with an environment that holds only what it needs to start.
pub(crate) fn repro(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repro"));
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).env("NO_COLOR", "1");
    fixtures::hearing::hearing(&mut command);
    command
}

/// Runs a command, and fails with its output if the exit code is not `code`, or if an error that is printed does not say what to do
/// next.
#[track_caller]
pub(crate) fn run(command: &mut Command, code: impl Into<i32>) -> Output {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code.into()),
        "{command:?}\nstdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8_lossy(&output.stderr);
    if let Some((_, error)) = messages.split_once("error: ") {
        let (advice, parser) = (error.matches("next: ").count(), error.contains("For more information, try"));
        assert!(advice == 1 || advice == 0 && parser, "{command:?}: one advice is expected: {messages}");
    }
    output
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns what a page says, with one blank in place of each gap or line break.
pub(crate) fn unwrapped(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Copies a folder recursively.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::write(&target, std::fs::read(&path).unwrap()).unwrap();
        }
    }
}

/// Returns the configuration of the fixtures' tiny model, without dropout.
pub(crate) fn tiny_config(meta: &serde_json::Value) -> serde_json::Value {
    let mut config = meta["config"].clone();
    let object = config.as_object_mut().unwrap();
    object.shift_remove("num_hidden_layers");
    object.shift_remove("hidden_act");
    for (key, value) in [("hidden_dropout_prob", 0.0), ("attention_probs_dropout_prob", 0.0)] {
        object.insert(key.to_owned(), serde_json::json!(value));
    }
    for key in ["l_layers", "x_layers", "r_layers", "visual_feat_dim", "visual_pos_dim", "obj_id_num", "attr_id_num"] {
        object.insert(key.to_owned(), meta[key].clone());
    }
    config
}
