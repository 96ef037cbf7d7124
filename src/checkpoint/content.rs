//! What a file is that is no checkpoint, and what to do with it. Asked before anything is called damaged.

use crate::error::Error;

const EXPECTED: &str =
    "a checkpoint is a .safetensors file, a .pth file written by torch.save, or a folder of save_pretrained";

/// Says what the content is; for content that starts as no checkpoint does.
pub(super) fn stranger(content: &[u8]) -> Error {
    let start = content.get(..content.len().min(512)).unwrap_or_default();
    let is = |what: &str, next: &str| Error::data(format!("the file is {what}")).next(next);
    if content.is_empty() {
        return Error::data("the file is empty").next("fetch or write it again");
    }
    let packed = "unpack it and name what is in it (--bert reads BERT's own archive as it is)";
    let starts: [(&[u8], &str, &str); 8] = [
        (b"\x1f\x8b", "packed with gzip", packed),
        (b"BZh", "packed with bzip2", packed),
        (b"\xfd7zXZ\0", "packed with xz", packed),
        (
            b"\x89HDF\r\n\x1a\n",
            "HDF5, as Keras and TensorFlow write weights (tf_model.h5)",
            "take model.safetensors or pytorch_model.bin of the same model",
        ),
        (b"\x93NUMPY", "an array of NumPy", "save the tensors with torch.save or as safetensors"),
        (b"\x89PNG", "a picture", EXPECTED),
        (b"\xff\xd8\xff", "a picture", EXPECTED),
        (b"\xff\xfe", "text in UTF-16", EXPECTED),
    ];
    if let Some((_, what, next)) = starts.into_iter().find(|(bytes, ..)| content.starts_with(bytes)) {
        return is(what, next);
    }
    if content.get(257..262) == Some(b"ustar") {
        return is("a tar archive", packed);
    }
    if content.first() == Some(&0x80) {
        return is("a Python pickle, but not one written by torch.save", EXPECTED);
    }
    text(start).unwrap_or_else(|| Error::data("the file's first bytes are not those of a checkpoint").next(EXPECTED))
}

/// Says what a text is.
fn text(start: &[u8]) -> Option<Error> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    // The end may be within a letter.
    let (Ok(text) | Err(text)) =
        std::str::from_utf8(start).map_err(|e| std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default());
    if text.is_empty() || text.len() + 4 < start.len() || text.contains('\0') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let first = text.lines().next().unwrap_or_default();
    let is = |what: &str, next: &str| Some(Error::data(format!("the file is {what}")).next(next));
    if lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<?xml") {
        is("a web page, not a checkpoint", "the download was refused: fetch it again")
    } else if lower.starts_with("version https://git-lfs") {
        is("a Git LFS pointer, not the checkpoint itself", "run git lfs pull")
    } else if lower.starts_with(['{', '[']) {
        is("JSON, not a checkpoint", "where it is the config.json or index of a model, name the folder that it lies in")
    } else if first.matches('\t').count() >= 2 {
        is("a table of features (TSV), not a checkpoint", "name it where features are asked for, and a checkpoint here")
    } else if first.len() > 3 && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) {
        Some(
            Error::data("the file's first bytes are not those of a checkpoint: it is text")
                .because(format!("it begins with {:?}", first.chars().take(40).collect::<String>()))
                .next(EXPECTED),
        )
    } else {
        None
    }
}

/// Who writes pickles that ask for names of this module, and what is to be done.
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
