//! `.pth` files: what both of PyTorch's containers have in common.

use std::path::Path;

use bytes::Bytes;

use super::pickle_value::{Pickled, Value};
use super::read::open;
use super::zipped::Archive;
use super::{StateDict, legacy, pickle};
use crate::error::{Error, Result};

/// Reads a `.pth` file of either container through a machine that executes nothing. Views are made contiguous,
/// `nn.Parameter` counts as its tensor, device tags are ignored. What is no flat dict of tensors is refused.
pub fn read_pth(path: &Path) -> Result<StateDict> {
    open(path, from_bytes)
}

/// Whether the content starts as a zip archive does.
pub(super) fn looks_like_zip(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04") || content.starts_with(b"PK\x05\x06")
}

pub(super) fn from_bytes(content: &Bytes) -> Result<StateDict> {
    if looks_like_zip(content) {
        let mut archive = Archive::open(content)?;
        let program = archive.pickle()?;
        let pickled = pickle::run(&program)?;
        check_flat(&pickled)?;
        let storages =
            pickled.storages.iter().map(|(key, storage)| archive.storage(key, *storage)).collect::<Result<Vec<_>>>()?;
        collect(&pickled, &storages, content.len())
    } else if legacy::looks_like(content) {
        let (pickled, storages) = legacy::read(content)?;
        collect(&pickled, &storages, content.len())
    } else {
        Err(Error::data("the file does not start as a file of torch.save does"))
    }
}

fn collect(pickled: &Pickled<'_>, storages: &[Bytes], file_size: usize) -> Result<StateDict> {
    let mut copies_left = file_size.saturating_mul(4).saturating_add(4096);
    let mut tensors = StateDict::new();
    for (key, value) in pickled.dict(pickled.root).unwrap_or_default() {
        let (Some(name), Some(view)) = (pickled.text(*key), pickled.tensor(*value)) else {
            return Err(Error::bug("a dict was found flat and is not"));
        };
        let (Some((_, declared)), Some(bytes)) = (pickled.storages.get_index(view.storage), storages.get(view.storage))
        else {
            return Err(Error::bug(format!("the storage of {name:?} was not kept")));
        };
        let tensor = view
            .tensor(declared.dtype, bytes, &mut copies_left)
            .map_err(|e| e.while_doing(format!("the tensor {:?} is wrong", shortened(name))))?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// Says what is there, where it is no flat dict from names to tensors: the entries that are none, and whose file it is.
pub(super) fn check_flat(pickled: &Pickled<'_>) -> Result<()> {
    const SHOWN: usize = 12;
    let Some(entries) = pickled.dict(pickled.root) else {
        return Err(Error::data(format!("it is not a state dict: it holds a {}", pickled.kind(pickled.root))));
    };
    let is_tensor = |(key, value): &(Value, Value)| pickled.text(*key).is_some() && pickled.tensor(*value).is_some();
    let odd: Vec<&(Value, Value)> = entries.iter().filter(|entry| !is_tensor(entry)).collect();
    if odd.is_empty() {
        return Ok(());
    }
    let name =
        |key: Value| pickled.text(key).map_or_else(|| pickled.kind(key), |text| format!("{:?}", shortened(text)));
    let mut found: Vec<String> =
        odd.iter().take(SHOWN).map(|(key, value)| format!("{} ({})", name(*key), pickled.kind(*value))).collect();
    if odd.len() > SHOWN {
        found.push(format!("and {} more", odd.len() - SHOWN));
    }
    let found = found.join(", ");
    let mut error = Error::data(match entries.len() - odd.len() {
        0 => format!("it is not a flat state dict: it holds {found}"),
        tensors => format!("it is not a flat state dict: beside {tensors} tensors it holds {found}"),
    });
    let has = |wanted: &&(&str, &str)| entries.iter().any(|(key, _)| pickled.text(*key) == Some(wanted.0));
    if let Some((_, writer)) = WRITERS.iter().find(has) {
        error = error.because(format!("it looks like a checkpoint of {writer}"));
    }
    let inner = entries.iter().find(|(_, value)| {
        pickled.dict(*value).is_some_and(|d| !d.is_empty() && d.iter().all(|(_, v)| pickled.tensor(*v).is_some()))
    });
    Err(match (inner, &odd[..]) {
        (Some((key, _)), _) => {
            let key = name(*key);
            error.next(format!(
                "its entry {key} looks like one: save that alone, torch.save(torch.load(OLD)[{key}], NEW)"
            ))
        }
        (None, [(key, _)]) if entries.len() > 1 => {
            let key = name(*key);
            error.next(format!("save it without {key}: d = torch.load(OLD); d.pop({key}); torch.save(d, NEW)"))
        }
        _ => error.next("save the model's state_dict() alone"),
    })
}

/// Entries by which training checkpoints of other programs are known, the surest first.
const WRITERS: [(&str, &str); 7] = [
    ("pytorch-lightning_version", "PyTorch Lightning"),
    ("best_update", "mmf"),
    ("best_metric_value", "mmf"),
    ("optimizer", "a training program"),
    ("optimizer_state_dict", "a training program"),
    ("optimizer_states", "a training program"),
    ("epoch", "a training program"),
];

/// A name from a file, short enough for a message.
fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}
