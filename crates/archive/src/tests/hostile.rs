//! Archives made to do harm: each is refused as wrong data, and nothing is written, neither outside nor inside.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::testing::member;
use super::super::{Archive, MemberSpec};
use super::making::*;
use crate::testing::{Member, crc, end, lying_zip, wide_end, zip};
use base::error::Kind;

/// Opens and unpacks everything.
fn refused(what: &str, file: &str, bytes: &[u8], why: &str) {
    let place = tempfile::tempdir().unwrap();
    let inner = place.path().join("x/y");
    std::fs::create_dir_all(&inner).unwrap();
    let path = inner.join(file);
    std::fs::write(&path, bytes).unwrap();
    let before = tree(place.path());
    let error = all(&path, &inner.join("to")).expect_err(what);
    assert!(error.kind() == Kind::Data && error.to_string().contains(why), "{what}: {error}");
    assert_eq!(tree(place.path()), before, "{what}");
}

fn refused_zip(what: &str, bytes: &[u8], why: &str) {
    refused(what, "a.zip", bytes, why);
}

#[test]
fn names_that_lead_elsewhere() {
    for name in [
        "../evil",
        "a/../../evil",
        "/tmp/evil",
        "C:\\evil",
        "C:evil",
        "a\\..\\evil",
        "..",
        "a//b",
        "./a",
        "a\0.jpg",
        "a/./b",
        "",
        "a\r\nb",
        "/",
    ] {
        let evil = Member::stored(name, b"evil");
        refused_zip(name, &zip(&[Member::stored("good", b"good"), evil]), "the name");
    }
    let latin = Member { name: b"caf\xe9".to_vec(), ..Member::stored("", b"x") };
    refused_zip("not UTF-8", &zip(&[latin]), "not UTF-8");
    refused_zip("long", &zip(&[Member::stored(&"a/".repeat(600), b"")]), "too long");
    // A second name in an extra field (0x7075) that some unpackers use instead.
    let mut two = Member::stored("good", b"x");
    let local = two.local().len();
    let mut bytes = zip(&[two.clone()]);
    let mut field = b"\x75\x70\x0c\x00\x01".to_vec();
    field.extend(crc(b"good").to_le_bytes());
    field.extend(b"../evil");
    two.offset = 0;
    let start = local + 1;
    let mut central = two.central();
    central[30..32].copy_from_slice(&(field.len() as u16).to_le_bytes());
    central.extend(&field);
    bytes.truncate(start);
    bytes.extend(&central);
    bytes.extend(end(1, central.len() as u32, start as u32));
    refused_zip("two names", &bytes, "");
}

#[test]
fn names_that_contradict_each_other() {
    let [a, b, c] = ["a", "a/b", "a/"].map(|name| Member { attributes: 0, ..Member::stored(name, b"") });
    refused_zip("twice", &zip(&[a.clone(), a.clone()]), "same name");
    refused_zip("file and folder", &zip(&[a.clone(), b.clone()]), "is a file and also the folder");
    refused_zip("folder and file", &zip(&[b, a.clone()]), "is a file and also the folder");
    refused_zip("both kinds", &zip(&[a, c]), "there twice");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.zip");
    std::fs::write(&path, zip(&[Member::stored("x/a.tsv", b"1"), Member::stored("y/a.tsv", b"2")])).unwrap();
    let error = content(&path, "a.tsv").unwrap_err().to_string();
    assert!(error.contains("it has 2 files of that name: x/a.tsv, y/a.tsv"), "{error}");
    let error = content(&path, "b.tsv").unwrap_err().to_string();
    assert!(error.contains("it has no file named \"b.tsv\"; it contains 2 files: x/a.tsv, y/a.tsv"), "{error}");
    let small = MemberSpec { size_max: 0, ..member("a.tsv") };
    std::fs::write(&path, zip(&[Member::stored("x/a.tsv", b"1")])).unwrap();
    let error = Archive::open(&path).unwrap().file(&small).err().unwrap().to_string();
    assert!(error.contains("has 1 bytes; at most 0 are expected"), "{error}");
}

#[test]
fn links_devices_and_what_is_not_unpacked() {
    for (what, mode) in [("link", 0o120_777_u32), ("device", 0o020_666), ("socket", 0o140_644), ("folder", 0o040_755)] {
        let evil = Member { attributes: mode << 16, ..Member::stored("evil", b"/etc/passwd") };
        let inside = Member::stored("evil/passwd", b"x");
        refused_zip(what, &zip(std::slice::from_ref(&evil)), "a link, a device, or not");
        refused_zip(what, &zip(&[evil, inside]), "a link, a device, or not");
    }
    let file = Member { attributes: 0o100_644 << 16, ..Member::stored("evil/", b"") };
    refused_zip("file named as a folder", &zip(&[file]), "not what its name says");
    refused_zip("folder with content", &zip(&[Member { attributes: 0, ..Member::stored("a/", b"x") }]), "with content");
    refused_zip("encrypted", &zip(&[Member { flags: 1, ..Member::stored("a", b"x") }]), "encrypted");
    refused_zip("strongly encrypted", &zip(&[Member { flags: 0x41, ..Member::stored("a", b"x") }]), "encrypted");
    for method in [1, 6, 9, 12, 14, 93, 95, 98, 99, 1000] {
        let other = Member { method, ..Member::stored("a", b"x") };
        refused_zip("method", &zip(&[other]), "");
    }
}

