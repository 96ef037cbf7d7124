//! The conversion of a net, and the files that are kept.

use std::path::Path;
use std::sync::Mutex;

use base::progress::{Event, Silent};
use fixtures::caffemodel::*;

use super::{convert_caffemodel, convert_caffemodel_once, read_caffemodel};
use crate::{read_metadata, read_safetensors};

fn write(path: &Path, last: f32) {
    let layers = [layer("conv1", "", &[blob(&[2, 2], &[1.0, 2.0, 3.0, last])]), layer("bn", "", &[blob(&[1], &[5.0])])];
    std::fs::write(path, net(&layers)).unwrap();
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_net_is_converted_once_to_a_file_named_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("net.caffemodel"), folder.path().join("new/cache"));
    write(&path, 4.0);
    let heard = Mutex::new(Vec::new());
    let converted =
        convert_caffemodel_once(&path, &cache, &|event: &Event| heard.lock().unwrap().push(event.clone())).unwrap();
    let sha256 = base::files::sha256(&path).unwrap();
    assert_eq!(converted, cache.join(format!("{sha256}.safetensors")));
    assert_eq!(read_safetensors(&converted).unwrap(), read_caffemodel(&path).unwrap());
    let metadata = read_metadata(&converted).unwrap().unwrap();
    let stated = ["caffemodel.name", "caffemodel.sha256", "caffemodel.values"].map(|key| metadata[key].as_str());
    assert_eq!(stated, ["net.caffemodel", &sha256, "5"]);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let heard = heard.into_inner().unwrap();
    assert!(
        matches!(&heard[0], Event::Started(start) if start.total == Some(bytes) && start.name.contains("net.caffemodel"))
    );
    assert!(matches!(heard.last(), Some(Event::Ended { done, .. }) if *done == bytes));

    let written = std::fs::metadata(&converted).unwrap().modified().unwrap();
    let copy = folder.path().join("copy.caffemodel");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(convert_caffemodel_once(&copy, &cache, &Silent).unwrap(), converted);
    assert_eq!(std::fs::metadata(&converted).unwrap().modified().unwrap(), written, "it is found, not made again");
    let named = folder.path().join("named.safetensors");
    assert_eq!(convert_caffemodel(&path, &named, &Silent).unwrap(), read_caffemodel(&path).unwrap());
    assert_eq!(std::fs::read(&named).unwrap(), std::fs::read(&converted).unwrap());
    write(&path, 4.5);
    assert_ne!(convert_caffemodel_once(&path, &cache, &Silent).unwrap(), converted);
    assert_eq!(files(&cache), 2, "no temporary file is left");
}

#[test]
fn a_damaged_converted_file_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("net.caffemodel"), folder.path().join("cache"));
    write(&path, 4.0);
    let converted = convert_caffemodel_once(&path, &cache, &Silent).unwrap();
    let good = std::fs::read(&converted).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let longer = [&good[..], b"x"].concat();
    let of_another_source = String::from_utf8_lossy(&good).replace("caffemodel.sha256\":\"", "caffemodel.sha256\":\"0");
    for damaged in [&good[..good.len() - 1], &longer, &flipped, b"", b"{}", of_another_source.as_bytes()] {
        std::fs::write(&converted, damaged).unwrap();
        assert_eq!(convert_caffemodel_once(&path, &cache, &Silent).unwrap(), converted);
        assert_eq!(std::fs::read(&converted).unwrap(), good);
    }
    assert_eq!(files(&cache), 1);
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("net.caffemodel"), folder.path().join("cache"));
    let too_large = [doubles(8, &[1e300]), shape(&[1])].concat();
    for (layers, name) in [
        ([layer("conv1", "", &[blob(&[1], &[1.0]), blob(&[2], &[1.0, f32::NAN])])], "conv1/1"),
        ([layer("fc", "", &[too_large])], "fc/0"),
    ] {
        std::fs::write(&path, net(&layers)).unwrap();
        let error = convert_caffemodel_once(&path, &cache, &Silent).unwrap_err().to_string();
        assert!(error.contains(&format!("{name} is not finite")) && error.contains("net.caffemodel"), "{error}");
    }
    assert!(!cache.exists(), "nothing is written");
}

#[test]
fn callers_at_the_same_time_all_get_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cache) = (folder.path().join("net.caffemodel"), folder.path().join("cache"));
    let values: Vec<f32> = (0..500_000).map(|i| i as f32).collect();
    std::fs::write(&path, net(&[layer("fc", "", &[blob(&[500_000], &values)])])).unwrap();
    let expected = read_caffemodel(&path).unwrap();
    // At first nothing is there, then a damaged file.
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let converted = convert_caffemodel_once(&path, &cache, &Silent).unwrap();
                    assert_eq!(read_safetensors(&converted).unwrap(), expected);
                });
            }
        });
        let converted = convert_caffemodel_once(&path, &cache, &Silent).unwrap();
        std::fs::write(cache.join("damaged"), b"short").unwrap();
        std::fs::rename(cache.join("damaged"), &converted).unwrap();
    }
}
