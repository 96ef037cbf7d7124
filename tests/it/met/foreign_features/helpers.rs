//! A small data root, its rows as text, and running the commands that read features.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64_simd::STANDARD;
use data::features::Row;
use data::features::bench::generated_rows;

use crate::common::{mini, repro, run, stderr, stdout, unwrapped};

pub(super) const DATA: i32 = 5;

pub(super) const TSV: &str = "data/mscoco_imgfeat/train2014_obj36.tsv";

/// A folder with a small data root.
pub(super) fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    mini::data_root(&place.path().join("data"), 9, 4);
    place
}

pub(super) fn train(folder: &Path, more: &str, code: i32) -> Output {
    let line = "train vqa --data-root data --train train --valid valid --from-scratch --model tiny --batch-size 4 \
                --epochs 1 --threads 1 --output out";
    run(repro(folder).env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace()).args(more.split_whitespace()), code)
}

/// What inspecting a file says, in one line.
pub(super) fn inspect(folder: &Path, file: &str, code: i32) -> String {
    unwrapped(&stdout(&run(repro(folder).args(["features", "inspect", file]), code)))
}

/// The rows of the small data root: 12 images with 5 boxes of 16 features.
pub(super) fn rows() -> Vec<Row> {
    generated_rows(12, 5, 16)
}

/// Rows as text, whatever is in them. `wide` writes the features.
pub(super) fn text(rows: &[Row], wide: impl Fn(&[f32]) -> Vec<u8>) -> Vec<u8> {
    let base64 = |bytes: &[u8]| STANDARD.encode_to_string(bytes);
    let line = |row: &Row| {
        let fields = [
            row.img_id.clone(),
            row.img_h.to_string(),
            row.img_w.to_string(),
            base64(bytemuck::cast_slice(&row.objects_id)),
            base64(bytemuck::cast_slice(&row.objects_conf)),
            base64(bytemuck::cast_slice(&row.attrs_id)),
            base64(bytemuck::cast_slice(&row.attrs_conf)),
            row.num_boxes.to_string(),
            base64(bytemuck::cast_slice(&row.boxes)),
            base64(&wide(&row.features)),
        ];
        fields.join("\t") + "\r\n"
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

pub(super) fn single(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// All rows of the small data root changed.
pub(super) fn changed(change: impl Fn(&mut Row)) -> Vec<u8> {
    let mut rows = rows();
    rows.iter_mut().for_each(change);
    text(&rows, single)
}

/// A file of the shared cases; `None` where they are absent.
pub(super) fn case(name: &str) -> Option<Vec<u8>> {
    fixtures::beside(&format!("cases/features/{name}")).map(|path| fs::read(path).unwrap())
}

/// What inspecting a file says, and training on it in place of the training images' features.
pub(super) fn said_of(bytes: &[u8]) -> (String, String) {
    let place = place();
    fs::write(place.path().join(TSV), bytes).unwrap();
    let found = inspect(place.path(), TSV, DATA);
    let refused = stderr(&train(place.path(), "", DATA));
    assert!(!place.path().join("out/LAST.safetensors").exists());
    (found, refused)
}

/// The store that training built.
pub(super) fn store(folder: &Path) -> PathBuf {
    let stores = fs::read_dir(folder.join("workspace/stores")).unwrap().map(|entry| entry.unwrap().path());
    let mut stores: Vec<PathBuf> = stores
        .filter(|path| path.to_str().unwrap().contains("train2014") && path.extension().unwrap() == "safetensors")
        .collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    stores.remove(0)
}
