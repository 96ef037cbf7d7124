//! Which worker belongs to this program: the one that a person names, else the one beside it, else the one that was built in the
//! folder of its source.

use std::path::{Path, PathBuf};

use base::error::{Error, Result};

/// The variable by which a person names one.
pub const VARIABLE: &str = "REPRO_WORKER";
/// Its name.
pub const NAME: &str = "repro-worker";
/// What makes one where there is none.
const ADVICE: &str = "in the folder of the source, ci/repro builds both programs and runs one, and ci/install PREFIX installs both; \
                      --engine docker computes in the training container instead";

/// Returns the worker's path.
///
/// # Errors
/// Usage where the variable names none; infra where none is found.
pub fn worker() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let path = PathBuf::from(&named);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Error::usage(format!("{VARIABLE} names {named:?}, which is no file"))
                .next(format!("name a {NAME}, or unset {VARIABLE}"))),
        };
    }
    let places = places();
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => {
            let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
            Err(Error::infra(format!("{NAME}, which computes for this program, is not here"))
                .because(format!("none of these is a file: {}", places.join(", ")))
                .next(ADVICE))
        }
    }
}

/// Beside this program, then in the target folder of the source that it was built from.
fn places() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(NAME)));
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
    beside.into_iter().chain(["release", "debug"].map(|profile| target.join(profile).join(NAME))).collect()
}
