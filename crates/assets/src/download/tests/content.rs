//! Tests with wrong bytes: other versions, wrong sizes, flipped bits, web pages.

use super::super::super::lock::Demands;
use super::faults::*;
use crate::manifest::Checksums;
use base::error::Kind;
use base::files;
use fixtures::server::{Fault, Served};

#[test]
fn every_flipped_byte_is_detected() {
    let bytes = content(300);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    for at in 0..bytes.len() {
        bench.server.faults(PATH, [Fault::Corrupt(at as u64)]);
        bench.fails(Kind::Checksum, "gave another file: its sha256 is");
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        let kept = bench.place().suspect(&files::sha256_bytes(&wrong));
        assert_eq!(std::fs::read(&kept).unwrap(), wrong, "the suspect is kept");
        std::fs::remove_file(kept).unwrap();
    }
    // A flipped byte in the partial file of an earlier run.
    let file = Served::new(bytes.clone());
    for at in 0..200 {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), ..Bench::new(file.clone(), known(&bytes)) };
        let mut left = bytes[..200].to_vec();
        left[at] ^= 0x80;
        bench.leave(&left, &bench.urls[0], etag(&file), Some(300));
        assert_eq!(bench.fetch().unwrap().receipt.sha256(), files::sha256_bytes(&bytes));
        assert_eq!(bench.server.starts(), [200, 0]);
        std::fs::remove_file(bench.place().file()).unwrap();
    }
}

#[test]
fn md5_and_git_blob_are_checked_too() {
    let bytes = content(1000);
    let all = Checksums { sha256: None, md5: Some(String::new()), git_blob: Some(String::new()) };
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &bytes).unwrap();
    let right = crate::digest::hash_file(path.path(), &all, &mut |_| {}).unwrap();
    let only = Checksums { sha256: None, ..right };
    let file = Served { length: false, ..Served::new(bytes.clone()) };
    let bench = Bench::new(file.clone(), Demands { checksums: only.clone(), ..Demands::default() });
    bench.gives(&bytes);
    for wrong in
        [Checksums { md5: Some("0".repeat(32)), ..only.clone() }, Checksums { git_blob: Some("0".repeat(40)), ..only }]
    {
        Bench::new(file.clone(), Demands { checksums: wrong, ..Demands::default() })
            .fails(Kind::Checksum, "gave another file");
    }
}

#[test]
fn sizes_and_bounds_are_checked() {
    let bytes = content(300_000);
    let less = Demands { size: Some(299_999), ..known(&bytes) };
    let bench = Bench::new(Served::new(bytes.clone()), less.clone());
    bench.fails(Kind::Checksum, "another file: it has 300000 bytes, not 299999");
    assert_eq!(bench.fetch().unwrap_err().to_string().matches("caused by").count(), 1);

    let bench = Bench::new(Served { length: false, ..Served::new(bytes.clone()) }, less);
    bench.fails(Kind::Checksum, "sends more than 299999 bytes");
    let bound = Demands { upper_bound: Some(1000), ..Demands::default() };
    Bench::new(Served::new(bytes.clone()), bound.clone()).fails(Kind::Checksum, "more than the 1000 it can have");
    Bench::new(Served { length: false, ..Served::new(bytes.clone()) }, bound).fails(Kind::Checksum, "more than 1000");

    let least = Demands { lower_bound: Some(300_001), ..Demands::default() };
    Bench::new(Served::new(bytes.clone()), least.clone()).fails(Kind::Checksum, "fewer than the 300001 it must have");
    Bench::new(Served { length: false, ..Served::new(bytes.clone()) }, least).fails(Kind::Checksum, "fewer than the");

    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.server.faults(PATH, [Fault::Many(10)]);
    bench.fails(Kind::Checksum, "sends more than 300000 bytes");
    bench.server.faults(PATH, [Fault::Length(300_001)]);
    bench.fails(Kind::Checksum, "has 300001 bytes");
    bench.server.faults(PATH, vec![Fault::Few(1000); 9]);
    bench.fails(Kind::Network, "ended after");
}

#[test]
fn responses_that_are_not_the_file_are_refused_at_once() {
    let bytes = content(1000);
    for (fault, why) in [
        (Fault::Page, "answered with a web page"),
        (Fault::Encoded("gzip"), "the encoding gzip"),
        (Fault::Status(404, vec![]), "answered 404 Not Found"),
        (Fault::Status(401, vec![]), "answered 401"),
        (Fault::Status(304, vec![]), "answered 304"),
    ] {
        let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
        bench.server.faults(PATH, [fault]);
        bench.fails(Kind::Network, why);
        assert_eq!(bench.server.records().len(), 1, "requested once only");
    }
}