#[test]
fn lies_about_sizes_and_checksums() {
    let text = b"some text that is not very short, not very short at all".repeat(20);
    for good in [Member::stored("a", &text), Member::deflated("a", &text)] {
        let one = std::slice::from_ref(&good);
        for (what, size) in [("larger", good.size + 1), ("smaller", good.size - 1), ("nothing", 0)] {
            let liar = Member { size, ..good.clone() };
            refused_zip(what, &zip(&[liar]), "");
            refused_zip(what, &lying_zip(one, |listed| listed.size = size), "");
        }
        refused_zip("packed", &zip(&[Member { packed: good.packed - 1, ..good.clone() }]), "");
        refused_zip("packed", &lying_zip(one, |listed| listed.packed -= 1), "");
        refused_zip("crc", &zip(&[Member { crc: 1, ..good.clone() }]), "CRC-32");
        refused_zip("crc", &lying_zip(one, |listed| listed.crc ^= 1), "CRC32");
        refused_zip("name", &lying_zip(one, |listed| listed.name = b"b".to_vec()), "filename mismatch");
        refused_zip("method", &lying_zip(one, |listed| listed.method ^= 8), "");
        refused_zip("offset", &lying_zip(one, |listed| listed.offset = 7), "");
        refused_zip("far offset", &lying_zip(one, |listed| listed.offset = 1 << 30), "");
    }
    let hidden =
        Member { data: [Member::deflated("a", &text).data, b"more".to_vec()].concat(), ..Member::deflated("a", &text) };
    refused_zip("hidden", &zip(&[Member { packed: hidden.data.len() as u64, ..hidden }]), "packed bytes are used");
}

#[test]
fn bombs() {
    let zeros = Member::deflated("zeros", &vec![0; 1 << 20]);
    refused_zip("declared", &zip(&[Member { size: zeros.packed * 1032 + 1, ..zeros.clone() }]), "cannot unpack to");
    let wide = Member { size: u64::MAX - 1, wide: true, ..zeros.clone() };
    refused_zip("declared wide", &zip(&[wide]), "cannot unpack to");
    refused_zip("undeclared", &zip(&[Member { size: 10, ..zeros.clone() }]), "more than 10 bytes");
    let many: Vec<Member> = (0..8).map(|at| Member { name: format!("{at}").into(), ..zeros.clone() }).collect();
    refused_zip("in all", &zip(&many), "more than 1048576 bytes");
}

/// Many members whose data is one and the same, as D. Fifield describes them ("A better zip bomb", 2019).
#[test]
fn members_that_overlap() {
    let kernel = Member::deflated("kernel", &[0; 100_000]);
    // Every member's data is a stored block that quotes the header of the next one, and then that one's data.
    let mut members = vec![kernel.clone()];
    let mut content = vec![0; 100_000];
    for at in 0..5 {
        let next = members.last().unwrap();
        let header = next.local();
        let mut data = vec![0];
        data.extend((header.len() as u16).to_le_bytes());
        data.extend((!(header.len() as u16)).to_le_bytes());
        data.extend(&header);
        data.extend(&next.data);
        content = [header, content].concat();
        let (packed, size) = (data.len() as u64, content.len() as u64);
        let (name, crc) = (format!("quote{at}").into(), crc(&content));
        members.push(Member { name, crc, packed, size, data, ..kernel.clone() });
    }
    members.reverse();
    let mut bytes = [members[0].local(), members[0].data.clone()].concat();
    let mut directory = Vec::new();
    let mut offset = 0;
    for member in &members {
        directory.extend(Member { offset, ..member.clone() }.central());
        offset += member.local().len() as u64 + 5;
    }
    let start = bytes.len();
    bytes.extend(&directory);
    bytes.extend(end(members.len() as u16, directory.len() as u32, start as u32));
    refused_zip("quoted", &bytes, "overlapping");
    let same = lying_zip(&[kernel.clone(), Member { name: b"other1".to_vec(), ..kernel }], |listed| listed.offset = 0);
    refused_zip("the same", &same, "");
}

