use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{FeatureStore, Precision, StoreSource, StoreWriter, ensure_store};
use crate::features::bench::thread_cpu_seconds;
use crate::features::row::{Row, normalise_boxes};
use crate::features::testing::{Draws, file, row, row_of};
use crate::features::tsv::TsvReader;
use base::progress::{Event, Observer, Silent};
use base::{error, files};

fn source() -> StoreSource {
    StoreSource { name: "a.tsv".into(), bytes: 9, covered: 9, sha256: "0".repeat(64) }
}

fn write(path: &Path, precision: Precision, rows: &[Row]) -> error::Result<FeatureStore> {
    let mut writer = StoreWriter::create(path, precision)?;
    rows.iter().try_for_each(|row| writer.write_row(row))?;
    writer.finish(source())?;
    FeatureStore::open(path)
}

fn rows_of(store: &FeatureStore) -> Vec<Row> {
    let mut row = Row::default();
    let copy = |at| {
        store.copy_row(at, &mut row);
        row.clone()
    };
    (0..store.len()).map(copy).collect()
}

#[test]
fn what_goes_in_comes_out_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..50).map(|at| row_of(at, 3, 5)).collect();
    let store = write(&folder.path().join("sub/a.safetensors"), Precision::F32, &rows).unwrap();
    assert_eq!((store.len(), store.boxes(), store.dim(), store.precision()), (50, 3, 5, Precision::F32));
    assert_eq!(rows_of(&store), rows);
    assert_eq!(store.source(), &source());
    assert!(store.ids().eq(rows.iter().map(|row| row.img_id.as_str())));
    let mut out = [0.0; 12];
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(store.index_of(&row.img_id), Some(at));
        assert_eq!(store.image_size(at), (row.img_w, row.img_h));
        assert_eq!((store.object_ids(at), store.attr_confs(at)), (row.objects_id.clone(), row.attrs_conf.clone()));
        let mut expected = row.boxes.clone();
        normalise_boxes(&mut expected, row.img_w, row.img_h);
        store.copy_normalised_boxes(at, &mut out);
        assert_eq!(out.as_slice(), expected);
    }
    assert_eq!(store.index_of("COCO"), None);
    let view = store.clone().with_limit(7);
    assert_eq!((view.len(), view.ids().count(), view.index_of(&rows[6].img_id)), (7, 7, Some(6)));
    assert_eq!((view.index_of(&rows[7].img_id), store.index_of(&rows[7].img_id)), (None, Some(7)));
    assert_eq!(store.with_limit(1000).len(), 50);
}

#[test]
fn any_safetensors_library_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let rows: Vec<Row> = (0..3).map(row).collect();
    write(&path, Precision::F32, &rows).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let features = tensors.tensor("features").unwrap();
    assert_eq!(features.shape(), [3, 2, 3]);
    let expected: Vec<f32> = rows.iter().flat_map(|row| row.features.clone()).collect();
    assert_eq!(features.data(), bytemuck::cast_slice::<f32, u8>(&expected));
    assert_eq!(tensors.tensor("objects_id").unwrap().dtype(), safetensors::Dtype::U16);
}

#[test]
fn float16_keeps_its_error_bound() {
    let folder = tempfile::tempdir().unwrap();
    let mut sample = row_of(0, 7, 9);
    // Enough of the usual size among those that are nearly 0.
    let usual = [0.1, 0.333_333, 1.0, 33.474_327, 999.75];
    let tiny = [[0.0, -0.0, 1e-9, 6e-8, 3e-6].as_slice(), &[6.1e-5], &usual, &usual, &usual, &usual].concat();
    sample.features.iter_mut().zip(tiny.iter().cycle()).for_each(|(value, tiny)| *value = *tiny);
    let store = write(&folder.path().join("a.safetensors"), Precision::F16, std::slice::from_ref(&sample)).unwrap();
    let mut out = vec![0.0; 63];
    store.copy_features(0, &mut out);
    for (kept, value) in out.iter().zip(&sample.features) {
        let bound = (value.abs() / 2048.0).max(2.0_f32.powi(-25));
        assert!((kept - value).abs() <= bound, "{value} became {kept}");
    }
    sample.features[5] = 70000.0;
    let error = write(&folder.path().join("b.safetensors"), Precision::F16, &[sample]).unwrap_err();
    assert!(error.to_string().contains("no detector's features are beyond 1000"), "{error}");
    assert!(!folder.path().join("b.safetensors").exists());
}

