//! Writes the answers of a run as a golden file, with which later runs of the same weights are compared.

use std::path::{Path, PathBuf};

use super::regrade::verified_items;
use crate::evidence::items;
use crate::evidence::run::TaskEvidence;
use crate::verdict::eval_gate::{EDITION, FrozenAnswers, KIND, SCHEMA};
use base::error::{Error, Result};
use base::files;

/// Writes a golden file and its items beside it; returns their paths.
///
/// # Errors
/// Usage if the run kept no answers or the name does not end in `.toml`; if a file cannot be written.
pub fn record(found: &TaskEvidence, run: &str, path: &Path, allowed_flips: u64, reason: &str) -> Result<[PathBuf; 2]> {
    let result = &found.record;
    let stem = path.file_stem().filter(|_| path.extension().is_some_and(|of| of == "toml"));
    let stem = stem.and_then(|stem| stem.to_str()).ok_or_else(|| {
        Error::usage(format!("{} is no name of a golden file", path.display()))
            .next("give it a name that ends in .toml")
    })?;
    let Some(answers) = verified_items(found)? else {
        return Err(Error::usage(format!("{run} kept its accuracy and no answers"))
            .next("evaluate its weights: repro evaluate TASK --load … --split … --output DIR"));
    };
    if path.exists() {
        // Runs or limits under that name are somebody's work; only earlier answers are recorded again.
        FrozenAnswers::load(path).map_err(|e| {
            Error::usage(format!("{} is there and holds no frozen answers", path.display()))
                .because(e)
                .next("record under another name")
        })?;
    }
    let text = items::to_lines(&answers)?;
    let sha256 = files::sha256_bytes(&text);
    // Another name for other answers: the golden file that is there stays whole until it is replaced in one step.
    let name = format!("{stem}.{:.12}.{}", sha256, items::FILE);
    let beside = path.with_file_name(&name);
    let weights: Vec<String> =
        result.models.iter().map(|model| format!("{} (sha256 {:.12})", model.file, model.sha256)).collect();
    let frozen = FrozenAnswers {
        schema: SCHEMA,
        edition: EDITION,
        kind: KIND.to_owned(),
        task: result.task.to_string(),
        splits: result.splits.clone(),
        n: result.n,
        items: name,
        sha256,
        allowed_flips,
        reason: reason.to_owned(),
        model: if weights.is_empty() { run.to_owned() } else { format!("{run}, {}", weights.join(" and ")) },
    };
    let golden = toml::to_string(&frozen).map_err(|e| Error::bug("a golden file cannot be written").because(e))?;
    // What cannot be read again is not written.
    FrozenAnswers::parse(&golden)?;
    files::write_bytes(&beside, &text)?;
    files::write_bytes(path, golden.as_bytes())?;
    Ok([path.to_owned(), beside])
}
