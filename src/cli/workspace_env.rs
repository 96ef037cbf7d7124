//! Reads the workspace from the environment, for commands without an option for it.

use base::error::{Error, Result};

const WORKSPACE: &str = "REPRO_WORKSPACE";

/// Returns the workspace that the environment names; `None` if the variable is not set.
///
/// # Errors
/// Usage if the variable is empty or not UTF-8.
pub(crate) fn workspace_from_env() -> Result<Option<String>> {
    let advice = format!("set {WORKSPACE} to a folder, or unset it: without it the workspace is ./workspace");
    match std::env::var(WORKSPACE) {
        Ok(empty) if empty.is_empty() => Err(Error::usage(format!("{WORKSPACE} is set but empty")).next(advice)),
        Ok(folder) => Ok(Some(folder)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(why) => Err(Error::usage(format!("{WORKSPACE} cannot be read")).because(why).next(advice)),
    }
}
