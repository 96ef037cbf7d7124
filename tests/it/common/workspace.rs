//! A workspace with a small manifest, archives made here, and files that count as fetched.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::write::SimpleFileOptions;

use assets::digest::hash_file;
use assets::lock::Lock;
use assets::manifest::Manifest;
use assets::paths::AssetPaths;
use assets::receipt::Receipt;
use data::features::Row;
use data::features::tsv::TsvWriter;

/// `FOLDER/manifest.toml` and `FOLDER/workspace`.
pub(crate) struct Workspace {
    pub folder: PathBuf,
}

impl Workspace {
    pub(crate) fn new(folder: &Path, manifest: &str) -> Self {
        fs::create_dir_all(folder.join("workspace")).unwrap();
        fs::write(folder.join("manifest.toml"), manifest).unwrap();
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join("workspace").join(path)
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::parse(&fs::read_to_string(self.folder.join("manifest.toml")).unwrap(), "test").unwrap()
    }

    /// Puts a file of an asset there without anything being known of it.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> AssetPaths {
        let manifest = self.manifest();
        let asset = manifest.asset(name).unwrap();
        let place = AssetPaths::new(&self.path(""), name, &asset.path);
        write(place.file(), bytes);
        place
    }

    /// Puts a file of an asset there as `repro fetch` does.
    pub(crate) fn fetched(&self, name: &str, bytes: &[u8]) {
        let place = self.put(name, bytes);
        let manifest = self.manifest();
        let demands = Lock::default().demands(manifest.asset(name).unwrap());
        let hashes = hash_file(place.file(), &demands.checksums, &mut |_| {}).unwrap();
        let receipt = Receipt::new(place.file(), hashes, "https://example.org/").unwrap();
        assert_eq!(receipt.contradicts(&demands), None, "{name}");
        receipt.write(&place).unwrap();
    }

    /// `repro COMMAND` in this workspace with these further words.
    pub(crate) fn repro(&self, command: &str, words: &[&str]) -> Command {
        let mut repro = super::repro(&self.folder);
        repro.args([command, "--manifest", "manifest.toml"]).args(words);
        repro
    }

    /// Every file and folder with `.part`, `.claim`, `.building` or `.writing` in its name.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        let marks = [".part", ".claim", ".building-", ".writing-", ".unpacking"];
        let mut all = files(&self.path(""));
        all.retain(|path| marks.iter().any(|mark| path.file_name().unwrap().to_string_lossy().contains(mark)));
        all
    }
}

/// All files and folders below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        }
        all.push(path);
    }
    all
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A zip archive of these members.
pub(crate) fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A feature file of 36 boxes with 4 features for each of these images.
pub(crate) fn tsv(images: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = TsvWriter::new(Vec::new());
    for (number, img_id) in images.into_iter().enumerate() {
        let value = |at: usize| ((number * 31 + at * 7) % 97) as f32 / 8.0;
        writer
            .write_row(&Row {
                img_id,
                img_h: 480,
                img_w: 640,
                objects_id: (0..36).collect(),
                objects_conf: (0..36).map(|at| value(at) / 16.0).collect(),
                attrs_id: (0..36).collect(),
                attrs_conf: (0..36).map(|at| value(at + 1) / 16.0).collect(),
                num_boxes: 36,
                boxes: (0..36).flat_map(|at| [at as f32, 1.0, 600.0, 479.5]).collect(),
                features: (0..36 * 4).map(value).collect(),
            })
            .unwrap();
    }
    writer.finish().unwrap()
}

/// `PREFIX0`, `PREFIX1`, …
pub(crate) fn images(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

/// Questions about these images, as VQA's files hold them.
pub(crate) fn questions<'a>(images: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let one = |(id, image): (usize, &str)| serde_json::json!({"question_id": id, "img_id": image, "sent": "what?", "label": {"yes": 1}});
    serde_json::to_vec(&images.into_iter().enumerate().map(one).collect::<Vec<_>>()).unwrap()
}
