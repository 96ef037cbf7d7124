//! What a command takes from where it runs.

use base::error::{Error, Result};

/// The variable that names the workspace.
const WORKSPACE: &str = "REPRO_WORKSPACE";

/// The workspace that the environment names.
///
/// # Errors
/// Usage where it is empty or not UTF-8.
pub(crate) fn workspace_of_environment() -> Result<Option<String>> {
    let advice = format!("set {WORKSPACE} to a folder, or unset it: without it the workspace is ./workspace");
    match std::env::var(WORKSPACE) {
        Ok(empty) if empty.is_empty() => Err(Error::usage(format!("{WORKSPACE} is set but empty")).next(advice)),
        Ok(folder) => Ok(Some(folder)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(why) => Err(Error::usage(format!("{WORKSPACE} cannot be read")).because(why).next(advice)),
    }
}
