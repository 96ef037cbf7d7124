use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{FeatureStore, Precision, StreamOutcome, build_store, ensure_store, store_stream};
use crate::features::bench::thread_cpu_seconds;
use crate::features::testing::{file, row, row_of, text};
use base::error::{Kind, Result};
use base::files;
use base::progress::{Event, Observer, Silent};
use fixtures::small_disk::SmallDisk;

/// A workspace for one TSV.
struct Place {
    _folder: tempfile::TempDir,
    tsv: PathBuf,
    stores: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tsv, stores) = (folder.path().join("data/a_obj36.tsv"), folder.path().join("stores"));
        Self { _folder: folder, tsv, stores }
    }

    fn stream(&self, source: impl Read + Send, rows: Option<u64>) -> Result<StreamOutcome> {
        store_stream(source, &self.tsv, &self.stores, Precision::F32, rows, &mut |_| {})
    }

    /// Returns the names of everything there.
    fn files(&self) -> Vec<String> {
        let inside = |folder: &Path| -> Vec<String> {
            let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let mut names = [inside(self.tsv.parent().unwrap()), inside(&self.stores)].concat();
        names.sort();
        names
    }
}

/// Fails where the TSV is read again.
struct Unread;

impl Observer for Unread {
    fn event(&self, event: &Event) {
        match event {
            Event::Note { text, .. } => assert!(text.starts_with("reused "), "{text}"),
            event => panic!("{event:?}"),
        }
    }
}

#[test]
fn one_pass_gives_the_same_as_writing_first_and_building_then() {
    let place = Place::new();
    // Larger than a few blocks, so that all threads wait for each other at times.
    let rows: Vec<_> = (0..40).map(|at| row_of(at, 36, 2048)).collect();
    let all = text(&rows);
    let mut seen = 0;
    let streamed =
        store_stream(all.as_slice(), &place.tsv, &place.stores, Precision::F16, Some(40), &mut |bytes| seen += bytes);
    let streamed = streamed.unwrap();
    assert_eq!((streamed.rows, streamed.bytes, seen), (40, all.len() as u64, all.len() as u64));
    assert_eq!(streamed.sha256, files::sha256_bytes(&all));
    assert!(std::fs::read(&place.tsv).unwrap() == all);
    let built = place.stores.join("other.safetensors");
    build_store(&place.tsv, &built, Precision::F16, &Silent).unwrap();
    assert!(std::fs::read(&streamed.store).unwrap() == std::fs::read(&built).unwrap());
    std::fs::remove_file(built).unwrap();
    let found = ensure_store(&place.tsv, &place.stores, Precision::F16, None, &Unread).unwrap();
    assert_eq!((found.path(), found.len()), (streamed.store.as_path(), 40));
    assert_eq!(place.files().len(), 4, "TSV, store, its stamp, its receipt: {:?}", place.files());
}

#[test]
fn line_ends_and_the_last_one_are_free() {
    let unix = String::from_utf8(file(3)).unwrap().replace("\r\n", "\n");
    for all in [unix.as_str(), unix.trim_end()] {
        let place = Place::new();
        let streamed = place.stream(all.as_bytes(), Some(3)).unwrap();
        assert_eq!(streamed.bytes, all.len() as u64);
        ensure_store(&place.tsv, &place.stores, Precision::F32, None, &Unread).unwrap();
    }
}

#[test]
fn damage_is_named_and_nothing_appears() {
    let good = String::from_utf8(file(5)).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let third = |change: &dyn Fn(&str) -> String| [lines[..2].concat(), change(lines[2]), lines[3..].concat()].concat();
    let quoted = |line: &str| line.replacen("\t480\t", "\t\"480\"\t", 1);
    let spaced = |line: &str| line.replacen("\t480\t", "\t 480\t", 1);
    for (what, all, rows, why) in [
        ("cut", third(&|line| line[..line.len() / 2].to_owned()), 5, "line 3"),
        (
            "character",
            third(&|line| line.replacen('A', "?", 1)),
            5,
            "line 3, image COCO_train2014_000000000003, column",
        ),
        ("columns", third(&|line| line.replacen("\t480\t", "\t", 1)), 5, "line 3"),
        ("outside", third(&|line| line.replacen("\t480\t", "\t400\t", 1)), 5, "column boxes"),
        ("twice", [&good, lines[0]].concat(), 6, "appeared before, in line 1"),
        ("shape", [good.clone(), String::from_utf8(text(&[row_of(9, 3, 3)])).unwrap()].concat(), 6, "line 6"),
        (
            "blank line",
            third(&|line| format!("\r\n{line}")),
            5,
            "line 4, image COCO_train2014_000000000003: the row is longer",
        ),
        ("quotes", third(&quoted), 5, "line 3, image COCO_train2014_000000000003: the row is longer"),
        ("spaces", third(&spaced), 5, "line 3"),
        ("blank end", format!("{good}\r\n"), 5, "has 2 bytes behind its last row"),
        ("too few", good.clone(), 7, "has 5 rows instead of 7: 2 missing"),
        ("too many", good.clone(), 4, "has 5 rows instead of 4: 1 too many"),
        ("nothing", String::new(), 1, "has 0 rows instead of 1: 1 missing"),
    ] {
        let place = Place::new();
        let error = place.stream(all.as_bytes(), Some(rows)).expect_err(what);
        assert!(error.kind() == Kind::Data && error.to_string().contains(why), "{what}: {error}");
        assert!(error.to_string().contains("fetch "), "{what}: {error}");
        assert_eq!(place.files(), [""; 0], "{what}");
    }
    let place = Place::new();
    assert!(place.stream(&b""[..], None).unwrap_err().to_string().contains("has no rows"));
    assert_eq!(place.files(), [""; 0]);
}

