//! Counts the entries of files, for each kind of file in the manifest.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::plan::OBJ36;
use base::error::{Error, Result};
use base::files::text::open_text;

/// Counts the entries, rows, lines or files in `path`; `None` if it does not exist. Features are counted by their store instead.
///
/// # Errors
/// Data if the content is not of this kind, or the kind is unknown.
pub fn count(path: &Path, kind: &str) -> Result<Option<u64>> {
    if !path.exists() {
        return Ok(None);
    }
    match kind {
        "json-list" => entries(path, |json, visitor| json.deserialize_seq(visitor)),
        "json-object" => entries(path, |json, visitor| json.deserialize_map(visitor)),
        "json-lines" => lines(path, |line| serde_json::from_slice::<IgnoredAny>(line).map(|_| ())),
        "lines" => lines(path, |_| Ok(())),
        "files" => files(path),
        _ => Err(Error::data(format!("the manifest gives {} the unknown kind `{kind}`", path.display()))
            .next(format!("use json-list, json-object, json-lines, lines, files or {OBJ36}"))),
    }
    .map(Some)
}

/// Returns the unit that is counted: `entries`, `lines`, `files` or `images`.
pub fn unit(kind: &str) -> &'static str {
    match kind {
        OBJ36 => "images",
        "json-lines" | "lines" => "lines",
        "files" => "files",
        _ => "entries",
    }
}

fn damaged(path: &Path, place: &str, why: impl fmt::Display) -> Error {
    Error::data(format!("{} is damaged{place}", path.display())).because(why).next("fetch it again: repro fetch")
}

type Json = serde_json::Deserializer<serde_json::de::IoRead<BufReader<File>>>;

fn entries(path: &Path, read: impl FnOnce(&mut Json, Entries) -> Result<u64, serde_json::Error>) -> Result<u64> {
    let mut json = serde_json::Deserializer::from_reader(open_text(path)?);
    let count = read(&mut json, Entries).and_then(|count| json.end().map(|()| count));
    count.map_err(|error| match error.io_error_kind() {
        Some(kind) => Error::io("read", path, &kind.into()),
        None => damaged(path, "", error),
    })
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object, as in the manifest")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

fn lines(path: &Path, check: impl Fn(&[u8]) -> Result<(), serde_json::Error>) -> Result<u64> {
    let (mut file, mut line, mut count) = (open_text(path)?, Vec::new(), 0);
    loop {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(|error| Error::io("read", path, &error))? == 0 {
            return Ok(count);
        }
        count += 1;
        check(&line).map_err(|error| damaged(path, &format!(" at line {count}"), error))?;
    }
}

/// Counts the files in a folder and its subfolders.
fn files(folder: &Path) -> Result<u64> {
    let failed = |error: std::io::Error| Error::io("list", folder, &error);
    let (mut count, mut folders) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.file_type().map_err(failed)? {
            kind if kind.is_dir() => folders.push(entry.path()),
            kind if kind.is_file() => count += 1,
            _ => {}
        }
    }
    let within: Vec<u64> = folders.iter().map(|folder: &PathBuf| files(folder)).collect::<Result<_>>()?;
    Ok(count + within.iter().sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_is_counted_and_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let of = |kind: &str, text: &str| {
            std::fs::write(&path, text).unwrap();
            count(&path, kind).map(Option::unwrap).map_err(|error| error.to_string())
        };
        assert_eq!(of("json-list", "[1, [2, 3], {\"a\": 4}]\n"), Ok(3));
        assert_eq!(of("json-list", "[]"), Ok(0));
        assert_eq!(of("json-object", r#"{"a": [1, 2], "b": 3}"#), Ok(2));
        assert_eq!(of("json-lines", "{\"a\": 1}\n[2]"), Ok(2));
        assert_eq!(of("lines", "a\n\nb"), Ok(3));
        for (kind, text, part) in [
            ("json-list", "[1, 2", "EOF"),
            ("json-list", "[1] 2", "trailing"),
            ("json-list", "{}", "invalid type"),
            ("json-object", "[]", "invalid type"),
            ("json-lines", "{}\n{\"a\n", "at line 2"),
            ("rows", "", "json-lines"),
        ] {
            let error = of(kind, text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
        std::fs::create_dir_all(folder.path().join("b/c")).unwrap();
        std::fs::write(folder.path().join("b/c/d"), "").unwrap();
        assert_eq!(count(folder.path(), "files").unwrap(), Some(2));
        assert_eq!(count(&folder.path().join("none"), "lines").unwrap(), None);
    }
}