#[test]
fn an_unfinished_store_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    write(&path, Precision::F32, &[row(0)]).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut writer = StoreWriter::create(&path, Precision::F32).unwrap();
    writer.write_row(&row(1)).unwrap();
    assert!(writer.write_row(&row(1)).is_err(), "the same image twice");
    assert!(writer.write_row(&row_of(2, 3, 3)).is_err(), "another shape");
    drop(writer);
    assert!(StoreWriter::create(&path, Precision::F32).unwrap().finish(source()).is_err(), "no rows");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_builder_left_is_removed_but_not_what_another_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    // Of a process that has ended: this one's number, another start.
    let (here, _) =
        base::process::mark().rsplit_once('-').map(|(here, start)| (here.to_owned(), start.to_owned())).unwrap();
    let [dead, mine, silent, elsewhere] =
        [format!("{here}-1-x"), base::process::mark(), "0123-4-5-x".into(), "0123-4-5-y".into()].map(|name| {
            let path = folder.path().join(format!(".building-{name}"));
            (std::fs::File::create(&path).unwrap(), path)
        });
    mine.0.set_modified(long_ago).unwrap();
    silent.0.set_modified(long_ago).unwrap();
    write(&folder.path().join("a.safetensors"), Precision::F32, &[row(0)]).unwrap();
    assert_eq!([dead, mine, silent, elsewhere].map(|(_, path)| path.exists()), [false, true, false, true]);
}

/// Cut or changed anywhere: an error or a store whose every row can be copied, never a panic.
#[test]
fn a_damaged_store_is_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let rows: Vec<Row> = (0..4).map(row).collect();
    write(&path, Precision::F32, &rows).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut draws = Draws(7);
    let header = bytes.iter().rposition(|&byte| byte == b'}').unwrap();
    for round in 0..1500 {
        let mut damaged = bytes.clone();
        match round % 5 {
            0 => damaged.truncate(draws.below(bytes.len())),
            1 => damaged[draws.below(header)] = b"0123456789[]{},:\"x "[draws.below(19)],
            2 => damaged[draws.below(header)] ^= 1 << draws.below(8),
            // The ids and their offsets are the last 148 bytes.
            3 => damaged[bytes.len() - 1 - draws.below(148)] ^= 1 << draws.below(8),
            _ => damaged.extend_from_slice(&[0; 5][..1 + draws.below(5)]),
        }
        std::fs::write(&path, &damaged).unwrap();
        match FeatureStore::open(&path) {
            Ok(store) => assert_eq!(rows_of(&store).len(), store.len()),
            Err(error) => assert_eq!(error.kind(), error::Kind::Data, "{error}"),
        }
        assert!(round % 5 == 1 || round % 5 == 2 || round % 5 == 3 || FeatureStore::open(&path).is_err(), "{round}");
    }
}

#[test]
fn numbers_beyond_all_bounds_in_a_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    write(&path, Precision::F32, &[row(0)]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let huge = u64::MAX.to_string();
    for (from, to) in [
        ("\"rows\":\"1\"", format!("\"rows\":\"{huge}\"")),
        ("[1,2,3]", format!("[{huge},2,{huge}]")),
        ("[0,24]", format!("[0,{huge}]")),
        ("[0,24]", "[24,0]".into()),
    ] {
        let text = String::from_utf8(bytes[8..8192].to_vec()).unwrap();
        assert!(text.contains(from));
        let mut header = text.replacen(from, &to, 1).into_bytes();
        header.truncate(8184);
        let damaged = [&bytes[..8], &header, &bytes[8192..]].concat();
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(FeatureStore::open(&path).unwrap_err().kind(), error::Kind::Data, "{to}");
    }
    let mut damaged = bytes;
    damaged[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&path, damaged).unwrap();
    assert!(FeatureStore::open(&path).is_err());
    std::fs::write(&path, b"").unwrap();
    assert!(FeatureStore::open(&path).is_err());
}

/// Records what was said.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn event(&self, event: &Event) {
        let said = match event {
            Event::Started(start) => start.name.split(' ').next().unwrap().to_owned(),
            // `built PATH (5 images)`
            Event::Note { text, .. } => {
                let images = text.rsplit_once(" (").and_then(|(_, count)| count.strip_suffix(" images)")).unwrap();
                format!("{} {images}", text.split(' ').next().unwrap())
            }
            _ => return,
        };
        self.0.lock().unwrap().push(said);
    }
}

struct Place {
    _folder: tempfile::TempDir,
    tsv: PathBuf,
    stores: PathBuf,
}

