//! Finds the files of images below a folder by their ids: the name up to the first dot, as the extractor takes it, or the whole name
//! without its ending.

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use crate::extract::image_list::{has_image_ending, id_of};
use base::error::{Error, Result};
use base::format::number_of;

/// Endings of the formats that are decoded.
const DECODED: [&str; 4] = ["jpg", "jpeg", "jpe", "png"];

/// The files of the wanted images.
#[derive(Debug)]
pub(super) struct PictureFiles {
    folder: PathBuf,
    candidates: HashMap<String, Candidates>,
    /// Links that lead out of the folder.
    links: u64,
    /// Folders that cannot be read.
    closed: u64,
}

/// The best candidates for an id, all of one rank.
#[derive(Debug, Default)]
struct Candidates {
    rank: u8,
    paths: Vec<PathBuf>,
}

impl PictureFiles {
    /// Looks through a folder, in any nesting. Hidden entries and links to folders are left out; links to files are followed within
    /// the folder only.
    ///
    /// # Errors
    /// Data or infra if the folder itself is missing or cannot be read.
    pub(super) fn find<'i>(folder: &Path, ids: impl IntoIterator<Item = &'i str>) -> Result<Self> {
        let root = fs::canonicalize(folder).map_err(|error| Error::io("read the folder", folder, &error))?;
        let candidates = ids.into_iter().map(|id| (id.to_owned(), Candidates::default())).collect();
        let mut found = Self { folder: folder.to_owned(), candidates, links: 0, closed: 0 };
        let mut rest = vec![folder.to_owned()];
        while let Some(place) = rest.pop() {
            match fs::read_dir(&place) {
                Ok(entries) => entries.filter_map(Result::ok).for_each(|entry| found.entry(&root, &entry, &mut rest)),
                Err(error) if place == folder => return Err(Error::io("read the folder", folder, &error)),
                Err(_) => found.closed += 1,
            }
        }
        Ok(found)
    }

    fn entry(&mut self, root: &Path, entry: &DirEntry, rest: &mut Vec<PathBuf>) {
        let name = entry.file_name();
        let (Some(name), Ok(kind)) = (name.to_str().filter(|name| !name.starts_with('.')), entry.file_type()) else {
            return;
        };
        let path = entry.path();
        if kind.is_dir() {
            rest.push(path);
        } else if kind.is_file() {
            self.candidate(name, path);
        } else if kind.is_symlink() {
            match fs::canonicalize(&path) {
                Ok(target) if !target.starts_with(root) => self.links += 1,
                Ok(target) if target.is_file() => self.candidate(name, path),
                _ => {}
            }
        }
    }

    /// Takes a file if it may be one of a wanted image, and no better one is known.
    fn candidate(&mut self, name: &str, path: PathBuf) {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let decoded = ending.as_deref().is_some_and(|ending| DECODED.contains(&ending));
        if !decoded && ending.is_some() && !has_image_ending(&path) {
            return;
        }
        let whole = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let ids = [(whole, 0), (id_of(name), if id_of(name) == whole { 0 } else { 2 })];
        for (id, worse) in ids.into_iter().take(if ids[0].0 == ids[1].0 { 1 } else { 2 }) {
            let Some(known) = self.candidates.get_mut(id) else { continue };
            let rank = worse + u8::from(!decoded);
            if known.paths.is_empty() || rank < known.rank {
                *known = Candidates { rank, paths: vec![path.clone()] };
            } else if rank == known.rank {
                known.paths.push(path.clone());
            }
        }
    }

    /// Returns the file of a wanted image, or the reason why there is none.
    pub(super) fn get(&self, id: &str) -> Result<&Path, String> {
        let paths = self.candidates.get(id).map_or(&[][..], |known| &known.paths);
        match paths {
            [path] => Ok(path),
            [] => Err(format!("no file below {} has this id{}", self.folder.display(), self.left_out())),
            [..] => {
                let mut named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                named.sort();
                Err(format!("{} files have this id: {} and {}", named.len(), named[0], named[1]))
            }
        }
    }

    /// Says what was not looked into.
    fn left_out(&self) -> String {
        let links = (self.links > 0).then(|| format!("{} out of it", number_of(self.links, "link")));
        let closed = (self.closed > 0).then(|| format!("{} that cannot be read", number_of(self.closed, "folder")));
        let told: Vec<String> = links.into_iter().chain(closed).collect();
        if told.is_empty() { String::new() } else { format!(" (not looked into: {})", told.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(root: &Path, names: &[&str]) {
        names.iter().for_each(|name| base::files::write_bytes(&root.join(name), b"x").unwrap());
    }

    #[test]
    fn an_id_finds_its_file_in_any_folder() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        put(
            root,
            &["a.jpg", "sub/deeper/b.0.png", "sub/b.0.tsv", "sub/.c.png", "d.x.png", "d.jpg", "e.json", "f", "G.JPG"],
        );
        put(outside.path(), &["h.jpg", "i.jpg"]);
        symlink(outside.path().join("h.jpg"), root.join("h.jpg")).unwrap();
        symlink(outside.path(), root.join("linked")).unwrap();
        symlink("a.jpg", root.join("k.jpg")).unwrap();
        symlink("nowhere", root.join("l.jpg")).unwrap();
        let ids = ["a", "b", "b.0", "c", "d", "d.x", "e", "f", "G", "h", "i", "k", "l"];
        let found = PictureFiles::find(root, ids).unwrap();
        let names = ids.map(|id| found.get(id).ok().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()));
        let expected = [
            Some("a.jpg"),
            Some("b.0.png"),
            Some("b.0.png"),
            None,
            Some("d.jpg"),
            Some("d.x.png"),
            None,
            Some("f"),
            Some("G.JPG"),
            None,
            None,
            Some("k.jpg"),
            None,
        ];
        assert_eq!(names, expected.map(|name| name.map(str::to_owned)));
        let why = found.get("h").unwrap_err();
        assert!(why.ends_with("has this id (not looked into: 2 links out of it)"), "{why}");
    }

    #[test]
    fn two_files_of_one_id_are_named() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &["x/a.jpg", "y/a.jpg", "y/a.bmp"]);
        let found = PictureFiles::find(folder.path(), ["a"]).unwrap();
        let why = found.get("a").unwrap_err();
        assert!(why.starts_with("2 files have this id: ") && why.contains("x/a.jpg and "), "{why}");
        assert!(PictureFiles::find(&folder.path().join("none"), ["a"]).is_err());
    }
}
