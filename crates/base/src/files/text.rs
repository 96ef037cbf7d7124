//! Reads text files: strips a byte order mark, and names what a file is that is no text.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub use super::bom::strip_bom;
use super::kind::FileKind;
use super::open_regular;
use crate::error::{Error, Result};

/// Opens a regular file of UTF-8 text and skips its byte order mark.
///
/// # Errors
/// Data if its first bytes are known not to be UTF-8 text; see also [`open_regular`].
pub fn open_text(path: &Path) -> Result<BufReader<File>> {
    let mut file = BufReader::with_capacity(1 << 20, open_regular(path)?);
    let start = file.fill_buf().map_err(|e| Error::io("read", path, &e))?;
    refuse_foreign(path, start)?;
    let mark = start.len() - strip_bom(start).len();
    file.consume(mark);
    Ok(file)
}

/// Decodes the bytes of a text file, without a byte order mark.
///
/// # Errors
/// Data if it is not UTF-8 text; the error names what it is, or the line.
pub fn decode(path: &Path, mut bytes: Vec<u8>) -> Result<String> {
    refuse_foreign(path, &bytes)?;
    let mark = bytes.len() - strip_bom(&bytes).len();
    bytes.drain(..mark);
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::data(format!("{} is not UTF-8 text", path.display()))
            .because(format!("line {line}: {}", error.utf8_error()))
            .next("if it is text in an older encoding, convert it, such as with: iconv -f LATIN1 -t UTF-8 OLD > NEW")
    })
}

/// Refuses a file whose first bytes are known not to be those of UTF-8 text.
///
/// # Errors
/// Data; the error names what the file is and what to do.
pub fn refuse_foreign(path: &Path, start: &[u8]) -> Result<()> {
    match FileKind::of(start) {
        None => Ok(()),
        Some(kind) => {
            let name = path.display().to_string();
            let next = kind.advice().unwrap_or("name the text file itself").replace("FILE", &name);
            Err(Error::data(format!("{name} is {}", kind.what())).next(next))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::error::Kind;
    use crate::files::{read_text, write_bytes};

    #[test]
    fn one_byte_order_mark_is_stripped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        for (bytes, text) in [("\u{feff}a", "a"), ("a\u{feff}", "a\u{feff}"), ("", ""), ("\u{feff}", ""), ("é", "é")]
        {
            write_bytes(&path, bytes.as_bytes()).unwrap();
            let mut streamed = String::new();
            open_text(&path).unwrap().read_to_string(&mut streamed).unwrap();
            assert_eq!((read_text(&path, 99).unwrap().as_str(), streamed.as_str()), (text, text));
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_named_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let utf16: Vec<u8> = "[{\"a\": 1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
        let big: Vec<u8> = "\u{feff}[]".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, is, next) in [
            (b"\x1f\x8b\x08\0".to_vec(), "is a gzip archive", "gunzip -c"),
            (b"PK\x03\x04\x14".to_vec(), "is a zip archive", "unzip"),
            (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS pointer", "git lfs pull"),
            (marked, "is text in UTF-16", "iconv -f UTF-16 -t UTF-8"),
            (utf16, "is text in UTF-16", "iconv -f UTF-16LE"),
            (big, "is text in UTF-16", "iconv -f UTF-16 "),
            (b"\n <!DOCTYPE HTML><html>".to_vec(), "is a web page", "fetch the file itself"),
            ("\u{feff}<html>".into(), "is a web page", "login"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied".to_vec(), "is a web page", "error"),
            (b"\x80\x04\x95".to_vec(), "is a Python pickle", "text file"),
            (b"caf\xe9\n".to_vec(), "is not UTF-8 text", "iconv -f LATIN1"),
        ] {
            write_bytes(&path, &bytes).unwrap();
            let error = read_text(&path, 999).unwrap_err();
            assert_eq!(error.kind(), Kind::Data);
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains(is) && text.contains(next), "{text}");
            if is != "is not UTF-8 text" {
                assert_eq!(open_text(&path).unwrap_err().to_string(), text);
            }
        }
    }
}
