//! Text files: a byte order mark is taken off, and what is no text is named by what it is.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::open_regular;
use crate::error::{Error, Result};

/// What some editors put before UTF-8 text.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Text without the byte order mark before it.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Opens a regular file of UTF-8 text behind its byte order mark.
///
/// # Errors
/// Data where its first bytes are not those of such text; as [`open_regular`].
pub(crate) fn open_text(path: &Path) -> Result<BufReader<File>> {
    let mut file = BufReader::with_capacity(1 << 20, open_regular(path)?);
    let start = file.fill_buf().map_err(|e| Error::io("read", path, &e))?;
    refuse_foreign(path, start)?;
    let mark = start.len() - without_mark(start).len();
    file.consume(mark);
    Ok(file)
}

/// The text of a file's bytes, without a byte order mark.
///
/// # Errors
/// Data where it is not UTF-8 text, with what it is or the line.
pub(crate) fn decode(path: &Path, mut bytes: Vec<u8>) -> Result<String> {
    refuse_foreign(path, &bytes)?;
    let mark = bytes.len() - without_mark(&bytes).len();
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
/// Data with what it is and what to do.
pub(crate) fn refuse_foreign(path: &Path, start: &[u8]) -> Result<()> {
    match recognise(start) {
        None => Ok(()),
        Some(Foreign { is, next }) => {
            let name = path.display().to_string();
            Err(Error::data(format!("{name} is {is}")).next(next.replace("FILE", &name)))
        }
    }
}

/// What a file is that is no UTF-8 text, and what to do with it; FILE stands for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    is: &'static str,
    next: &'static str,
}

/// Beginnings of files, longest first where one begins like another.
const STARTS: [(&[u8], Foreign); 24] = [
    (b"\x1f\x8b", Foreign { is: "compressed with gzip", next: "unpack it: gunzip -c FILE > NEW, and name that" }),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"BZh", Foreign { is: "compressed with bzip2", next: "unpack it: bunzip2 -c FILE > NEW, and name that" }),
    (b"\xfd7zXZ\0", Foreign { is: "compressed with xz", next: "unpack it: xz -dc FILE > NEW, and name that" }),
    (
        b"\x28\xb5\x2f\xfd",
        Foreign { is: "compressed with zstd", next: "unpack it: zstd -dc FILE > NEW, and name that" },
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        Foreign { is: "a 7z archive", next: "unpack it: 7z x FILE, and name the file that was in it" },
    ),
    (
        b"version https://git-lfs",
        Foreign { is: "a Git LFS pointer, not the file itself", next: "run git lfs pull where it was cloned" },
    ),
    (b"/annex/objects/", ANNEX),
    (b"../.git/annex/", ANNEX),
    (b"\xff\xfe\0\0", UTF32),
    (b"\0\0\xfe\xff", UTF32),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"%PDF", Foreign { is: "a PDF document", next: "name the text file itself" }),
    (b"\x93NUMPY", NUMPY),
    (b"\x89HDF", Foreign { is: "an HDF5 file", next: "name the text file itself" }),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
];
const ZIP: Foreign = Foreign { is: "a zip archive", next: "unpack it: unzip FILE, and name the file that was in it" };
const ANNEX: Foreign =
    Foreign { is: "a git-annex pointer, not the file itself", next: "run git annex get where it was cloned" };
const UTF16: Foreign = Foreign {
    is: "UTF-16 text, and UTF-8 is wanted",
    next: "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW, and name that",
};
const UTF32: Foreign = Foreign {
    is: "UTF-32 text, and UTF-8 is wanted",
    next: "convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW, and name that",
};
const PICTURE: Foreign = Foreign { is: "a picture", next: "name the text file itself" };
const NUMPY: Foreign = Foreign { is: "a NumPy array", next: "name the text file itself" };
const PICKLE: Foreign = Foreign { is: "a Python pickle", next: "name the text file itself" };
const TAR: Foreign = Foreign { is: "a tar archive", next: "unpack it: tar -xf FILE, and name the file that was in it" };
const SAFETENSORS: Foreign = Foreign { is: "a safetensors file", next: "name the text file itself" };
const WEB_PAGE: Foreign = Foreign {
    is: "a web page, not the file itself",
    next: "the server sent a page in its place, such as a login or an error: look at it, and fetch the file again",
};

/// What begins like this is, where it is no UTF-8 text.
pub(crate) fn recognise(start: &[u8]) -> Option<Foreign> {
    if start.get(6..9) == Some(b"\0\0{") {
        return Some(SAFETENSORS);
    }
    if start.get(257..262) == Some(b"ustar") {
        return Some(TAR);
    }
    if let Some((_, foreign)) = STARTS.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        return Some(*foreign);
    }
    // Without a mark: every other byte of the first letters is 0.
    if let Some([a, b, c, d]) = start.first_chunk() {
        let odd = *a != 0 && *b == 0 && *c != 0 && *d == 0;
        let even = *a == 0 && *b != 0 && *c == 0 && *d != 0;
        if odd || even {
            return Some(Foreign { next: "convert it: iconv -f UTF-16LE -t UTF-8 FILE > NEW, and name that", ..UTF16 });
        }
    }
    let text = without_mark(start).trim_ascii_start();
    let page = text[..text.len().min(14)].to_ascii_lowercase();
    ["<!doctype html", "<html", "<?xml", "<error>"]
        .iter()
        .any(|tag| page.starts_with(tag.as_bytes()))
        .then_some(WEB_PAGE)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::error::Kind;
    use crate::files::{read_text, write_bytes};

    #[test]
    fn a_byte_order_mark_is_taken_off_once() {
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
    fn what_is_no_text_is_named_with_the_way_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let utf16: Vec<u8> = "[{\"a\": 1}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
        let big: Vec<u8> = "\u{feff}[]".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, is, next) in [
            (b"\x1f\x8b\x08\0".to_vec(), "is compressed with gzip", "gunzip -c"),
            (b"PK\x03\x04\x14".to_vec(), "is a zip archive", "unzip"),
            (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS pointer", "git lfs pull"),
            (marked, "is UTF-16 text", "iconv -f UTF-16 -t UTF-8"),
            (utf16, "is UTF-16 text", "iconv -f UTF-16LE"),
            (big, "is UTF-16 text", "iconv -f UTF-16 "),
            (b"\n <!DOCTYPE HTML><html>".to_vec(), "is a web page", "fetch the file again"),
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
        for text in ["", "{}", "<s>\n</s>\n", "x", "[PAD]\n[UNK]", "PKW"] {
            assert_eq!(recognise(text.as_bytes()), None, "{text}");
        }
    }
}
