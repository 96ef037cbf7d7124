//! Names the kinds of files that are not checkpoints, with advice. Such files are not reported as damaged.

use base::error::Error;
use base::files::{FileKind, text};

const EXPECTED: &str =
    "a checkpoint is a .safetensors file, a .pth file written by torch.save, or a folder of save_pretrained";

/// Returns the error for content that does not start like a checkpoint: it names the kind of file.
pub(super) fn foreign_file_error(content: &[u8]) -> Error {
    let start = content.get(..content.len().min(512)).unwrap_or_default();
    if start.is_empty() {
        return Error::data("the file is empty").next("download or write it again");
    }
    let Some(kind) = FileKind::of(start) else { return text_error(start) };
    let (what, next) = match kind {
        FileKind::Hdf5 => (
            "HDF5, as Keras and TensorFlow write weights (tf_model.h5)",
            "use model.safetensors or pytorch_model.bin of the same model",
        ),
        FileKind::NumPy => (kind.what(), "save the tensors with torch.save or as safetensors"),
        FileKind::Pickle => ("a Python pickle that torch.save did not write", EXPECTED),
        FileKind::Utf16 | FileKind::Utf16Unmarked | FileKind::Utf32 => (kind.what(), EXPECTED),
        FileKind::Gzip | FileKind::Tar => {
            (kind.what(), "unpack it and pass a file from it (--bert reads BERT's own archive directly)")
        }
        _ => (kind.what(), kind.advice().unwrap_or(EXPECTED)),
    };
    Error::data(format!("the file is {what}, not a checkpoint")).next(next)
}

/// Returns the error for content of no known kind, which may be text.
fn text_error(start: &[u8]) -> Error {
    const NONE: &str = "the file's first bytes are not those of a checkpoint";
    let start = text::strip_bom(start).trim_ascii_start();
    // The end may be inside a character.
    let (Ok(text) | Err(text)) =
        std::str::from_utf8(start).map_err(|e| std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default());
    let unknown = Error::data(NONE).next(EXPECTED);
    if text.is_empty() || text.len() + 4 < start.len() || text.contains('\0') {
        return unknown;
    }
    let first = text.lines().next().unwrap_or_default();
    let is = |what: &str, next: &str| Error::data(format!("the file is {what}")).next(next);
    if text.starts_with(['{', '[']) {
        is("JSON, not a checkpoint", "if it is the config.json or index of a model, pass its folder instead")
    } else if first.matches('\t').count() >= 2 {
        is(
            "a table of features (TSV), not a checkpoint",
            "pass a checkpoint here; tables of features go to other options",
        )
    } else if first.len() > 3 && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) {
        Error::data(format!("{NONE}: it is text"))
            .because(format!("it begins with {:?}", first.chars().take(40).collect::<String>()))
            .next(EXPECTED)
    } else {
        unknown
    }
}

/// Returns the kind of file in which pickles name this module, and advice; `None` if it is unknown.
pub(super) fn pickle_writer(module: &str) -> Option<(&'static str, &'static str)> {
    const ONLY_STATE: &str = "load it with the program that wrote it and save only the model's state_dict()";
    let root = module.split('.').next().unwrap_or_default();
    Some(match root {
        "pytorch_lightning" | "lightning" | "lightning_fabric" => ("a checkpoint of PyTorch Lightning", ONLY_STATE),
        "mmf" | "omegaconf" => ("a checkpoint of mmf", ONLY_STATE),
        "__torch__" => ("a TorchScript program", "save the model's state_dict() with torch.save instead"),
        "transformers" if module.contains("train") => {
            ("the settings of Hugging Face's Trainer (training_args.bin)", "pass the folder with the model's weights")
        }
        "argparse" | "numpy" | "fairseq" | "apex" | "deepspeed" => {
            ("a training checkpoint that holds more than tensors", ONLY_STATE)
        }
        "torch" if module.starts_with("torch.nn") => ("a whole model, saved without state_dict()", ONLY_STATE),
        "__main__" | "transformers" | "lxrt" | "tasks" | "volta" => {
            ("a whole model, saved with its classes", ONLY_STATE)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_kind_of_file() {
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
            let error = foreign_file_error(content).to_string();
            assert!(error.contains(word) && error.contains("next: "), "{content:?}: {error}");
        }
    }
}
