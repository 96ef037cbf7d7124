//! Recognises a file by its first bytes, for messages about a file that was given in place of another. This is the only table of
//! magic numbers; a module that expects a certain format adds its own advice.

/// A kind of file that users pass, or servers send, in place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FileKind {
    Gzip,
    Zip,
    Bzip2,
    Xz,
    Zstd,
    SevenZip,
    Rar,
    Tar,
    Picture,
    Film,
    Pdf,
    NumPy,
    Hdf5,
    Sqlite,
    Parquet,
    Lmdb,
    Pickle,
    Safetensors,
    Program,
    Utf16,
    Utf16Unmarked,
    Utf32,
    GitLfs,
    GitAnnex,
    WebPage,
}
use FileKind::*;

/// Beginnings; where one begins like another, the longer comes first.
const STARTS: [(&[u8], FileKind); 31] = [
    (b"\x1f\x8b", Gzip),
    (b"PK\x03\x04", Zip),
    (b"PK\x05\x06", Zip),
    (b"BZh", Bzip2),
    (b"\xfd7zXZ\0", Xz),
    (b"\x28\xb5\x2f\xfd", Zstd),
    (b"7z\xbc\xaf\x27\x1c", SevenZip),
    (b"Rar!\x1a\x07", Rar),
    (b"\x89PNG", Picture),
    (b"\xff\xd8\xff", Picture),
    (b"GIF8", Picture),
    (b"RIFF", Film),
    (b"%PDF", Pdf),
    (b"\x93NUMPY", NumPy),
    (b"\x89HDF", Hdf5),
    (b"SQLite format 3\0", Sqlite),
    (b"PAR1", Parquet),
    (b"\x7fELF", Program),
    (b"\x80\x02", Pickle),
    (b"\x80\x03", Pickle),
    (b"\x80\x04", Pickle),
    (b"\x80\x05", Pickle),
    (b"\xff\xfe\0\0", Utf32),
    (b"\0\0\xfe\xff", Utf32),
    (b"\xff\xfe", Utf16),
    (b"\xfe\xff", Utf16),
    (b"version https://git-lfs", GitLfs),
    (b"/annex/objects/", GitAnnex),
    (b"../.git/annex/", GitAnnex),
    (b"../../.git/annex/", GitAnnex),
    (b"../../../.git/annex/", GitAnnex),
];
/// Magic numbers at another offset than 0.
const LATER: [(usize, &[u8], FileKind); 3] =
    [(257, b"ustar", Tar), (16, b"\xde\xc0\xef\xbe", Lmdb), (6, b"\0\0{", Safetensors)];
const PAGES: [&[u8]; 4] = [b"<!doctype", b"<html", b"<?xml", b"<error>"];

impl FileKind {
    /// Recognises a file by its first 512 bytes; `None` if it may be text or other data.
    pub fn of(start: &[u8]) -> Option<Self> {
        let later = |(at, bytes, _): &&(usize, &[u8], Self)| start.get(*at..).is_some_and(|s| s.starts_with(bytes));
        if let Some((.., kind)) = LATER.iter().find(later) {
            return Some(*kind);
        }
        if let Some((_, kind)) = STARTS.iter().find(|(bytes, _)| start.starts_with(bytes)) {
            return Some(*kind);
        }
        // UTF-16 without a byte order mark: every other byte of the first letters is 0.
        if let Some([a, b, c, d]) = start.first_chunk() {
            let (first, second) = ([*a, *c], [*b, *d]);
            let alternate = |letters: [u8; 2], gaps: [u8; 2]| letters.iter().all(|&byte| byte != 0) && gaps == [0, 0];
            if alternate(first, second) || alternate(second, first) {
                return Some(Utf16Unmarked);
            }
        }
        let text = super::bom::strip_bom(start).trim_ascii_start();
        let is_page = |tag: &&[u8]| text.get(..tag.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(tag));
        PAGES.iter().any(is_page).then_some(WebPage)
    }

