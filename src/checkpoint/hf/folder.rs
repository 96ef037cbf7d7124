//! A folder of the port: finding, reading and writing its two files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::{DType, StateDict, write_safetensors};
use super::config::HfConfig;
use crate::error::{Error, Result};
use crate::files;

/// The weights, the first that is there is taken, as the port does.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
const CONFIG: &str = "config.json";
/// id2label of 9500 answers and label2id take 1 MB.
const LARGEST_CONFIG: u64 = 16 << 20;

/// The weights of a folder of the port; None where the folder lacks `config.json` or weights.
pub fn weights_in(folder: &Path) -> Option<PathBuf> {
    folder.join(CONFIG).is_file().then_some(())?;
    WEIGHTS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
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
    let named = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| WEIGHTS.contains(&name));
    let beside = files::folder_of(path).join(CONFIG);
    if named && beside.is_file() { read(&beside).map(Some) } else { Ok(None) }
}

/// The weights of a folder, or an error that says what is missing.
pub fn weights_of(folder: &Path) -> Result<PathBuf> {
    weights_in(folder).ok_or_else(|| {
        Error::data(format!("the folder {} holds no model", folder.display()))
            .because(format!("it needs {CONFIG} and {}", WEIGHTS.join(" or ")))
            .next("name a folder that Hugging Face's save_pretrained or `repro convert` wrote")
    })
}

/// Writes a folder of the port: weights, with `metadata` beside the port's own, then configuration. Other files in it stay as
/// they are.
///
/// # Errors
/// Where it cannot be written, or holds weights of the older kind, which would be another model's.
pub fn write(folder: &Path, state: &StateDict, config: &HfConfig, metadata: &BTreeMap<String, String>) -> Result<()> {
    if folder.join(WEIGHTS[1]).exists() {
        return Err(Error::usage(format!("{} holds a {} already", folder.display(), WEIGHTS[1]))
            .next("name another folder, or remove it"));
    }
    let mut config = config.clone();
    config.dtype = dtype(state).into();
    let text = config.text()?;
    // The port refuses safetensors that do not say this.
    let mut metadata = metadata.clone();
    metadata.insert("format".to_owned(), "pt".to_owned());
    write_safetensors(&folder.join(WEIGHTS[0]), state, &metadata)?;
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
