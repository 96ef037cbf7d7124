//! Lists the files of a folder, and finds the parts of split files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use base::files::Stat;

/// Maximum depth of folders.
const DEPTH: usize = 8;
/// Maximum number of files; a folder with more is not a folder of downloads.
const MOST_FILES: usize = 100_000;
/// File extensions of incomplete downloads.
const UNFINISHED: [&str; 7] = ["part", "crdownload", "partial", "download", "aria2", "downloading", "tmp"];

/// A file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub path: PathBuf,
    pub stat: Stat,
    /// Device number of the file system.
    pub device: u64,
}

/// A complete file: one file on disk, or its parts in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub pieces: Vec<FoundFile>,
    /// Its name, without additions of browsers and splitters.
    pub name: String,
    /// Why its parts are not the complete file; `None` if they may be.
    pub broken: Option<String>,
}

/// The files of a folder.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub candidates: Vec<Candidate>,
    /// Incomplete downloads, by their extensions.
    pub unfinished: Vec<PathBuf>,
}

impl Candidate {
    /// Returns the size of the complete file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.stat.size).fold(0, u64::saturating_add)
    }

    /// Returns its name in messages and receipts.
    pub(crate) fn source(&self) -> String {
        match self.pieces.as_slice() {
            [one] => one.path.display().to_string(),
            [first, .., last] => format!(
                "{} … {} ({} parts)",
                first.path.display(),
                last.path.file_name().unwrap_or_default().to_string_lossy(),
                self.pieces.len()
            ),
            [] => String::new(),
        }
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.pieces.first().and_then(|piece| piece.path.parent()).unwrap_or(Path::new(""))
    }
}

/// Lists the files of a folder. Links to files are followed, links to folders are not. Only the parts of files whose names are
/// `known` are joined.
///
/// # Errors
/// Usage if it is not a folder or has too many files; [`Error::io`] if it cannot be read.
pub(super) fn walk(folder: &Path, known: &dyn Fn(&str) -> bool) -> Result<Contents> {
    if !folder.is_dir() {
        return Err(Error::usage(format!("--from: {} is not a folder", folder.display()))
            .next("give the folder with the files that you downloaded"));
    }
    let (mut files, mut open) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = open.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io("read the folder", &folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("read the folder", &folder, &error))?;
            let kind = entry.file_type().map_err(|error| Error::io("look at", &entry.path(), &error))?;
            if kind.is_dir() && depth < DEPTH {
                open.push((entry.path(), depth + 1));
            } else if !kind.is_dir() {
                files.extend(found(entry.path()));
            }
            if files.len() > MOST_FILES {
                return Err(Error::usage(format!(
                    "--from: more than {MOST_FILES} files are below {}",
                    folder.display()
                ))
                .next("give a folder with only the files that you downloaded"));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sort(files, known))
}

/// Returns a regular file or the target of a link to one; `None` for anything else.
fn found(path: PathBuf) -> Option<FoundFile> {
    use std::os::unix::fs::MetadataExt;
    // A hard link to a symbolic link would link the symbolic link itself.
    let path = if path.is_symlink() { path.canonicalize().ok()? } else { path };
    let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
    Some(FoundFile { path, stat: Stat::of(&metadata), device: metadata.dev() })
}

fn sort(files: Vec<FoundFile>, known: &dyn Fn(&str) -> bool) -> Contents {
    let mut contents = Contents::default();
    let mut parts: BTreeMap<(PathBuf, String, Form), Vec<(usize, FoundFile)>> = BTreeMap::new();
    for file in files {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = file.path.parent().unwrap_or(Path::new("")).to_owned();
        match name.rsplit_once('.') {
            Some((_, ending)) if UNFINISHED.contains(&ending) => contents.unfinished.push(file.path),
            Some((base, ending)) if known(&plain(base)) => match part(ending) {
                Some((form, index)) => parts.entry((folder, plain(base), form)).or_default().push((index, file)),
                None => contents.candidates.push(one(file, plain(&name))),
            },
            _ => contents.candidates.push(one(file, plain(&name))),
        }
    }
    for ((_, name, form), mut numbered) in parts {
        numbered.sort_by_key(|(index, _)| *index);
        let first = numbered.first().map_or(0, |(index, _)| *index);
        if form == Form::Digits(1, false) && first > 0 {
            // No splitter starts with 1 and one digit: `a.zip.1` and `a.zip.2` are repeated downloads of wget.
            contents.candidates.extend(numbered.into_iter().map(|(_, file)| one(file, name.clone())));
            continue;
        }
        let broken = broken(&numbered, form);
        contents.candidates.push(Candidate {
            pieces: numbered.into_iter().map(|(_, file)| file).collect(),
            name,
            broken,
        });
    }
    contents
}

fn one(file: FoundFile, name: String) -> Candidate {
    Candidate { pieces: vec![file], name, broken: None }
}

