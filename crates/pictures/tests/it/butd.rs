//! The pictures of the original extractor's fixtures, which is where they are found by name.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use base::files::sha256_bytes;
use pictures::decode;

/// Files below a folder by their names.
fn gather(folder: &Path, files: &mut BTreeMap<String, Vec<PathBuf>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => gather(&path, files),
            false => {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                files.entry(name).or_default().push(path);
            }
        }
    }
}

#[test]
fn butd_decode_gives_the_pixels_of_the_original_extractor() {
    let Some(list) = fixtures::beside("butd/unit/decode.json") else { return };
    let butd = list.parent().unwrap().parent().unwrap();
    let mut files = BTreeMap::new();
    ["images", "full"].iter().for_each(|folder| gather(&butd.join(folder), &mut files));
    let expected = fixtures::json(&list);
    let mut compared = 0;
    for (name, expected) in expected.as_object().unwrap() {
        let text = |key: &str| expected[key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        let contents = files.get(name).into_iter().flatten().map(|path| std::fs::read(path).unwrap());
        let is_it = |bytes: &Vec<u8>| expected.is_null() || sha256_bytes(bytes) == text("file_sha256");
        let Some(bytes) = contents.into_iter().find(is_it) else {
            // Not `eprintln!`, whose text the test harness swallows where a test passes.
            let _ = writeln!(std::io::stderr(), "skipped: {name} of {} is not there", list.display());
            continue;
        };
        compared += 1;
        match (decode(&bytes), expected.is_null()) {
            (result, true) => assert!(result.is_err(), "{name} was decoded"),
            (Err(refusal), false) => panic!("{name}: {refusal}"),
            (Ok(picture), false) => {
                let size = (expected["w"].as_u64(), expected["h"].as_u64());
                assert_eq!((Some(picture.width as u64), Some(picture.height as u64)), size, "{name}");
                assert_eq!(sha256_bytes(&picture.bgr), text("bgr_hwc_sha256"), "{name}");
            }
        }
    }
    assert!(compared > 0, "{} names no file that is there", list.display());
}

#[test]
fn butd_decode_gives_the_pixels_that_a_png_keeps_of_a_photo() {
    let Some(folder) = fixtures::beside("butd/full/images") else { return };
    let mut files = BTreeMap::new();
    gather(&folder, &mut files);
    for (name, paths) in files.iter().filter(|(name, _)| name.ends_with(".decoded.png")) {
        let photo = name.replace(".decoded.png", ".jpg");
        if let Some(photo) = files.get(&photo) {
            assert_eq!(pictures::read(&photo[0]).unwrap(), pictures::read(&paths[0]).unwrap(), "{name}");
        }
    }
}
