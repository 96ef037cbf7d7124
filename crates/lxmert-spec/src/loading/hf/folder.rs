//! A model folder of Hugging Face's port: finds its configuration, and writes both of its files.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::HfConfig;
use base::error::{Error, Result};
use base::files;
use checkpoint::folder::{CONFIG, WEIGHTS, WHOLE, is_weights};
use checkpoint::{DType, StateDict, write_safetensors};

/// Limit of `config.json`; with the texts of 9500 answers it has 1 MB.
const LARGEST_CONFIG: u64 = 16 << 20;

/// Reads the configuration of the port's model at `path`, a folder or the weights file in one; `None` for any other file.
///
/// # Errors
/// Data if the configuration is not of the port's LXMERT; I/O if it cannot be read.
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

/// Writes a model folder: the weights, with `metadata` added to what the port needs, then the configuration. Other files in the
/// folder stay.
///
/// # Errors
/// Usage if the folder holds weights under another name, which would be another model's; I/O if it cannot be written.
pub fn write(folder: &Path, state: &StateDict, config: &HfConfig, metadata: &BTreeMap<String, String>) -> Result<()> {
    if let Some(there) = WEIGHTS[1..].iter().find(|name| folder.join(name).exists()) {
        return Err(Error::usage(format!("{} already holds {there}", folder.display()))
            .next(format!("name another folder, or remove {there}")));
    }
    let mut config = config.clone();
    config.dtype = dtype(state).into();
    let text = config.text()?;
    // The port refuses safetensors files without this.
    let mut metadata = metadata.clone();
    metadata.insert("format".to_owned(), "pt".to_owned());
    write_safetensors(&folder.join(WHOLE), state, &metadata)?;
    files::write_bytes(&folder.join(CONFIG), text.as_bytes())
}

/// Returns the element type as which the port loads the weights: that of the tensors if all have the same, else float32.
fn dtype(state: &StateDict) -> &'static str {
    let all = |dtype| state.values().all(|tensor| tensor.dtype == dtype);
    match () {
        () if all(DType::F16) => "float16",
        () if all(DType::BF16) => "bfloat16",
        () if all(DType::F64) => "float64",
        () => "float32",
    }
}
