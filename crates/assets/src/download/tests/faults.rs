//! Tests with failing sources, and helpers of all download tests.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::super::super::lock::Demands;
use super::super::sources::*;
use super::super::*;
use crate::download::hosts::Hosts;
use crate::event::Event;
use crate::manifest::Checksums;
use crate::paths::AssetPaths;
use base::error::{Kind, Result};
use base::files;
use base::progress::{self, Observer};
use fixtures::server::{Fault, Record, Served, Server};

pub(super) const PATH: &str = "/a.bin";

/// An observer that collects events.
#[derive(Default)]
pub(super) struct Ear(Mutex<Vec<Event>>);

impl Observer<Event> for Ear {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A workspace, a server, and the demands on the file.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) server: Server,
    pub(super) demands: Demands,
    pub(super) urls: Vec<String>,
    pub(super) network: Network,
    pub(super) ear: Ear,
}

/// Returns bytes without a pattern, so that a shift changes them.
pub(super) fn content(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..size).map(|_| next()).collect()
}

pub(super) fn known(bytes: &[u8]) -> Demands {
    Demands {
        size: Some(bytes.len() as u64),
        lower_bound: None,
        upper_bound: Some(bytes.len() as u64),
        checksums: Checksums { sha256: Some(files::sha256_bytes(bytes)), ..Checksums::default() },
        contradiction: false,
    }
}

impl Bench {
    pub(super) fn new(file: Served, demands: Demands) -> Self {
        let server = Server::start();
        let urls = vec![server.put(PATH, file)];
        let network = Network { stall: Duration::from_secs(1), retries: 4, first_wait: Duration::from_millis(1) };
        Self { folder: tempfile::tempdir().unwrap(), server, demands, urls, network, ear: Ear::default() }
    }

    pub(super) fn place(&self) -> AssetPaths {
        AssetPaths::new(self.folder.path(), "a", "data/a.bin".as_ref())
    }

    pub(super) fn fetch(&self) -> Result<Download> {
        let place = self.place();
        let job = Job {
            name: "a",
            paths: &place,
            demands: &self.demands,
            urls: &self.urls,
            by_hand: &[],
            network: &self.network,
            hosts: &Hosts::default(),
            observer: &self.ear,
            still_mine: &|| true,
        };
        download(&job, &HttpClient::new(&self.network))
    }

    /// Writes what a killed process leaves: a partial file and its sidecar.
    pub(super) fn leave(&self, bytes: &[u8], url: &str, validator: Option<sidecar::Validator>, total: Option<u64>) {
        std::fs::create_dir_all(self.place().file().parent().unwrap()).unwrap();
        std::fs::write(self.place().part(), bytes).unwrap();
        sidecar::Sidecar::new(url, validator, total, 0).write(&self.place().sidecar()).unwrap();
    }

    #[track_caller]
    pub(super) fn gives(&self, bytes: &[u8]) -> u64 {
        let arrival = self.fetch().unwrap_or_else(|error| panic!("{error}"));
        assert!(std::fs::read(self.place().file()).unwrap() == bytes, "the file is another one");
        assert_eq!(arrival.receipt.sha256(), files::sha256_bytes(bytes));
        assert_eq!(self.names(), ["a.bin"], "nothing else is left");
        arrival.transferred
    }

    #[track_caller]
    pub(super) fn fails(&self, kind: Kind, why: &str) {
        let error = self.fetch().expect_err("it must fail");
        assert!(error.kind() == kind && error.to_string().contains(why), "{error}");
        assert!(!self.place().file().exists());
    }

    pub(super) fn names(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.folder.path().join("data")).unwrap();
        let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(super) fn said(&self, text: &str) -> bool {
        let has = |event: &Event| match event {
            Event::Progress(progress::Event::Note { text: said, .. } | progress::Event::Waiting { why: said, .. }) => {
                said.contains(text)
            }
            _ => false,
        };
        self.ear.0.lock().unwrap().iter().any(has)
    }

    pub(super) fn last(&self) -> Record {
        self.server.records().last().cloned().unwrap()
    }
}

pub(super) fn etag(file: &Served) -> Option<sidecar::Validator> {
    file.etag.clone().map(sidecar::Validator::Etag)
}

