//! A folder of the port: finding, reading and writing its two files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::{DType, StateDict, write_safetensors};
use super::config::HfConfig;
use super::shards;
use crate::error::{Error, Result};
use crate::files;

/// The weights; the first that is there is taken, as the port does. An index stands for its shards.
const WEIGHTS: [&str; 4] = [WHOLE, "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];
/// What is written here.
const WHOLE: &str = "model.safetensors";
const CONFIG: &str = "config.json";
/// id2label of 9500 answers and label2id take 1 MB.
const LARGEST_CONFIG: u64 = 16 << 20;

/// The weights of a folder of the port: a file or the index of its shards; `None` where the folder lacks `config.json` or
/// weights, or has several variants and none without.
pub fn weights_in(folder: &Path) -> Option<PathBuf> {
    folder.join(CONFIG).is_file().then_some(())?;
    weights_beside(folder).or_else(|| match &variants(folder)[..] {
        [one] => Some(one.clone()),
        _ => None,
    })
}

/// [`weights_in`] where there need not be a `config.json`, and no variant is taken.
pub fn weights_beside(folder: &Path) -> Option<PathBuf> {
    WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Weights that are named after a variant, such as `model.fp16.safetensors`; where such are in shards, their index.
fn variants(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_variant(path) && path.is_file()).collect();
    found.sort();
    found
}

/// Whether a file is named as the weights of a folder with a variant between two of its dots.
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
        // Shards of a variant have its name and their number.
        variant.is_some_and(|v| !v.is_empty() && !v.contains('.') && !v.contains("-of-"))
    })
}

/// Whether a file in a folder of the port is its weights, or the index of them.
fn is_weights(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| WEIGHTS.contains(&name)) || is_variant(path)
}

/// The configuration that belongs to `path`, a folder of the port or the weights in one; None for anything else.
///
/// # Errors
/// Where a folder's configuration is not the port's LXMERT.
pub fn config_of(path: &Path) -> Result<Option<HfConfig>> {
    let read = |file: &Path| {
        let text = files::read_text(file, LARGEST_CONFIG)?;
        HfConfig::parse(&text).map_err(|e| e.while_doing(format!("cannot use {}", file.display())))
    };
    if path.is_dir() {
        return read(&path.join(CONFIG)).map(Some);
    }
    let beside = files::folder_of(path).join(CONFIG);
    if is_weights(path) && beside.is_file() { read(&beside).map(Some) } else { Ok(None) }
}

/// The weights of a folder, or an error that says what is missing.
pub fn weights_of(folder: &Path) -> Result<PathBuf> {
    if let Some(found) = weights_in(folder) {
        return Ok(found);
    }
    let variants = variants(folder);
    if folder.join(CONFIG).is_file() && !variants.is_empty() {
        let names: Vec<_> =
            variants.iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy()).collect();
        return Err(Error::data(format!("the folder {} holds several variants of a model", folder.display()))
            .because(format!("they are {}", names.join(", ")))
            .next("name the one you mean, with the folder before it"));
    }
    Err(Error::data(format!("the folder {} holds no model", folder.display()))
        .because(format!("it needs {CONFIG} and {WHOLE} or {} (in shards: with its index)", WEIGHTS[2]))
        .next("name a folder that Hugging Face's save_pretrained or `repro convert` wrote"))
}

/// SHA-256 of a checkpoint: of its file, or of the names and sums of an index and its shards.
///
/// # Errors
/// Where a file cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let weights = if path.is_dir() { weights_of(path)? } else { path.to_owned() };
    if !shards::is_index(&weights) {
        return files::sha256(&weights);
    }
    let mut sums = String::new();
    for file in std::iter::once(weights.clone()).chain(shards::files_of(&weights)?) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        sums += &format!("{}  {name}\n", files::sha256(&file)?);
    }
    Ok(files::sha256_bytes(sums.as_bytes()))
}

/// Writes a folder of the port: weights, with `metadata` beside the port's own, then configuration. Other files in it stay as
/// they are.
///
/// # Errors
/// Where it cannot be written, or holds weights under another name, which would be another model's.
pub fn write(folder: &Path, state: &StateDict, config: &HfConfig, metadata: &BTreeMap<String, String>) -> Result<()> {
    if let Some(there) = WEIGHTS[1..].iter().find(|name| folder.join(name).exists()) {
        return Err(Error::usage(format!("{} holds a {there} already", folder.display()))
            .next("name another folder, or remove it"));
    }
    let mut config = config.clone();
    config.dtype = dtype(state).into();
    let text = config.text()?;
    // The port refuses safetensors that do not say this.
    let mut metadata = metadata.clone();
    metadata.insert("format".to_owned(), "pt".to_owned());
    write_safetensors(&folder.join(WHOLE), state, &metadata)?;
    files::write_bytes(&folder.join(CONFIG), text.as_bytes())
}

/// What the port loads the weights as: their own type where all have one.
fn dtype(state: &StateDict) -> &'static str {
    let all = |dtype| state.values().all(|tensor| tensor.dtype == dtype);
    match () {
        () if all(DType::F16) => "float16",
        () if all(DType::BF16) => "bfloat16",
        () if all(DType::F64) => "float64",
        () => "float32",
    }
}
