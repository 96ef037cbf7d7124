//! A folder of the port: its configuration, and writing both of its files.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::HfConfig;
use base::error::{Error, Result};
use base::files;
use checkpoint::folder::{CONFIG, WEIGHTS, WHOLE, is_weights};
use checkpoint::{DType, StateDict, write_safetensors};

/// id2label of 9500 answers and label2id take 1 MB.
const LARGEST_CONFIG: u64 = 16 << 20;

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