impl Place {
    fn new(content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tsv, stores) = (folder.path().join("train_obj36.tsv"), folder.path().join("stores"));
        std::fs::write(&tsv, content).unwrap();
        Self { _folder: folder, tsv, stores }
    }

    fn ensure(&self, limit: Option<usize>) -> (FeatureStore, String) {
        self.ensure_of(&self.tsv, Precision::F32, limit)
    }

    fn ensure_of(&self, tsv: &Path, precision: Precision, limit: Option<usize>) -> (FeatureStore, String) {
        let heard = Heard::default();
        let store = ensure_store(tsv, &self.stores, precision, limit, &heard).unwrap();
        let said = heard.0.into_inner().unwrap().join(", ");
        (store, said)
    }

    fn stores(&self) -> usize {
        let names = std::fs::read_dir(&self.stores).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|name| name.extension().unwrap() == "safetensors").count()
    }
}

#[test]
fn a_store_is_built_once_and_found_by_content() {
    let place = Place::new(&file(5));
    let (store, said) = place.ensure(None);
    assert_eq!((said.as_str(), store.len()), ("building, built 5", 5));
    assert_eq!(store.source().sha256, files::sha256(&place.tsv).unwrap());
    assert_eq!(place.ensure(None).1, "reused 5");

    let copy = place.tsv.with_file_name("moved.tsv");
    std::fs::copy(&place.tsv, &copy).unwrap();
    assert_eq!(place.ensure_of(&copy, Precision::F32, None).1, "checking, reused 5");
    assert_eq!(place.ensure_of(&copy, Precision::F32, None).1, "reused 5");
    assert_eq!(place.stores(), 1);

    assert_eq!(place.ensure_of(&place.tsv, Precision::F16, None).1, "building, built 5");
    assert_eq!(place.stores(), 2);

    // The same size, other content: noticed by the time, and by the content if the time says nothing.
    let mut changed: Vec<Row> = (0..5).map(row).collect();
    changed[3].features[0] = 1.5;
    std::fs::write(&place.tsv, crate::features::testing::text(&changed)).unwrap();
    let (store, said) = place.ensure(None);
    assert_eq!(said, "checking, building, built 5");
    assert_eq!(rows_of(&store), changed);
    assert_eq!(place.stores(), 2, "the old one is replaced");
}

#[test]
fn a_limit_is_served_by_what_is_there() {
    let place = Place::new(&file(6));
    let (store, said) = place.ensure(Some(2));
    assert_eq!((said.as_str(), store.len(), store.source().is_whole()), ("building, checking, built 2", 2, false));
    let covered = store.source().covered as usize;
    assert_eq!(store.source().sha256, files::sha256_bytes(&file(6)[..covered]));
    assert_eq!(covered, file(2).len());
    assert_eq!(place.ensure(Some(2)).1, "reused 2");
    assert_eq!(place.ensure(Some(1)).1, "reused 1");
    assert_eq!(place.ensure(Some(4)).1, "building, checking, built 4");
    assert_eq!(place.ensure(None).1, "building, built 6");
    assert_eq!(place.ensure(Some(5)).1, "reused 5");
    let (all, said) = place.ensure(Some(100));
    assert_eq!((said.as_str(), all.len()), ("reused 6", 6));
    assert!(ensure_store(&place.tsv, &place.stores, Precision::F32, Some(0), &Silent).is_err());

    // The first rows stay the same while the file grows behind them.
    let place = Place::new(&file(6));
    place.ensure(Some(2));
    std::fs::write(&place.tsv, file(9)).unwrap();
    assert_eq!(place.ensure(Some(2)).1, "checking, reused 2");
    assert!(Place::new(&file(3)).ensure(Some(100)).0.source().is_whole());
}

#[test]
fn a_damaged_tsv_or_store_is_no_store() {
    let bytes = file(5);
    let place = Place::new(&bytes[..bytes.len() - 20]);
    let error = ensure_store(&place.tsv, &place.stores, Precision::F32, None, &Silent).unwrap_err().to_string();
    assert!(error.contains("line 5") && error.contains("next: the copy is incomplete"), "{error}");
    assert_eq!(std::fs::read_dir(&place.stores).unwrap().count(), 0);
    assert_eq!(place.ensure(Some(3)).1, "building, checking, built 3", "the damage lies behind");

    let place = Place::new(&bytes);
    let path = place.ensure(None).0.path().to_owned();
    let cut = std::fs::read(&path).unwrap();
    std::fs::write(&path, &cut[..cut.len() - 1]).unwrap();
    assert_eq!(place.ensure(None).1, "building, built 5");

    let error = ensure_store(Path::new("absent.tsv"), &place.stores, Precision::F32, None, &Silent).unwrap_err();
    assert_eq!(error.kind(), error::Kind::Data);
    let place = Place::new(b"");
    assert!(ensure_store(&place.tsv, &place.stores, Precision::F32, None, &Silent).is_err());
}

