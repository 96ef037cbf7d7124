//! Tells a `.caffemodel` file from others by its first bytes.

use super::wire::{Fields, Payload};
use base::error::{Error, Result};
use base::files::{FileKind, text};

/// Number of bytes that are looked at.
pub(super) const START: u64 = 512;
/// The tags of `layer` and `layers` (the older type), as every writer of protobuf has them.
const LAYER_TAGS: [&[u8]; 2] = [b"\xa2\x06", b"\x12"];
const EXPECTED: &str = "pass the binary .caffemodel file that Caffe wrote when the net was trained";

/// Returns whether the content starts like a net of Caffe: with its name, its inputs and switches, if any, and then a layer.
pub(crate) fn looks_like(content: &[u8]) -> bool {
    let start = &content[..content.len().min(START as usize)];
    let mut fields = Fields::new(start, &(0..start.len()), "the file");
    let mut names = 0;
    loop {
        // The layer itself may reach beyond the start.
        if LAYER_TAGS.iter().any(|tag| start[fields.at()..].starts_with(tag)) {
            return true;
        }
        match fields.next().map(|field| field.map(|field| (field.number, field.payload))) {
            Some(Ok((1, Payload::Bytes(_)))) if names == 0 => names += 1,
            Some(Ok((3 | 4 | 6 | 8, Payload::Bytes(_)) | (4 | 5 | 7, Payload::Varint(_)))) => {}
            _ => return false,
        }
    }
}

/// Checks that the content is no file of another kind that people have in place of a `.caffemodel`.
///
/// # Errors
/// Data, with the name of that kind.
pub(super) fn check_start(content: &[u8]) -> Result<()> {
    let start = &content[..content.len().min(START as usize)];
    if start.is_empty() {
        return Err(Error::data("the file is empty").next("download it again"));
    }
    if looks_like(start) {
        return Ok(());
    }
    let is = |what: &str, next: &str| Err(Error::data(format!("the file is {what}, not a .caffemodel")).next(next));
    match FileKind::of(start) {
        Some(FileKind::Hdf5) => is(
            "HDF5, as Caffe writes with snapshot_format: HDF5 (.caffemodel.h5)",
            "pass the binary .caffemodel of the same net",
        ),
        Some(kind) => is(kind.what(), kind.advice().unwrap_or(EXPECTED)),
        None => match text_of(start) {
            Some(text) if is_prototxt(text) => {
                is("a description of a net (.prototxt), which holds no weights", "pass the .caffemodel of the same net")
            }
            Some(text) => Err(Error::data("the file is text, not a .caffemodel")
                .because(format!("it begins with {:?}", text.trim_start().chars().take(40).collect::<String>()))
                .next(EXPECTED)),
            None => Ok(()),
        },
    }
}

/// Returns the start of a file as text; `None` if it is not text. The end may be inside a character.
fn text_of(start: &[u8]) -> Option<&str> {
    let start = text::strip_bom(start);
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_text = !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    is_text.then_some(text)
}

/// Returns whether a line begins like one of the text form of a net.
fn is_prototxt(text: &str) -> bool {
    let begins = |line: &str| {
        let name = line.split([':', '{']).next().unwrap_or_default();
        name.len() < line.len()
            && ["name", "layer", "layers", "input", "input_dim", "input_shape"].contains(&name.trim_end())
    };
    text.lines().map(str::trim_start).any(begins)
}
