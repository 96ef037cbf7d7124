//! `tests/fixtures/opencv/expected.tsv` has what `imread` of OpenCV 4.10.0 (opencv-python-headless, x86-64) gives for the drawn
//! pictures beside it: name, size and SHA-256 of the pixels, or `refused`.

use std::path::{Path, PathBuf};

use base::files::sha256_bytes;
use pictures::read;

/// Returns the folder of the samples.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/opencv")
}

/// Returns the content of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

#[test]
fn pixels_are_those_of_opencv() {
    let expected = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let found = expected.lines().map(|line| {
        let name = line.split('\t').next().unwrap();
        match read(&folder().join(name)) {
            Ok(picture) => {
                format!("{name}\t{}x{}\t{}\n", picture.width, picture.height, sha256_bytes(&picture.bgr))
            }
            Err(_) => format!("{name}\trefused\n"),
        }
    });
    assert_eq!(found.collect::<String>(), expected);
}

#[test]
fn every_sample_is_compared() {
    let expected = std::fs::read_to_string(folder().join("expected.tsv")).unwrap();
    let files = std::fs::read_dir(folder()).unwrap().count();
    assert_eq!(files, expected.lines().count() + 1);
}
