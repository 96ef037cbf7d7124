//! Reads PyTorch's container before version 1.6, which the released LXMERT weights have: four pickles, the keys of the
//! storages, then each storage as an element count and raw bytes.

use bytes::Bytes;

use super::error::damage_error;
use super::flat_dict::check_flat_dict;
use super::pickle;
use super::pickle_value::{PickleOutput, PickleValue};
use base::error::{Error, Result};

/// The pickle of the number that starts every file, without its protocol: LONG1, ten bytes, STOP.
const MAGIC: [u8; 13] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];
const PROTOCOL: i64 = 1001;

/// Returns whether the content starts like this format.
pub(super) fn looks_like(content: &[u8]) -> bool {
    content.first() == Some(&0x80) && content.get(2..15) == Some(&MAGIC)
}

/// Returns the main pickle, which is a flat dict of tensors, and the bytes of each of its storages in order.
pub(super) fn read(content: &Bytes) -> Result<(PickleOutput<'_>, Vec<Bytes>)> {
    let mut at = 15;
    let protocol = next(content, &mut at, "the format version")?;
    if protocol.root != PickleValue::Int(PROTOCOL) {
        return Err(damage_error("the format version is not 1001"));
    }
    let system = next(content, &mut at, "the description of the machine that wrote it")?;
    let big_endian = system
        .dict(system.root)
        .unwrap_or_default()
        .iter()
        .any(|(key, value)| system.text(*key) == Some("little_endian") && *value == PickleValue::Bool(false));
    if big_endian {
        return Err(Error::data("it was written on a big-endian machine, which is not supported"));
    }
    let tensors = next(content, &mut at, "the dict of tensors")?;
    check_flat_dict(&tensors)?;
    let keys = next(content, &mut at, "the list of storages")?;
    let storages = storages(content, at, &keys, &tensors)?;
    Ok((tensors, storages))
}

/// Runs the pickle at `at` and advances `at` to its end.
fn next<'a>(content: &'a [u8], at: &mut usize, what: &str) -> Result<PickleOutput<'a>> {
    let rest = content.get(*at..).unwrap_or_default();
    let output = pickle::run(rest).map_err(|e| e.while_doing(format!("cannot read {what}")))?;
    *at += output.length;
    Ok(output)
}

fn storages(content: &Bytes, start: usize, keys: &PickleOutput<'_>, tensors: &PickleOutput<'_>) -> Result<Vec<Bytes>> {
    let listed = keys.list(keys.root).ok_or_else(|| damage_error("the list of storages is not a list"))?;
    let mut found: Vec<Option<Bytes>> = vec![None; tensors.storages.len()];
    let mut at = start;
    for key in listed {
        let key =
            keys.text(*key).ok_or_else(|| damage_error("the list of storages holds an entry that is not a key"))?;
        let Some((index, _, declared)) = tensors.storages.get_full(key) else {
            return Err(damage_error(format!("storage {key:?} is listed, but no tensor uses it")));
        };
        let cut = || damage_error(format!("the file ends inside storage {key:?}: it is cut short"));
        let count = content.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(cut)?;
        let count = i64::from_le_bytes(*count);
        if usize::try_from(count) != Ok(declared.count) {
            return Err(damage_error(format!(
                "storage {key:?} should have {} elements, but its header says {count}",
                declared.count
            )));
        }
        let bytes = declared.count.checked_mul(declared.dtype.size());
        let end = bytes.and_then(|bytes| (at + 8).checked_add(bytes)).filter(|end| *end <= content.len());
        let end = end.ok_or_else(cut)?;
        if found[index].replace(content.slice(at + 8..end)).is_some() {
            return Err(damage_error(format!("storage {key:?} is listed twice")));
        }
        at = end;
    }
    if at != content.len() {
        return Err(damage_error(format!("{} bytes follow the last storage", content.len() - at)));
    }
    let missing = found.iter().position(Option::is_none).and_then(|index| tensors.storages.get_index(index));
    match missing {
        Some((key, _)) => Err(damage_error(format!("storage {key:?} is used by a tensor, but not in the file"))),
        None => Ok(found.into_iter().flatten().collect()),
    }
}