    /// Returns what the file is, as it follows "the file is".
    pub fn what(self) -> &'static str {
        match self {
            Gzip => "a gzip archive",
            Zip => "a zip archive",
            Bzip2 => "a bzip2 archive",
            Xz => "an xz archive",
            Zstd => "a zstd archive",
            SevenZip => "a 7z archive",
            Rar => "a rar archive",
            Tar => "a tar archive",
            Picture => "a picture",
            Film => "a picture or a film (RIFF)",
            Pdf => "a PDF document",
            NumPy => "a NumPy array (.npy)",
            Hdf5 => "an HDF5 file",
            Sqlite => "an SQLite database",
            Parquet => "a Parquet file",
            Lmdb => "an LMDB database (data.mdb)",
            Pickle => "a Python pickle",
            Safetensors => "a safetensors file",
            Program => "a program",
            Utf16 | Utf16Unmarked => "text in UTF-16",
            Utf32 => "text in UTF-32",
            GitLfs => "a Git LFS pointer",
            GitAnnex => "a git-annex pointer",
            WebPage => "a web page",
        }
    }

    /// Returns how to get the file that it contains or stands for, with FILE for its name; `None` if it is unrelated.
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Gzip => "unpack it: gunzip -c FILE > NEW, and name that",
            Zip => "unpack it: unzip FILE, and name the file that was in it",
            Bzip2 => "unpack it: bunzip2 -c FILE > NEW, and name that",
            Xz => "unpack it: xz -dc FILE > NEW, and name that",
            Zstd => "unpack it: zstd -dc FILE > NEW, and name that",
            SevenZip => "unpack it: 7z x FILE, and name the file that was in it",
            Rar => "unpack it: unrar x FILE, and name the file that was in it",
            Tar => "unpack it: tar -xf FILE, and name the file that was in it",
            Utf16 => "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW, and name that",
            Utf16Unmarked => "convert it: iconv -f UTF-16LE -t UTF-8 FILE > NEW, and name that",
            Utf32 => "convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW, and name that",
            GitLfs => "run git lfs pull where it was cloned",
            GitAnnex => "run git annex get where it was cloned",
            WebPage => {
                "the server sent a page in its place, such as a login or an error: look at it, then fetch the file itself"
            }
            Picture | Film | Pdf | NumPy | Hdf5 | Sqlite | Parquet | Lmdb | Pickle | Safetensors | Program => {
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let at = |place: usize, bytes: &[u8]| {
            let mut start = vec![1_u8; 512];
            start[place..place + bytes.len()].copy_from_slice(bytes);
            start
        };
        for (start, kind) in [
            (at(257, b"ustar\x0000"), Tar),
            (at(16, b"\xde\xc0\xef\xbe"), Lmdb),
            (b"\x10\0\0\0\0\0\0\0{\"a\"".to_vec(), Safetensors),
            (b"\xff\xfe\0\0a\0\0\0".to_vec(), Utf32),
            (b"\xff\xfea\0".to_vec(), Utf16),
            (b"a\0b\0".to_vec(), Utf16Unmarked),
            (b"\0a\0b".to_vec(), Utf16Unmarked),
            (b"\xef\xbb\xbf\n <HTML>".to_vec(), WebPage),
            (b"<!DOCTYPE html>".to_vec(), WebPage),
        ] {
            assert_eq!(FileKind::of(&start), Some(kind), "{start:?}");
        }
        for (start, kind) in STARTS {
            assert_eq!(FileKind::of(start), Some(kind), "{start:?}");
            assert!(kind.advice().is_none_or(|way| !way.is_empty()) && !kind.what().is_empty());
        }
        for text in ["", "{}", "[]", "<s>\n</s>\n", "x", "[PAD]\n[UNK]", "PKW", "a\tb", "BZ"] {
            assert_eq!(FileKind::of(text.as_bytes()), None, "{text}");
        }
    }
}