#[test]
fn without_a_strong_etag_a_download_resumes_only_with_a_checksum() {
    let bytes = content(300_000);
    let weak = Served { etag: Some("W/\"1\"".into()), last_modified: None, ..Served::new(bytes.clone()) };
    for file in [weak, Served::new(bytes.clone()).without_validators()] {
        let bench = Bench::new(file.clone(), Demands::default());
        bench.server.faults(PATH, [Fault::Drop(100_000)]);
        bench.gives(&bytes);
        assert_eq!(bench.server.starts(), [0, 0]);

        let bench = Bench::new(file, known(&bytes));
        bench.server.faults(PATH, [Fault::Drop(100_000)]);
        bench.gives(&bytes);
        assert_eq!(bench.server.starts(), [0, 100_000]);
        assert!(!bench.last().headers.contains_key("if-range"));
    }
    // Bytes of two versions: the checksum detects the mixture, which is moved aside, and the file is fetched from scratch.
    let bench = Bench::new(Served::new(bytes.clone()).without_validators(), known(&bytes));
    bench.leave(&vec![0; 100_000], &bench.urls[0], None, None);
    let arrival = bench.fetch().unwrap();
    assert_eq!(arrival.receipt.sha256(), files::sha256_bytes(&bytes));
    assert_eq!(bench.server.starts(), [100_000, 0]);
    assert!(bench.names().iter().any(|name| name.starts_with("a.bin.suspect-")), "{:?}", bench.names());
}

#[test]
fn a_changed_file_is_never_joined_to_the_old_one() {
    let (old, new) = (content(300_000), content(290_000).into_iter().rev().collect::<Vec<_>>());
    // Nothing is known about the file: only the version can tell.
    for file in [Served::new(new.clone()), Served { etag: None, ..Served::new(new.clone()) }] {
        let modified = Some("Mon, 07 Nov 1994 08:49:37 GMT".to_owned());
        let after = Served { last_modified: modified, ..file };
        let before = Served { etag: after.etag.as_ref().map(|_| "\"old\"".into()), ..Served::new(old.clone()) };
        let bench = Bench::new(before, Demands::default());
        bench.server.faults(PATH, [Fault::Drop(100_000), Fault::Changed(Box::new(after))]);
        bench.gives(&new);
        assert_eq!(bench.server.starts(), [0, 100_000]);
        assert!(bench.said("starts from scratch"));
    }
    // A server that ignores If-Range still reports another version.
    let bench = Bench::new(Served::new(old.clone()), Demands::default());
    bench.leave(&new[..1000], &bench.urls[0], Some(super::super::sidecar::Validator::Etag("\"other\"".into())), None);
    bench.server.faults(PATH, [Fault::Careless]);
    bench.gives(&old);
    assert_eq!(bench.server.starts(), [1000, 0]);
}

#[test]
fn after_an_unsatisfiable_range_the_file_is_requested_again() {
    let bytes = content(1000);
    let file = Served::new(bytes.clone());
    let too_long = [bytes.clone(), vec![0; 10]].concat();
    for (demands, left) in [(known(&bytes), &too_long), (Demands::default(), &too_long), (Demands::default(), &bytes)] {
        let bench = Bench::new(file.clone(), demands);
        bench.leave(left, &bench.urls[0], etag(&file), None);
        bench.gives(&bytes);
        let asked_again = u64::from(left.len() != bytes.len());
        assert_eq!(bench.server.starts().len() as u64, 1 + asked_again);
    }
    assert_eq!(survives([Fault::Drop(100_000), Fault::Status(416, vec![])]), [0, 100_000, 0]);
}

#[test]
fn a_complete_partial_file_is_verified_without_a_request() {
    let bytes = content(5000);
    for demands in [known(&bytes), Demands::default()] {
        let bench = Bench::new(Served::new(bytes.clone()), demands);
        bench.leave(&bytes, &bench.urls[0], None, Some(5000));
        assert_eq!(bench.gives(&bytes), 0);
        assert_eq!(bench.server.records(), []);
    }
    // Without a checksum, a partial file from a source that is no longer listed is not used.
    let bench = Bench::new(Served::new(bytes.clone()), Demands::default());
    bench.leave(&bytes, "https://elsewhere.org/a", None, Some(5000));
    assert_eq!(bench.gives(&bytes), 5000);
}

#[test]
fn after_a_power_cut_only_synced_bytes_count() {
    let bytes = content(10_000);
    let bench = Bench::new(Served::new(bytes.clone()), Demands::default());
    // The machine lost power before the zeros were replaced.
    bench.leave(
        &[&bytes[..1000], &[0; 4000]].concat(),
        &bench.urls[0],
        etag(&Served::new(bytes.clone())),
        Some(10_000),
    );
    let path = bench.place().sidecar();
    let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    (text["boot"], text["synced"]) = ("an earlier one".into(), 1000.into());
    std::fs::write(&path, text.to_string()).unwrap();
    assert_eq!(bench.gives(&bytes), 9000);
    assert_eq!(bench.server.starts(), [1000]);
}
