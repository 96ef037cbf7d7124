//! Finds the weights in a folder in the layout of Hugging Face.

use std::path::{Path, PathBuf};

use super::shards;
use base::error::{Error, Result};
use base::files;

/// Names of weights files; the first that exists is used, as in Hugging Face's port. An index stands for its shards.
pub const WEIGHTS: [&str; 4] =
    [WHOLE, "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];
/// The name of the file that this program writes.
pub const WHOLE: &str = "model.safetensors";
/// The configuration beside the weights.
pub const CONFIG: &str = "config.json";

/// Returns the weights of a folder of Hugging Face: a file or the index of its shards; `None` if the folder lacks `config.json`
/// or weights, or has only several variants.
pub fn weights_in(folder: &Path) -> Option<PathBuf> {
    folder.join(CONFIG).is_file().then_some(())?;
    weights_beside(folder).or_else(|| match &variants(folder)[..] {
        [one] => Some(one.clone()),
        _ => None,
    })
}

/// Returns weights like [`weights_in`], but does not require `config.json` and ignores variants.
pub fn weights_beside(folder: &Path) -> Option<PathBuf> {
    WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Lists weights with the name of a variant, such as `model.fp16.safetensors`, or indexes of their shards.
fn variants(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_variant(path) && path.is_file()).collect();
    found.sort();
    found
}

/// Returns whether a file has the name of a folder's weights with a variant in it, such as `model.fp16.safetensors`.
pub fn is_variant(path: &Path) -> bool {
    const AROUND: [(&str, &str); 4] = [
        ("model.", ".safetensors"),
        ("model.safetensors.index.", ".json"),
        ("pytorch_model.", ".bin"),
        ("pytorch_model.bin.index.", ".json"),
    ];
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    AROUND.iter().any(|(before, after)| {
        let variant = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        // A shard of a variant has the variant and its number in its name.
        variant.is_some_and(|v| !v.is_empty() && !v.contains('.') && !v.contains("-of-"))
    })
}

/// Returns whether a file has the name of a folder's weights, or of their index.
pub fn is_weights(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| WEIGHTS.contains(&name)) || is_variant(path)
}

/// Returns the weights of a folder, like [`weights_in`].
pub fn require_weights(folder: &Path) -> Result<PathBuf> {
    if let Some(found) = weights_in(folder) {
        return Ok(found);
    }
    let variants = variants(folder);
    if folder.join(CONFIG).is_file() && !variants.is_empty() {
        let names: Vec<_> =
            variants.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
        return Err(Error::data(format!("the folder {} holds several variants of a model", folder.display()))
            .because(format!("they are {}", names.join(", ")))
            .next("pass the path of one of these files"));
    }
    Err(Error::data(format!("the folder {} holds no model", folder.display()))
        .because(format!("it needs {CONFIG} and {WHOLE} or {} (or shards with their index)", WEIGHTS[2]))
        .next("pass a folder that Hugging Face's save_pretrained or `repro convert` wrote"))
}

/// Computes the SHA-256 of a checkpoint: that of its file, or that of the names and checksums of an index and its shards.
///
/// # Errors
/// If a file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let weights = if path.is_dir() { require_weights(path)? } else { path.to_owned() };
    if !shards::is_index(&weights) {
        return files::sha256(&weights);
    }
    let mut sums = String::new();
    for file in std::iter::once(weights.clone()).chain(shards::shard_files(&weights)?) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        sums += &format!("{}  {name}\n", files::sha256(&file)?);
    }
    Ok(files::sha256_bytes(sums.as_bytes()))
}