/// Removes the number that a browser adds to the name of a repeated download: `a (1).zip` and `a(1).zip` become `a.zip`.
fn plain(name: &str) -> String {
    let (stem, ending) = name.rsplit_once('.').map_or((name, None), |(stem, ending)| (stem, Some(ending)));
    let numbered = stem.strip_suffix(')').and_then(|stem| stem.rsplit_once('('));
    let stem = match numbered {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => stem.trim_end(),
        _ => stem,
    };
    ending.map_or_else(|| stem.to_owned(), |ending| format!("{stem}.{ending}"))
}

/// The numbering of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Digits, such as `.00`, `.000`, `.part0`: their number (0 for any), and whether they follow `part`.
    Digits(usize, bool),
    /// Letters, such as `.aa`, `.partaa`: their number, and whether they follow `part`.
    Letters(usize, bool),
}

/// Parses the extension of a part: its numbering and its number.
fn part(ending: &str) -> Option<(Form, usize)> {
    let bare = ending.strip_prefix("part");
    let (text, worded) = (bare.unwrap_or(ending), bare.is_some());
    if text.is_empty() || text.len() > 6 {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let number = text.parse().ok()?;
        return Some(match (text.len(), worded) {
            // Without leading zeros, 9 is followed by 10.
            (_, true) => (Form::Digits(0, true), number),
            (width, false) => (Form::Digits(width, false), number),
        });
    }
    let letters = text.len() >= 2 && text.bytes().all(|b| b.is_ascii_lowercase());
    let number = text.bytes().fold(0_usize, |number, b| number * 26 + usize::from(b.wrapping_sub(b'a')));
    letters.then_some((Form::Letters(text.len(), worded), number))
}

/// Returns what is wrong with sorted parts: one is missing, or one has another length than the others.
fn broken(parts: &[(usize, FoundFile)], form: Form) -> Option<String> {
    let (first, file) = parts.first()?;
    let label = |file: &FoundFile| file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if *first > usize::from(matches!(form, Form::Digits(..))) {
        return Some(format!("the parts before {} are missing", label(file)));
    }
    for pair in parts.windows(2) {
        if let [(before, earlier), (after, later)] = pair {
            if before == after {
                return Some(format!("{} and {} have the same number", label(earlier), label(later)));
            }
            if after - before > 1 {
                return Some(format!("a part between {} and {} is missing", label(earlier), label(later)));
            }
        }
    }
    let (last, others) = parts.split_last()?;
    let length = others.first().map_or(last.1.stat.size, |(_, file)| file.stat.size);
    let odd = others.iter().find(|(_, file)| file.stat.size != length);
    if let Some((_, odd)) = odd.or(Some(last).filter(|(_, file)| file.stat.size > length)) {
        return Some(format!("{} has {} bytes, but {} has {length}", label(odd), odd.stat.size, label(file)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_browsers_and_splitters_are_parsed() {
        for (name, is) in [
            ("a.zip", "a.zip"),
            ("a (1).zip", "a.zip"),
            ("a(12).zip", "a.zip"),
            ("a (b).zip", "a (b).zip"),
            ("a ().zip", "a ().zip"),
            ("model (2)", "model"),
        ] {
            assert_eq!(plain(name), is, "{name}");
        }
        for (ending, is) in [
            ("000", Some((Form::Digits(3, false), 0))),
            ("07", Some((Form::Digits(2, false), 7))),
            ("0", Some((Form::Digits(1, false), 0))),
            ("1", Some((Form::Digits(1, false), 1))),
            ("part0", Some((Form::Digits(0, true), 0))),
            ("part10", Some((Form::Digits(0, true), 10))),
            ("aa", Some((Form::Letters(2, false), 0))),
            ("bc", Some((Form::Letters(2, false), 28))),
            ("partab", Some((Form::Letters(2, true), 1))),
            ("z01", None),
            ("a", None),
            ("1234567", None),
        ] {
            assert_eq!(part(ending), is, "{ending}");
        }
    }

    #[test]
    fn parts_must_be_complete() {
        let parts = |of: &[(usize, u64)]| -> Option<String> {
            let file = |index: usize, size| FoundFile {
                path: format!("/d/a.zip.{index:03}").into(),
                stat: Stat { size, mtime_ns: 0, inode: 0 },
                device: 0,
            };
            broken(
                &of.iter().map(|(index, size)| (*index, file(*index, *size))).collect::<Vec<_>>(),
                Form::Digits(3, false),
            )
        };
        for whole in [&[(0, 5), (1, 5), (2, 3)][..], &[(1, 5), (2, 5)], &[(0, 4)]] {
            assert_eq!(parts(whole), None, "{whole:?}");
        }
        for (of, why) in [
            (&[(2, 5), (3, 5)][..], "before a.zip.002 are missing"),
            (&[(0, 5), (1, 5), (3, 5)], "between a.zip.001 and a.zip.003"),
            (&[(0, 5), (0, 5)], "the same number"),
            (&[(0, 5), (1, 4), (2, 5)], "a.zip.001 has 4 bytes, but a.zip.000 has 5"),
            (&[(0, 5), (1, 6)], "a.zip.001 has 6 bytes"),
        ] {
            assert!(parts(of).unwrap().contains(why), "{of:?}: {:?}", parts(of));
        }
    }
}