/// Downloads a file with known size and checksum from a server with these faults; it must succeed. Returns the first byte of
/// each request.
#[track_caller]
pub(super) fn survives(faults: impl IntoIterator<Item = Fault>) -> Vec<u64> {
    let bytes = content(300_000);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.server.faults(PATH, faults);
    bench.gives(&bytes);
    bench.server.starts()
}

#[test]
fn a_simple_download_sends_one_request_without_encoding() {
    let bytes = content(100_000);
    for file in [Served::new(bytes.clone()), Served { length: false, ..Served::new(bytes.clone()) }] {
        let bench = Bench::new(file, known(&bytes));
        assert_eq!(bench.gives(&bytes), 100_000);
        assert_eq!(bench.server.starts(), [0]);
        let headers = bench.last().headers;
        assert_eq!(headers["accept-encoding"], "identity");
        assert_eq!(headers["user-agent"], concat!("lxmert-repro/", env!("CARGO_PKG_VERSION")));
        assert!(!headers.contains_key("range") && !headers.contains_key("if-range"));
    }
    let empty = Bench::new(Served::new([]), known(&[]));
    empty.gives(&[]);
}

#[test]
fn bytes_that_arrived_before_a_disconnect_are_not_requested_again() {
    assert_eq!(survives([Fault::Drop(100_000), Fault::Drop(50_000)]), [0, 100_000, 150_000]);
    assert_eq!(survives([Fault::Hang, Fault::None]), [0, 0]);
    assert_eq!(survives([Fault::Stall(70_000)]), [0, 70_000]);
    assert_eq!(survives([Fault::Few(20_000)]), [0, 280_000]);
    // More errors than retries, but with progress each time.
    let bytes = content(3_000_000);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.server.faults(PATH, vec![Fault::Drop(300_000); 9]);
    assert_eq!(bench.gives(&bytes), 3_000_000);
    assert_eq!(bench.last().headers["if-range"], Served::new(bytes).etag.unwrap());
}

#[test]
fn no_progress_ends_in_a_network_error_and_keeps_what_arrived() {
    let bytes = content(300_000);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    let stuck = std::iter::once(Fault::Drop(100_000)).chain(vec![Fault::Drop(0); 4]);
    bench.server.faults(PATH, stuck);
    bench.fails(Kind::Network, "given up after 5 attempts");
    assert_eq!(bench.names(), ["a.bin.part", "a.bin.part.json"]);
    assert_eq!(bench.gives(&bytes), 200_000, "a later run resumes");
}

#[test]
fn a_busy_server_is_retried_after_the_requested_time() {
    let soon = |value: String| Fault::Status(503, vec![("Retry-After", value)]);
    assert_eq!(survives([soon("0".into()), Fault::Status(429, vec![]), Fault::Status(408, vec![])]), [0; 4]);
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(2));
    for (value, at_least) in [("1".to_owned(), 1.0), (date, 0.0)] {
        let bytes = content(9);
        let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
        bench.server.faults(PATH, [soon(value)]);
        let start = std::time::Instant::now();
        bench.gives(&bytes);
        assert!(start.elapsed().as_secs_f64() >= at_least && bench.said("503"));
    }
}

#[test]
fn without_ranges_a_download_starts_from_scratch() {
    let bytes = content(300_000);
    let bench = Bench::new(Served { ranges: false, ..Served::new(bytes.clone()) }, known(&bytes));
    bench.server.faults(PATH, [Fault::Drop(100_000)]);
    assert_eq!(bench.gives(&bytes), 400_000);
    assert!(bench.said("starts from scratch"));
    assert_eq!(survives([Fault::Drop(100_000), Fault::Whole]), [0, 100_000]);
}

#[test]
fn a_wrong_content_range_is_detected() {
    assert_eq!(survives([Fault::Drop(100_000), Fault::Shifted(7)]), [0, 100_000, 0]);
    assert_eq!(survives([Fault::Drop(100_000), Fault::Total(300_001)]), [0, 100_000, 0]);
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let bytes = content(300_000);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.server.put("/b/c", Served::new(bytes.clone()));
    let to = || Fault::Redirect("/b/c".into());
    bench.server.faults(PATH, [to(), to()]);
    bench.server.faults("/b/c", [Fault::Drop(100_000)]);
    bench.gives(&bytes);
    let asked: Vec<_> = bench.server.records().into_iter().map(|record| (record.path, record.from)).collect();
    let path = |path: &str, from| (path.to_owned(), from);
    assert_eq!(asked, [path(PATH, None), path("/b/c", None), path(PATH, Some(100_000)), path("/b/c", Some(100_000))]);

    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.server.faults(PATH, vec![Fault::Redirect(PATH.into()); 30]);
    bench.fails(Kind::Network, "redirect");
    assert_eq!(bench.server.records().len(), 11);
}

