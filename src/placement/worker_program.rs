//! Finds the program `repro-worker`: the one that `REPRO_WORKER` names, else the one beside this program, else the one in the
//! target folder of the source.

use std::path::{Path, PathBuf};

use base::error::{Error, Result};

/// The environment variable that names a worker.
pub const VARIABLE: &str = "REPRO_WORKER";
/// Name of the program.
pub const NAME: &str = "repro-worker";
/// How to get a worker.
const ADVICE: &str = "build both programs with ci/repro in the source folder, install them with ci/install PREFIX, or compute in the \
                      training container with --engine docker";

/// Returns the path of the worker.
///
/// # Errors
/// Usage if the variable does not name a file; infra if no worker is found.
pub fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let path = PathBuf::from(&named);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Error::usage(format!("{VARIABLE} names {named:?}, which is not a file"))
                .next(format!("set it to the path of a {NAME}, or unset {VARIABLE}"))),
        };
    }
    let places = places();
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => {
            let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
            Err(Error::infra(format!("the program {NAME} is missing"))
                .because(format!("none of these files exists: {}", places.join(", ")))
                .next(ADVICE))
        }
    }
}

/// Lists where a worker may be: beside this program, then in the target folder of the source that it was built from.
fn places() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(NAME)));
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    beside.into_iter().chain(["release", "debug"].map(|profile| target.join(profile).join(NAME))).collect()
}
