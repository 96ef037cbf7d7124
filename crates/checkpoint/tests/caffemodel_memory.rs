//! How much memory reading a net of Caffe takes, counted by the allocator: that of names and shapes for a damaged or hostile file, and
//! no copy of a good one's 32-bit floats.

use std::path::Path;
use std::time::{Duration, Instant};

use base::progress::Silent;
use checkpoint::{StateDict, convert_caffemodel_once, read_caffemodel};
use fixtures::caffemodel::*;
use fixtures::counting_allocator::{CountingAllocator, peak_of};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Calls `work`. Returns its result and the peak of allocated bytes.
fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let start = Instant::now();
    let measured = peak_of(work);
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?}", start.elapsed());
    measured
}

/// One test, because the allocator counts the whole process.
#[test]
fn memory_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    hostile_files(&folder.path().join("hostile.caffemodel"));
    good_files_are_not_copied(folder.path());
}

/// Files of about 4 MB that repeat what is small in the file and could be large in memory.
fn hostile_files(path: &Path) {
    const SIZE: usize = 4 << 20;
    let repeated = |piece: &[u8]| piece.repeat(SIZE / piece.len());
    let of_blob = |blob: Vec<u8>| layer("fc", "", &[blob]);
    let one = blob(&[1], &[1.0]);
    let names = (0..199).map(|i| format!("{i:0>250}"));
    let tensors: Vec<u8> = names.flat_map(|name| layer(&name, "", &vec![one.clone(); 100])).collect();
    let bad = of_blob(blob(&[2], &[1.0]));
    let scattered = scattered_floats(5, &vec![1.0; SIZE / 5]);
    let scattered = [shape(&[(SIZE / 5) as i64]), scattered].concat();
    for (name, content, word) in [
        ("layers", repeated(&bytes_field(100, b"")), "more than 10000 layers"),
        ("blobs", bytes_field(100, &repeated(&bytes_field(7, b""))), "more than 100 blobs"),
        ("dimensions", of_blob(bytes_field(7, &bytes_field(1, &repeated(&[1])))), "more than 32 dimensions"),
        ("unpacked dimensions", of_blob(bytes_field(7, &repeated(&number_field(1, 1)))), "more than 32 dimensions"),
        ("empty values", of_blob([repeated(&floats(5, &[])), repeated(&doubles(8, &[]))].concat()), "0 floats"),
        ("unknown fields", repeated(&number_field(7, 1)), "none of its 0 layers"),
        ("fields of a layer", bytes_field(100, &repeated(&bytes_field(9, b""))), "none of its 1 layers"),
        ("groups", [net(&[]), repeated(&tag(9, 3))].concat(), "wire type 3"),
        ("shape of 2^60", of_blob(blob(&[1 << 30, 1 << 30], &[1.0])), "do not fill"),
        (
            "scattered values, then damage",
            [of_blob(scattered), layer("a", "", std::slice::from_ref(&one)), bad.clone()].concat(),
            "two layers",
        ),
        ("tensors, then damage", [tensors, bad].concat(), "do not fill"),
        ("a long name", bytes_field(100, &[bytes_field(1, &repeated(b"n")), bytes_field(7, &one)].concat()), "256"),
    ] {
        std::fs::write(path, &content).unwrap();
        drop(content);
        let (result, peak) = measured(|| read_caffemodel(path));
        let error = result.expect_err(name).to_string();
        assert!(error.contains(word), "{name}: {error}");
        assert!(peak < 20 << 20, "{name}: {peak} bytes");
    }
}

fn good_files_are_not_copied(folder: &Path) {
    const VALUES: usize = 8 << 20;
    let (path, wide) = (folder.join("floats.caffemodel"), folder.join("doubles.caffemodel"));
    let sizes = shape(&[2, VALUES as i64 / 2]);
    std::fs::write(&path, layer("fc", "", &[[floats(5, &vec![0.5; VALUES]), sizes.clone()].concat()])).unwrap();
    std::fs::write(&wide, layer("fc", "", &[[doubles(8, &vec![0.5; VALUES]), sizes].concat()])).unwrap();
    let (floats, peak) = measured(|| read_caffemodel(&path).unwrap());
    assert!(peak < 1 << 20, "{peak} bytes for {} of values", VALUES * 4);
    let (doubles, peak): (StateDict, usize) = measured(|| read_caffemodel(&wide).unwrap());
    assert!(peak < VALUES * 4 + (1 << 20), "{peak} bytes for {} of values", VALUES * 4);
    assert_eq!(floats, doubles);
    let cache = folder.join("cache");
    for _ in 0..2 {
        let (_, peak) = measured(|| convert_caffemodel_once(&path, &cache, &Silent).unwrap());
        assert!(peak < 4 << 20, "{peak} bytes to convert {} of values", VALUES * 4);
    }
}