/// Reading behind the end of a file that became shorter would end the program with SIGBUS.
#[test]
fn a_store_that_was_cut_while_it_is_mapped_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let store = write(&path, Precision::F32, &[row(0), row(1)]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    store.check_length().unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(whole.len() as u64 - 1).unwrap();
    let error = store.check_length().unwrap_err();
    assert_eq!(error.kind(), error::Kind::Data);
    assert!(error.to_string().contains("a.safetensors was cut while it was read"), "{error}");
    // One that replaced it is another file: what is mapped stays as it was.
    std::fs::write(&path, &whole).unwrap();
    store.check_length().unwrap();
}

/// Removing another program's file would not help.
#[test]
fn a_safetensors_file_of_another_kind_is_not_to_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    std::fs::write(&path, [&(header.len() as u64).to_le_bytes(), &header[..], &[0; 4]].concat()).unwrap();
    let error = FeatureStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("another safetensors file, no feature store") && !error.contains("remove"), "{error}");
}

#[test]
fn the_real_rows_through_the_store() {
    let Some(tsv) = fixtures::beside("real/golden/train2014_obj36.tsv") else { return };
    let folder = tempfile::tempdir().unwrap();
    for precision in [Precision::F32, Precision::F16] {
        let store = ensure_store(&tsv, folder.path(), precision, None, &Silent).unwrap();
        assert_eq!((store.len(), store.boxes(), store.dim()), (10, 36, 2048));
        let mut reader = TsvReader::open(&tsv).unwrap();
        let (mut row, mut at) = (Row::default(), 0);
        let mut features = vec![0.0; 36 * 2048];
        while reader.read(&mut row).unwrap() {
            store.copy_features(at, &mut features);
            let bound = if precision == Precision::F32 { 0.0 } else { 1.0 / 2048.0 };
            assert!(
                features.iter().zip(&row.features).all(|(kept, value)| (kept - value).abs()
                    <= value * bound + 3e-8 * f32::from(precision == Precision::F16))
            );
            assert_eq!((store.id(at), store.object_ids(at)), (row.img_id.as_str(), row.objects_id.clone()));
            at += 1;
        }
        let Some(facts) = fixtures::lxrt("tsv/tsv.json") else { continue };
        for (topk, expected) in fixtures::json(&facts)["topk"].as_object().unwrap() {
            let rows = topk.parse::<i64>().ok().filter(|&rows| rows > 0).map_or(usize::MAX, |rows| rows as usize);
            let ids: Vec<String> = store.clone().with_limit(rows).ids().map(str::to_owned).collect();
            assert_eq!(serde_json::json!(ids), *expected, "topk {topk}");
        }
    }
}

/// Opening costs the ids, not the features: a large store, its features a hole in the file, opens at once.
#[test]
fn opening_a_hundred_thousand_images_touches_no_features() {
    const ROWS: usize = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut ids = Vec::new();
    let mut offsets = vec![0_u64];
    for at in 0..ROWS {
        ids.extend_from_slice(format!("COCO_train2014_{at:012}").as_bytes());
        offsets.push(ids.len() as u64);
    }
    let layout = super::format::StoreLayout {
        rows: ROWS,
        boxes: 36,
        dim: 2048,
        classes: true,
        id_bytes: ids.len() as u64,
        precision: Precision::F32,
        source: source(),
    };
    let hole: u64 = super::format::StoreTensor::ALL[..7].iter().map(|&part| layout.bytes(part).unwrap()).sum();
    let out = std::fs::File::create(&path).unwrap();
    use std::os::unix::fs::FileExt;
    out.write_all_at(&layout.header().unwrap(), 0).unwrap();
    let end = super::format::HEADER_BYTES as u64 + hole;
    out.write_all_at(bytemuck::cast_slice(&offsets), end).unwrap();
    out.write_all_at(&ids, end + 8 * offsets.len() as u64).unwrap();
    drop(out);
    // CPU time: what other programs do at the same time does not count.
    let start = thread_cpu_seconds();
    let store = FeatureStore::open(&path).unwrap();
    let took = thread_cpu_seconds() - start;
    assert!(std::fs::metadata(&path).unwrap().len() > 29_000_000_000);
    assert_eq!(store.index_of("COCO_train2014_000000099999"), Some(99_999));
    println!("opened {ROWS} images in {took:.4} CPU seconds");
    assert!(took < 1.0, "{took}");
}
