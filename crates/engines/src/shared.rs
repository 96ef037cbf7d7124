//! The container engine that tests share, and the small base image that `ci/docker-up` builds. Without an engine, tests are
//! visibly skipped, or fail if `REPRO_TEST_REQUIRE` names `docker`.

use sandbox::{Engine, Image};

use fixtures::required::required;

/// Image of Debian with python3, which `ci/docker-up` builds from Debian's packages.
pub const BASE: &str = "lxmert-repro-test/base:bookworm";

/// Connects to the engine that `DOCKER_HOST` names (by default, at the standard socket) and finds the base image.
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
