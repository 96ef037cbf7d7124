//! Builds `.pth` files byte by byte, among them malformed ones.

use std::io::{Cursor, Write};

use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;

/// The pickle of one tensor of one float under a name.
pub(super) fn tensor_pickle(name: &str) -> Vec<u8> {
    let mut pickle = b"X".to_vec();
    pickle.extend((name.len() as u32).to_le_bytes());
    pickle.extend(name.as_bytes());
    pickle.extend(
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ\
          K\0K\x01\x85K\x01\x85\x89}tR",
    );
    pickle
}

/// A `.pth` file with this pickle and one storage of one float.
pub(super) fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut member = |name: &str, content: &[u8], method| {
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(content).unwrap();
    };
    member("a/data.pkl", &[b"\x80\x02", pickle].concat(), if pickle.len() > 1 << 20 { Deflated } else { Stored });
    member("a/data/0", &1_f32.to_le_bytes(), Stored);
    // A compressed member may not be much larger than the whole file.
    member("a/pad", &vec![7; pickle.len() / 8], Stored);
    zip.finish().unwrap().into_inner()
}

/// A header of a member or of its entry in the directory, up to the name's length.
pub(super) fn header(signature: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    out.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(crc(content).to_le_bytes());
    out.extend([content.len() as u32; 2].map(u32::to_le_bytes).concat());
    out.extend((name.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out
}

pub(super) fn local(name: &str, content: &[u8]) -> Vec<u8> {
    [&header(b"PK\x03\x04", name, content), name.as_bytes(), content].concat()
}

pub(super) fn entry(name: &str, content: &[u8], offset: usize) -> Vec<u8> {
    let start = header(b"PK\x01\x02\x14\0", name, content);
    [&start, &[0; 10][..], &(offset as u32).to_le_bytes(), name.as_bytes()].concat()
}

/// The members with a directory of their entries behind them.
pub(super) fn with_directory(members: &[u8], entries: &[Vec<u8>]) -> Vec<u8> {
    let directory = entries.concat();
    let mut out = [members, &directory[..]].concat();
    let count = (entries.len() as u16).to_le_bytes();
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    out.extend([directory.len() as u32, members.len() as u32].map(u32::to_le_bytes).concat());
    out.extend([0, 0]);
    out
}

/// A `.pth` file whose directory has an entry more that names the bytes of its only storage, or those within its data.
pub(super) fn overlapping(second: &str, whole: bool) -> Vec<u8> {
    let pickle = [b"\x80\x02}(", &tensor_pickle("w")[..], b"u."].concat();
    let second = format!("a/{second}");
    let inner = local(&second, b"1234");
    let storage = if whole { b"1234".to_vec() } else { inner.clone() };
    let mut out = local("a/data.pkl", &pickle);
    let at = out.len();
    out.extend(local("a/data/0", &storage));
    let inside = if whole { at } else { out.len() - inner.len() };
    let entries = [entry("a/data.pkl", &pickle, 0), entry("a/data/0", &storage, at), entry(&second, b"1234", inside)];
    with_directory(&out, &entries)
}

/// A `.pth` file of so many tensors whose storages are all the same bytes of the file.
pub(super) fn quadratic(tensors: usize, bytes: usize) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for number in 0..tensors {
        let (key, name) = (number.to_string(), format!("t{number}"));
        let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
        let size = [b"J", &(bytes as i32).to_le_bytes()[..]].concat();
        pickle.extend([&text(&name)[..], b"ctorch._utils\n_rebuild_tensor_v2\n(("].concat());
        pickle.extend(
            [&text("storage")[..], b"ctorch\nByteStorage\n", &text(&key), &text("cpu"), &size, b"tQK\0"].concat(),
        );
        pickle.extend([&size[..], b"\x85K\x01\x85\x89}tR"].concat());
    }
    pickle.extend(b"u.");
    let storage = vec![0; bytes];
    let mut out = local("a/data.pkl", &pickle);
    let at = out.len();
    out.extend(local("a/data/0", &storage));
    let shared = entry("a/data/0", &storage, at);
    let mut entries = vec![entry("a/data.pkl", &pickle, 0)];
    entries.extend((0..tensors).map(|number| {
        let name = format!("a/data/{number}");
        let mut entry = shared[..46].to_vec();
        entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
        [&entry, name.as_bytes()].concat()
    }));
    with_directory(&out, &entries)
}

/// CRC-32 as zip archives have it.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}