#[test]
fn the_next_source_is_tried() {
    let bytes = content(300_000);
    let mut bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    let other = bench.server.put("/other", Served { etag: Some("\"its own\"".into()), ..Served::new(bytes.clone()) });
    bench.urls.push(other.clone());
    bench.server.faults(PATH, [Fault::Status(404, vec![])]);
    bench.gives(&bytes);
    assert!(bench.said("404"));

    // The other source resumes where the first one ended, since the checksum is known …
    let go_on = |demands: Demands| {
        let mut next = Bench::new(Served::new(bytes.clone()), demands);
        next.urls
            .push(next.server.put("/other", Served { etag: Some("\"its own\"".into()), ..Served::new(bytes.clone()) }));
        next.server.faults(PATH, [Fault::Drop(100_000), Fault::Status(410, vec![])]);
        next.gives(&bytes);
        assert!(!next.last().headers.contains_key("if-range"), "its versions are not the other's");
        next.server.starts()
    };
    assert_eq!(go_on(known(&bytes)), [0, 100_000, 100_000]);
    // … and otherwise starts from scratch.
    assert_eq!(go_on(Demands::default()), [0, 100_000, 0]);

    // All sources fail: the error names each with its reason.
    let mut bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.urls = vec![bench.urls[0].clone(), bench.server.url("/none"), bench.urls[0].replace("http:", "https:")];
    bench.server.faults(PATH, [Fault::Corrupt(0), Fault::None]);
    let error = bench.fetch().unwrap_err();
    let text = error.to_string();
    assert_eq!((error.kind(), text.matches("caused by").count()), (Kind::Checksum, 3), "{text}");
    assert!(
        text.contains(&files::sha256_bytes(&bytes)) && text.contains(".suspect-") && text.contains("404"),
        "{text}"
    );
}

#[test]
fn a_server_with_an_untrusted_certificate_is_tried_once() {
    let bytes = content(10);
    let mut bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    bench.urls[0] = bench.urls[0].replace("http:", "https:");
    bench.fails(Kind::Network, "https://127.0.0.1");
    assert!(!bench.said("attempts"), "a broken handshake is not retried");
    bench.urls[0] = "http://127.0.0.1:1/a".into();
    bench.fails(Kind::Network, "given up after 5 attempts");
}

#[test]
fn files_on_this_machine_are_sources() {
    let bytes = content(3_000_000);
    let mut bench = Bench::new(Served::new([]), known(&bytes));
    let from = bench.folder.path().join("a source.bin");
    std::fs::write(&from, &bytes).unwrap();
    bench.urls = vec![format!("file://{}", from.display()).replace(' ', "%20")];
    assert_eq!(bench.gives(&bytes), 3_000_000);
    std::fs::remove_file(bench.place().file()).unwrap();
    bench.leave(&bytes[..1_000_000], &bench.urls[0], None, None);
    assert_eq!(bench.gives(&bytes), 2_000_000);
    std::fs::remove_file(bench.place().file()).unwrap();
    std::fs::remove_file(&from).unwrap();
    bench.fails(Kind::Network, "cannot read");
    std::fs::create_dir(&from).unwrap();
    bench.fails(Kind::Network, "is not a regular file");
}

#[test]
fn a_download_stops_if_its_claim_is_lost() {
    let bytes = content(1000);
    let bench = Bench::new(Served::new(bytes.clone()), known(&bytes));
    let place: PathBuf = bench.place().file().into();
    let (at, web) = (bench.place(), HttpClient::new(&bench.network));
    let job = Job {
        name: "a",
        paths: &at,
        demands: &bench.demands,
        urls: &bench.urls,
        by_hand: &[],
        network: &bench.network,
        hosts: &Hosts::default(),
        observer: &bench.ear,
        still_mine: &|| false,
    };
    assert!(download(&job, &web).unwrap_err().to_string().contains("another process has taken over"));
    assert!(!place.exists());
}
