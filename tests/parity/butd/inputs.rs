//! What the fixtures hold: tensors on the host, pictures, weights.

use std::path::{Path, PathBuf};

use checkpoint::{DType, StateDict, TensorData};
use lxmert::model::butd::nms::PixelBox;
use pictures::Picture;

/// Returns a file of the fixture `unit`.
pub(super) fn unit(name: &str) -> Option<Blobs> {
    fixtures::beside(&format!("butd/unit/{name}.safetensors")).map(|path| Blobs::read(&path))
}

/// The tensors of a file.
pub(super) struct Blobs(StateDict);

impl Blobs {
    pub(super) fn read(path: &Path) -> Self {
        Self(checkpoint::read_safetensors(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
    }

    /// Returns the part before `suffix` of each name that has it.
    pub(super) fn cases(&self, suffix: &str) -> Vec<String> {
        let cases: Vec<_> = self.0.keys().filter_map(|name| name.strip_suffix(suffix)).map(str::to_owned).collect();
        assert!(!cases.is_empty(), "the fixture has no {suffix}");
        cases
    }

    pub(super) fn find(&self, name: &str) -> Option<&TensorData> {
        self.0.get(name)
    }

    pub(super) fn get(&self, name: &str) -> &TensorData {
        self.find(name).unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    /// Returns the names of the tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn shape(&self, name: &str) -> Vec<usize> {
        self.get(name).shape.clone()
    }

    pub(super) fn f32(&self, name: &str) -> Vec<f32> {
        let blob = self.get(name);
        assert_eq!(blob.dtype, DType::F32, "{name}");
        blob.to_f32().unwrap()
    }

    pub(super) fn f64(&self, name: &str) -> Vec<f64> {
        let blob = self.get(name);
        assert_eq!(blob.dtype, DType::F64, "{name}");
        blob.data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    }

    pub(super) fn i64(&self, name: &str) -> Vec<i64> {
        let blob = self.get(name);
        assert_eq!(blob.dtype, DType::I64, "{name}");
        blob.data.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect()
    }

    pub(super) fn bytes(&self, name: &str) -> &[u8] {
        &self.get(name).data
    }

    /// Returns regions without their column of batch indices, which are zero.
    pub(super) fn regions(&self, name: &str) -> Vec<PixelBox> {
        let rows = self.f32(name);
        let rows = rows.as_chunks::<5>().0;
        assert!(rows.iter().all(|row| row[0] == 0.0), "{name}");
        rows.iter().map(|&[_, x1, y1, x2, y2]| [x1, y1, x2, y2]).collect()
    }
}

/// Returns every picture of the fixtures: all files below `butd/images` and the originals of `butd/full/images`, by name.
pub(super) fn pictures() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["butd/images", "butd/full/images"]
        .iter()
        .filter_map(|folder| fixtures::beside(folder))
        .flat_map(|folder| below(&folder))
        .collect();
    found.retain(|path| !path.to_string_lossy().ends_with(".decoded.png"));
    found.sort();
    found
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// Returns the picture with this id: its file's name up to the first dot.
pub(super) fn picture(id: &str) -> Option<Picture> {
    let path = pictures()
        .into_iter()
        .find(|path| path.file_name().unwrap().to_string_lossy().split('.').next() == Some(id))?;
    Some(pictures::decode(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// Compares numbers bit for bit.
#[track_caller]
pub(super) fn same_bits(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    let different = got.iter().zip(want).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert_eq!(different, 0, "{what}: {different} of {} values differ", got.len());
}
