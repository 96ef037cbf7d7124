use std::path::Path;

use super::unpack::*;
use crate::manifest::Unpack;
use crate::paths::AssetPaths;
use archive::testing::{Member, zip};
use archive::{Archive, MemberSpec};
use base::error::Kind;
use base::files;
use fixtures::small_disk::SmallDisk;

fn member(name: &str) -> Unpack {
    Unpack {
        member: name.into(),
        folder: false,
        path: name.into(),
        size_max: 1 << 20,
        size_min: None,
        sha256: None,
        expect: None,
    }
}

#[test]
fn a_file_appears_complete_and_verified_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let text: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(at) >> 11) as u8).collect();
    let good = zip(&[Member::deflated("x/a.json", &text)]);
    std::fs::write(&path, &good).unwrap();
    let paths = AssetPaths::new(folder.path(), "a", Path::new("data/a.json"));
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(paths.part(), b"left by a killed process").unwrap();
    let sha256 = files::sha256_bytes(&text);
    let wanted = Unpack { size_max: 3_000_000, sha256: Some(sha256.clone()), ..member("a.json") };
    let archive = Archive::open(&path).unwrap();
    let mut seen = 0;
    let unpacked = unpack_file(&archive, &wanted, &paths, &mut |bytes| seen += bytes).unwrap();
    assert_eq!((unpacked.size, unpacked.hashes.sha256.as_deref(), seen), (3_000_000, Some(sha256.as_str()), 3_000_000));
    assert!(std::fs::read(paths.file()).unwrap() == text && !paths.part().exists());

    let other = Unpack { sha256: Some("0".repeat(64)), ..wanted.clone() };
    let error = unpack_file(&archive, &other, &paths, &mut |_| {}).unwrap_err();
    assert!(error.kind() == Kind::Checksum && error.to_string().contains(&sha256), "{error}");
    let mut bad = good;
    bad[100_000] ^= 1;
    std::fs::write(&path, bad).unwrap();
    let error = unpack_file(&Archive::open(&path).unwrap(), &wanted, &paths, &mut |_| {}).unwrap_err();
    assert!(error.kind() == Kind::Data && error.to_string().contains("x/a.json"), "{error}");
    assert!(std::fs::read(paths.file()).unwrap() == text && !paths.part().exists(), "the old file stays");
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_left() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let half = vec![7; 600_000];
    std::fs::write(&path, zip(&[Member::deflated("a", &half), Member::deflated("b", &half.repeat(2))])).unwrap();
    let archive = Archive::open(&path).unwrap();
    let paths = AssetPaths::new(disk.path(), "b", Path::new("b"));
    let large = Unpack { size_max: 1 << 21, ..member("b") };
    let error = unpack_file(&archive, &large, &paths, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Disk, "{error}");
    let everything = MemberSpec { name: String::new(), size_max: 1 << 21 };
    let error = archive.folder(&everything, &disk.path().join("to"), &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Disk, "{error}");
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
    let small = AssetPaths::new(disk.path(), "a", Path::new("a"));
    assert_eq!(unpack_file(&archive, &member("a"), &small, &mut |_| {}).unwrap().size, 600_000);
}