#[test]
fn members_that_reach_outside_or_are_not_listed() {
    let [a, b] = ["a", "b"].map(|name| Member::stored(name, b"content"));
    let good = zip(&[a.clone(), b.clone()]);
    let reaching = Member { packed: 60, size: 60, ..b.clone() };
    refused_zip("into the directory", &zip(&[a.clone(), reaching]), "overlapping");
    let start = a.local().len() + a.data.len();
    let directory_start = good.len() - 22 - 2 * 47;
    let mut unlisted = good[..directory_start].to_vec();
    unlisted.extend(a.central());
    unlisted.extend(end(1, 47, directory_start as u32));
    refused_zip("not listed", &unlisted, "missing from central directory");
    refused_zip("bytes before", &[&b"before"[..], &good].concat(), "bytes are missing or were added");
    refused_zip("bytes behind", &[&good[..], b"behind"].concat(), "bytes behind its end");
    refused_zip("two archives", &[&good[..], &good].concat(), "bytes are missing or were added");
    refused_zip(
        "its middle is gone",
        &[&good[..start], &good[start + 3..]].concat(),
        "bytes are missing or were added",
    );
}

#[test]
fn directories_that_claim_too_much() {
    let good = zip(&[Member::stored("a", b"x")]);
    let (start, stop) = (32, good.len() - 22);
    let size = stop - start;
    let with = |ends: &[u8]| [&good[..stop], ends].concat();
    for (what, ends, why) in [
        ("entries", end(2, size as u32, start as u32), "cannot hold 2 entries"),
        ("all entries", end(u16::MAX, size as u32, start as u32), "cannot hold 65535 entries"),
        ("none", end(0, size as u32, start as u32), "does not hold what"),
        ("size", end(1, size as u32 + 1, start as u32), "bytes are missing"),
        ("start", end(1, size as u32, start as u32 + 1), "bytes are missing"),
        ("nothing", b"PK\x05\x06".to_vec(), "cut short"),
    ] {
        refused_zip(what, &with(&ends), why);
    }
    let plain = end(u16::MAX, u32::MAX, u32::MAX);
    let wide = |entries, size, start, at| with(&[wide_end(entries, size, start, at), plain.clone()].concat());
    let (size, start, at) = (size as u64, start as u64, stop as u64);
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a.zip"), wide(1, size, start, at)).unwrap();
    assert_eq!(content(&place.path().join("a.zip"), "a").unwrap(), b"x");
    for (what, bytes, why) in [
        ("entries", wide(1 << 40, size, start, at), "too much"),
        ("more entries", wide(3, size, start, at), "cannot hold 3"),
        ("size", wide(1, u64::MAX, start, at), "bytes are missing"),
        ("large", wide(1, size, u64::MAX - size + 1, at), "bytes are missing"),
        ("locator", wide(1, size, start, at + 1), "where it should"),
        ("locator before", wide(1, size, start, at - 1), "damaged"),
        ("far locator", wide(1, size, start, u64::MAX), "where it should"),
        ("no locator", with(&plain), "bytes are missing"),
        ("two ends", with(&[wide_end(1, size, start, at), end(1, 5, start as u32)].concat()), "contradict"),
    ] {
        refused_zip(what, &bytes, why);
    }
    for bytes in [&b""[..], b"P", b"a text of any kind", &[0; 70_000]] {
        refused_zip("no archive", bytes, "cut short");
    }
}

#[test]
fn tarballs() {
    let tarball = |change: &dyn Fn(&mut tar::Header), name: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        change(&mut header);
        header.set_cksum();
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(header.as_bytes()).unwrap();
        out.write_all(&[&b"evil"[..], &[0; 508 + 1024]].concat()).unwrap();
        out.finish().unwrap()
    };
    let good = tarball(&|_| {}, b"./x/a");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.tar.gz");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(content(&path, "a").unwrap(), b"evil");
    refused("folder", "a.tar.gz", &good, "from zip archives only");
    for name in [&b"../a"[..], b"/a", b"a/../b", b"a\\b", b"././a", b"a\xff"] {
        refused("name", "a.tar.gz", &tarball(&|_| {}, name), "the name");
    }
    use tar::EntryType;
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo, EntryType::GNUSparse] {
        refused("kind", "a.tar.gz", &tarball(&|header| header.set_entry_type(kind), b"a"), "not unpacked");
    }
    refused(
        "folder",
        "a.tar.gz",
        &tarball(&|header| header.set_entry_type(EntryType::Directory), b"a/"),
        "has content",
    );
    refused("long", "a.tar.gz", &tarball(&|header| header.set_size(1 << 40), b"a"), "");
    for stop in (2..good.len()).step_by(3) {
        std::fs::write(&path, &good[..stop]).unwrap();
        assert_eq!(content(&path, "a").unwrap_err().kind(), Kind::Data, "{stop}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            std::fs::write(&path, bad).unwrap();
            if let Ok(found) = content(&path, "a") {
                assert_eq!(found, b"evil", "byte {at}, bit {bit}");
            }
        }
    }
}
