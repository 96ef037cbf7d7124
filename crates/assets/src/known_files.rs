//! Finds files by their checksum, whatever their name.

use super::lock::Lock;
use super::manifest::{Checksums, Manifest};

/// The files of a manifest with a published or pinned checksum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownFiles(Vec<KnownFile>);

/// A file with a published or pinned checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Name of the asset.
    pub name: String,
    /// Its description.
    pub title: String,
    size: Option<u64>,
    checksums: Checksums,
}

impl KnownFiles {
    /// Returns the files of a manifest and its pins. Made files are not among them: they may be copies.
    pub fn of(manifest: &Manifest, lock: &Lock) -> Self {
        let files = manifest.assets.iter().map(|asset| {
            let demands = lock.demands(asset);
            let (name, title) = (asset.name.clone(), asset.title.clone());
            KnownFile { name, title, size: demands.size, checksums: demands.checksums }
        });
        Self(files.filter(|file| !file.checksums.is_empty()).collect())
    }

    /// Returns whether one of them has exactly this size.
    pub fn has_size(&self, size: u64) -> bool {
        self.0.iter().any(|file| file.size == Some(size))
    }

    /// Returns checksums of all kinds that the known files of this size have.
    pub fn kinds(&self, size: u64) -> Checksums {
        let mut kinds = Checksums::default();
        for file in self.0.iter().filter(|file| file.size == Some(size)) {
            let Checksums { sha256, md5, git_blob } = file.checksums.clone();
            kinds.sha256 = kinds.sha256.or(sha256);
            kinds.md5 = kinds.md5.or(md5);
            kinds.git_blob = kinds.git_blob.or(git_blob);
        }
        kinds
    }

    /// Returns the file with these hashes.
    pub fn find(&self, hashes: &Checksums) -> Option<&KnownFile> {
        self.0
            .iter()
            .find(|file| file.checksums.mismatch(hashes).is_none() && file.checksums.first_missing(hashes).is_none())
    }

    /// Returns the file with these hashes if it is not the asset `name` and no checksum of `name` is known.
    pub fn other(&self, hashes: &Checksums, name: &str) -> Option<&KnownFile> {
        self.find(hashes).filter(|file| file.name != name && !self.0.iter().any(|known| known.name == name))
    }
}

impl KnownFile {
    /// Returns whether its size is known.
    pub fn has_size(&self) -> bool {
        self.size.is_some()
    }

    /// Returns a sentence that says that a file is this one.
    pub fn sentence(&self) -> String {
        format!("it is `{}` ({}), by its checksum", self.name, self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_if_all_its_checksums_match() {
        let text = "schema = 1\n\
            asset = [{ name = \"a\", title = \"A\", groups = [], path = \"a\", urls = [\"https://x.org/a\"], size = 3, md5 = \"MD5\" },\n\
            { name = \"b\", title = \"B\", groups = [], path = \"b\", urls = [\"https://x.org/b\"] }]"
            .replace("MD5", &"0".repeat(32));
        let known = KnownFiles::of(&Manifest::parse(&text, "test").unwrap(), &Lock::default());
        let hashes = |md5: Option<&str>| Checksums {
            sha256: Some("1".repeat(64)),
            md5: md5.map(|digit| digit.repeat(32)),
            git_blob: None,
        };
        assert!(known.has_size(3) && !known.has_size(4) && known.kinds(3).md5.is_some() && known.kinds(4).is_empty());
        assert_eq!(known.other(&hashes(Some("0")), "b").unwrap().sentence(), "it is `a` (A), by its checksum");
        assert_eq!(known.other(&hashes(Some("0")), "a"), None);
        assert_eq!(
            (known.find(&hashes(Some("1"))), known.find(&hashes(None))),
            (None, None),
            "a missing hash does not match"
        );
    }
}