#[test]
fn a_broken_source_is_what_is_said() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::new(ErrorKind::InvalidData, "its CRC-32 is wrong")),
                read => Ok(read),
            }
        }
    }
    let place = Place::new();
    let rows = text(&(0..20).map(|at| row_of(at, 36, 2048)).collect::<Vec<_>>());
    place.stream(file(2).as_slice(), Some(2)).unwrap();
    let before = (place.files(), std::fs::read(&place.tsv).unwrap());
    for bytes in [rows.len(), rows.len() / 2, 0] {
        let error = place.stream(Broken(&rows[..bytes]), Some(20)).unwrap_err();
        assert!(error.kind() == Kind::Data && error.to_string().contains("its CRC-32 is wrong"), "{error}");
        assert!(!error.to_string().contains("line"), "{error}");
    }
    assert_eq!((place.files(), std::fs::read(&place.tsv).unwrap()), before);
}

#[test]
fn what_a_killed_process_left_is_replaced() {
    let place = Place::new();
    std::fs::create_dir_all(place.tsv.parent().unwrap()).unwrap();
    std::fs::write(place.tsv.with_extension("tsv.part"), vec![1; 100_000]).unwrap();
    std::fs::create_dir_all(&place.stores).unwrap();
    let ended = format!(".building-{}-1-x", base::process::mark().rsplit_once('-').unwrap().0);
    std::fs::write(place.stores.join(ended), vec![1; 100_000]).unwrap();
    let streamed = place.stream(file(4).as_slice(), None).unwrap();
    assert!(std::fs::read(&place.tsv).unwrap() == file(4));
    let store = FeatureStore::open(&streamed.store).unwrap();
    assert_eq!((store.len(), store.index_of(&row(3).img_id)), (4, Some(3)));
    assert_eq!(place.files().len(), 4);
}

#[test]
fn a_full_disk_is_one_clear_error_and_gets_its_space_back() {
    let Some(disk) = SmallDisk::mount(3 << 20) else { return };
    let all = text(&(0..12).map(|at| row_of(at, 36, 2048)).collect::<Vec<_>>());
    let place = Place::new();
    let (on_disk, stores) = (disk.path().join("data/a_obj36.tsv"), disk.path().join("stores"));
    for (what, tsv, stores) in
        [("TSV", &on_disk, &place.stores), ("store", &place.tsv, &stores), ("both", &on_disk, &stores)]
    {
        let error = store_stream(all.as_slice(), tsv, stores, Precision::F32, None, &mut |_| {}).expect_err(what);
        assert_eq!(error.kind(), Kind::Disk, "{what}: {error}");
        assert!(error.to_string().contains("free some space"), "{what}: {error}");
        let left = [tsv.parent().unwrap(), stores].map(|folder| std::fs::read_dir(folder).unwrap().count());
        assert_eq!(left, [0, 0], "{what}");
    }
    let few = &all[..all.len() / 12 * 3];
    store_stream(few, &on_disk, &stores, Precision::F32, Some(3), &mut |_| {}).unwrap();
    ensure_store(&on_disk, &stores, Precision::F32, None, &Unread).unwrap();
}

/// `cargo test --release -p data -- --ignored measure_stream --nocapture`
#[test]
#[ignore = "writes 1.4 GB; a measurement for release mode"]
fn measure_stream() {
    use std::time::Instant;

    use flate2::bufread::DeflateDecoder;
    use flate2::{Compression, write::DeflateEncoder};

    use crate::features::bench::{generated_rows, image_id};
    use crate::features::tsv::TsvWriter;
    use crate::features::{RELEASED_BOXES, RELEASED_WIDTH};

    const IMAGES: usize = 1000;
    let mut rows = generated_rows(8, RELEASED_BOXES, RELEASED_WIDTH);
    let mut writer = TsvWriter::new(DeflateEncoder::new(Vec::new(), Compression::default()));
    for image in 0..IMAGES {
        rows[image % 8].img_id = image_id(image);
        writer.write_row(&rows[image % 8]).unwrap();
    }
    let packed = writer.finish().unwrap().finish().unwrap();
    let mut buffer = vec![0; 1 << 20];
    // CPU seconds too: they tell what bounds the pass where other programs take turns on the cores.
    let timed = |what: &str, bytes: u64, work: &mut dyn FnMut()| {
        let (wall, mine, all) = (Instant::now(), thread_cpu_seconds(), process_cpu_seconds());
        work();
        let (wall, mine, all) =
            (wall.elapsed().as_secs_f64(), thread_cpu_seconds() - mine, process_cpu_seconds() - all);
        let rate = bytes as f64 / 1e6 / wall;
        println!("{what}: {wall:.3} s, {rate:.0} MB/s; CPU {all:.3} s, of which {mine:.3} s in the main thread");
    };
    let bytes = std::io::copy(&mut DeflateDecoder::new(packed.as_slice()), &mut std::io::sink()).unwrap();
    for _ in 0..3 {
        timed("unpacking alone", bytes, &mut || {
            let mut stream = DeflateDecoder::new(packed.as_slice());
            while stream.read(&mut buffer).unwrap() > 0 {}
        });
        for precision in [Precision::F32, Precision::F16] {
            let place = Place::new();
            timed(&format!("with TSV and store in {precision}"), bytes, &mut || {
                let (source, rows) = (DeflateDecoder::new(packed.as_slice()), Some(IMAGES as u64));
                store_stream(source, &place.tsv, &place.stores, precision, rows, &mut |_| {}).unwrap();
            });
        }
    }
}

fn process_cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes the struct it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
