//! Recognises files that are not checkpoints, and says what to do. This is checked before a file is called damaged.

use base::error::Error;
use base::files::{FileKind, text};

const EXPECTED: &str =
    "a checkpoint is a .safetensors file, a .pth file written by torch.save, or a folder of save_pretrained";

/// Says what the content is; for content that starts as no checkpoint does.
pub(super) fn stranger(content: &[u8]) -> Error {
    let start = content.get(..content.len().min(512)).unwrap_or_default();
    if start.is_empty() {
        return Error::data("the file is empty").next("fetch or write it again");
    }
    let Some(kind) = FileKind::of(start) else { return of_text(start) };
    let (what, next) = match kind {
        FileKind::Hdf5 => (
            "HDF5, as Keras and TensorFlow write weights (tf_model.h5)",
            "take model.safetensors or pytorch_model.bin of the same model",
        ),
        FileKind::NumPy => (kind.what(), "save the tensors with torch.save or as safetensors"),
        FileKind::Pickle => ("a Python pickle that torch.save did not write", EXPECTED),
        FileKind::Utf16 | FileKind::Utf16Unmarked | FileKind::Utf32 => (kind.what(), EXPECTED),
        FileKind::Gzip | FileKind::Tar => {
            (kind.what(), "unpack it and name what is in it (--bert reads BERT's own archive as it is)")
        }
        _ => (kind.what(), kind.advice().unwrap_or(EXPECTED)),
    };
    Error::data(format!("the file is {what}, not a checkpoint")).next(next)
}

/// Says what a text is.
fn of_text(start: &[u8]) -> Error {
    const NONE: &str = "the file's first bytes are not those of a checkpoint";
    let start = text::strip_bom(start).trim_ascii_start();
    // The end may be within a letter.
    let (Ok(text) | Err(text)) =
        std::str::from_utf8(start).map_err(|e| std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default());
    let unknown = Error::data(NONE).next(EXPECTED);
    if text.is_empty() || text.len() + 4 < start.len() || text.contains('\0') {
        return unknown;
    }
    let first = text.lines().next().unwrap_or_default();
    let is = |what: &str, next: &str| Error::data(format!("the file is {what}")).next(next);
    if text.starts_with(['{', '[']) {
        is("JSON, not a checkpoint", "where it is the config.json or index of a model, name the folder that it lies in")
    } else if first.matches('\t').count() >= 2 {
        is("a table of features (TSV), not a checkpoint", "name it where features are asked for, and a checkpoint here")
    } else if first.len() > 3 && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) {
        Error::data(format!("{NONE}: it is text"))
            .because(format!("it begins with {:?}", first.chars().take(40).collect::<String>()))
            .next(EXPECTED)
    } else {
        unknown
    }
}

/// Returns which programs write pickles with names of this module, and what to do.
pub(super) fn writer_of(module: &str) -> Option<(&'static str, &'static str)> {
    const ALONE: &str = "load it with the program that wrote it and save the model's state_dict() alone";
    let root = module.split('.').next().unwrap_or_default();
    Some(match root {
        "pytorch_lightning" | "lightning" | "lightning_fabric" => ("a checkpoint of PyTorch Lightning", ALONE),
        "mmf" | "omegaconf" => ("a checkpoint of mmf", ALONE),
        "__torch__" => ("a TorchScript program", "save the model's state_dict() with torch.save instead"),
        "transformers" if module.contains("train") => {
            ("the settings of Hugging Face's Trainer (training_args.bin)", "name the folder with the model's weights")
        }
        "argparse" | "numpy" | "fairseq" | "apex" | "deepspeed" => {
            ("a training checkpoint that holds more than tensors", ALONE)
        }
        "torch" if module.starts_with("torch.nn") => ("a whole model, saved without state_dict()", ALONE),
        "__main__" | "transformers" | "lxrt" | "tasks" | "volta" => ("a whole model, saved with its classes", ALONE),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_stranger_is() {
        for (content, word) in [
            (&b""[..], "empty"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"\xef\xbb\xbf<html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
            (b"{\"model_type\": \"lxmert\"}", "config.json"),
            (b"COCO_1\t640\t480\t36\tAAAA", "features"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"\x89HDF\r\n\x1a\nabc", "HDF5"),
            (b"\x93NUMPY\x01\0", "NumPy"),
            (b"\x80\x03}q\x00.", "pickle"),
            (b"hello", "first bytes"),
            (b"\x01\x02\x03\x04", "first bytes"),
        ] {
            let error = stranger(content).to_string();
            assert!(error.contains(word) && error.contains("next: "), "{content:?}: {error}");
        }
    }
}
