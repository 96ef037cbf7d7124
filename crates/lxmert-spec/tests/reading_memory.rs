//! How much memory reading a checkpoint takes, counted by the allocator: at most a few megabytes for a damaged or hostile file,
//! and no copy of a good one.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use checkpoint::{StateDict, TensorData, write_pth, write_safetensors};
use fixtures::counting_allocator::{CountingAllocator, peak_of};
use lxmert_spec::loading::read;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Reads the file. Returns the result and the peak of allocated bytes.
fn measured(path: &Path) -> (base::error::Result<StateDict>, usize) {
    let start = Instant::now();
    let measured = peak_of(|| read(path));
    assert!(start.elapsed() < Duration::from_secs(20), "{} took {:?}", path.display(), start.elapsed());
    measured
}

/// One test, because the allocator counts the whole process.
#[test]
fn memory_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    bad_fixtures();
    hostile_fixtures();
    bombs(folder.path());
    good_files_are_not_copied(folder.path());
}

fn bad_fixtures() {
    let Some(manifest) = fixtures::lxrt("ckpt/manifest.json") else { return };
    let bad = fixtures::json(&manifest)["files"].as_object().unwrap().clone();
    for (name, _) in bad.iter().filter(|(_, about)| about["kind"] == "bad") {
        let path = manifest.with_file_name(name);
        if path.exists() {
            let (result, peak) = measured(&path);
            assert!(result.is_err() && peak < 4 << 20, "{name}: {peak} bytes");
        }
    }
}

/// 4 MB that would become 1.2 GB of values.
fn hostile_fixtures() {
    let Some(path) = fixtures::beside("cases/hostile/bomb.pth") else { return };
    let (result, peak) = measured(&path);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("far more than a dict of tensors needs") && peak < 4 << 20, "{peak} bytes: {error}");
}

/// Small files that ask for much.
fn bombs(folder: &Path) {
    let header = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let nested = [&header[..], &[b']'; 60_000], &[b'a'; 59_999], b"."].concat();
    let long_string = [&header[..], b"X\xff\xff\xff\xffabc"].concat();
    // A storage of one float, seen as 2^33 rows of it.
    let view = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
        X\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0\x8a\x05\0\0\0\0\x02\x85K\0\x85\x89NtRs.\x80\x02]X\x01\0\0\x000a.";
    let repeated = [&header[..], &view[..], &1_u64.to_le_bytes(), &1_f32.to_le_bytes()].concat();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a/data.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    (0..64).for_each(|_| zip.write_all(&vec![b'N'; 1 << 20]).unwrap());
    let zeros = zip.finish().unwrap().into_inner();
    // Values that are no objects of their own: entries of lists and dicts, the memo, marks.
    let lists = [&header[..], b"](", &b"N".repeat(3_000_000), b"e."].concat();
    let dicts = [&header[..], b"}(", &b"NN".repeat(1_500_000), b"u."].concat();
    let memos = [&header[..], b"N", &b"\x94".repeat(3_000_000), b"."].concat();
    let marks = [&header[..], &b"(".repeat(3_000_000)].concat();
    let header_bomb = [&(1_u64 << 40).to_le_bytes()[..], b"{}"].concat();
    for (name, content, word) in [
        ("nested", nested, "not a state dict"),
        ("string", long_string, "cut short"),
        ("repeated", repeated, "larger than the file"),
        ("zeros", zeros, "far more than"),
        ("header", header_bomb, "header"),
        ("lists", lists, "builds more values"),
        ("dicts", dicts, "builds more values"),
        ("memos", memos, "builds more values"),
        ("marks", marks, "builds more values"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        let (result, peak) = measured(&path);
        let error = result.expect_err(name).to_string();
        assert!(error.contains(word), "{name}: {error}");
        // Twice what is allowed, since tables double while they grow.
        assert!(peak < 16 << 20, "{name}: {peak} bytes");
    }
}

fn good_files_are_not_copied(folder: &Path) {
    let mut tensors = StateDict::new();
    for i in 0..64 {
        tensors.insert(format!("layer.{i}"), TensorData::from_f32(vec![512, 512], vec![i as f32; 512 * 512]).unwrap());
    }
    let (pth, safe) = (folder.join("large.pth"), folder.join("large.safetensors"));
    write_pth(&pth, &tensors).unwrap();
    write_safetensors(&safe, &tensors, &Default::default()).unwrap();
    for path in [pth, safe] {
        let (result, peak) = measured(&path);
        assert_eq!(result.unwrap(), tensors);
        assert!(peak < 1 << 20, "{}: {peak} bytes for a file of {}", path.display(), 64 << 20);
    }
    let Some(micro) = fixtures::lxrt("ckpt/micro_legacy_LXRT.pth") else { return };
    let (result, peak) = measured(&micro);
    assert!(result.is_ok() && peak < 400_000, "{peak} bytes");
}
