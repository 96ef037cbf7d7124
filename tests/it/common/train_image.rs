//! The training image for tests. Tests are skipped visibly if no engine has it, unless `REPRO_TEST_REQUIRE` names `train-image`.

use std::process::Command;

use fixtures::required::required;
use sandbox::Engine;

/// Returns the image to test: `REPRO_TEST_TRAIN_IMAGE`, else the one that `repro images build train` makes; `None` if it is missing.
pub(crate) fn image() -> Option<String> {
    let name = std::env::var("REPRO_TEST_TRAIN_IMAGE").unwrap_or_else(|_| "lxmert-repro/train:latest".to_owned());
    match Engine::connect("test-train").and_then(|engine| engine.image(&name)) {
        Ok(_) => Some(name),
        Err(failure) => {
            assert!(!required("train-image"), "the training image {name} is required: {failure}");
            eprintln!("skipped: no engine with the training image {name} (repro images build train): {failure}");
            None
        }
    }
}

/// Passes `DOCKER_HOST` on to a command.
pub(crate) fn with_engine(command: &mut Command) -> &mut Command {
    command.envs(std::env::var("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)))
}
