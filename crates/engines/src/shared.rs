//! A real container engine for tests, and the small base image that `ci/docker-up` builds. Skipped visibly where there is
//! none, unless `REPRO_TEST_REQUIRE` names `docker`.

use sandbox::{Engine, Image};

use fixtures::required::required;

/// Debian with python3, built by `ci/docker-up` from Debian's packages.
pub const BASE: &str = "lxmert-repro-test/base:bookworm";

/// The engine that `DOCKER_HOST` names (or the default socket) and its base image.
pub fn engine(run: &str) -> Option<(Engine, Image)> {
    let found = Engine::connect(run).and_then(|engine| engine.image(BASE).map(|image| (engine, image)));
    match found {
        Ok(found) => Some(found),
        Err(failure) => {
            assert!(!required("docker"), "a container engine with {BASE} is required: {failure}");
            eprintln!("skipped: no container engine with {BASE} (ci/docker-up starts one): {failure}");
            None
        }
    }
}
