use std::path::Path;

use super::report::natural_order;
use super::{FileKind, Inspection, inspect};
use crate::features::store::{Precision, StoreSource, StoreWriter};
use crate::features::testing::{file, row};

fn inspect_bytes(bytes: &[u8]) -> Inspection {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train_obj36.tsv");
    std::fs::write(&path, bytes).unwrap();
    Inspection { file: "train_obj36.tsv".into(), ..inspect(&path).unwrap() }
}

#[test]
fn a_sound_file() {
    insta::assert_snapshot!(inspect_bytes(&file(12)), @r"
    file          train_obj36.tsv (obj36 TSV, 2,316 bytes)
    images        12
    first, last   COCO_train2014_000000000001, COCO_train2014_000000000012
    id range      COCO_train2014_000000000001 .. COCO_train2014_000000000012
    image sizes   width 640 .. 642, height 480 .. 480 pixels
    boxes         2 per image, 3 features each
    decoded       1,248 bytes
    features      0.000000 .. 5.750000, mean 2.680556, 5.56 % zeros
    objects_conf  0.000000 .. 0.593750, mean 0.286458, 8.33 % zeros
    attrs_conf    0.000000 .. 0.687500, mean 0.295573, 8.33 % zeros
    problems      none
    ");
}

#[test]
fn a_damaged_file_with_all_its_damage() {
    let bytes = file(5);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let damage = [lines[0], &lines[1][..50], lines[2], lines[3], lines[0], b"x\t1\t1\r\n", &lines[4][..90]].concat();
    let found = inspect_bytes(&damage);
    assert!(!found.is_clean());
    insta::assert_snapshot!(found, @r"
    file          train_obj36.tsv (obj36 TSV, 919 bytes)
    images        2
    first, last   COCO_train2014_000000000001, COCO_train2014_000000000004
    id range      COCO_train2014_000000000001 .. COCO_train2014_000000000004
    image sizes   width 640 .. 640, height 480 .. 480 pixels
    boxes         2 per image, 3 features each
    decoded       208 bytes
    features      0.250000 .. 5.500000, mean 2.666667, 0.00 % zeros
    objects_conf  0.000000 .. 0.250000, mean 0.125000, 25.00 % zeros
    attrs_conf    0.218750 .. 0.468750, mean 0.343750, 0.00 % zeros
    problems      4: duplicate-image 1, glued-rows 1, truncated-row 2
      - line 2: image COCO_train2014_000000000002: objects_id: two rows are glued
        together: the row of image COCO_train2014_000000000003 begins inside this
        column, so two images are lost
      - line 4: image COCO_train2014_000000000001: img_id: the image appeared
        before, in line 1
      - line 5: image x: the row is cut short: 3 of 10 columns
      - line 6: image COCO_train2014_000000000005: the row is cut short: 6 of 10
        columns, and the file ends inside it
    ");
    let many = inspect_bytes(&[lines[0], &b"x\t1\t1\r\n".repeat(22)].concat());
    assert!(many.to_string().ends_with("\n  - and 2 more"));
    let json = serde_json::to_value(&many).unwrap();
    assert_eq!((&json["problem_count"], json["problems"].as_array().unwrap().len()), (&22.into(), 20));
    assert_eq!((&json["problems"][0]["place"], &json["problems"][0]["column"]), (&2.into(), &serde_json::Value::Null));
    assert_eq!(json["problems_by_kind"]["truncated-row"], 22);
}

#[test]
fn a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let mut writer = StoreWriter::create(&path, Precision::F16).unwrap();
    (0..3).for_each(|at| writer.write_row(&row(at)).unwrap());
    writer.finish(StoreSource { name: "a.tsv".into(), bytes: 1000, covered: 600, sha256: "ab".repeat(32) }).unwrap();
    let found = Inspection { file: "a.safetensors".into(), ..inspect(&path).unwrap() };
    insta::assert_snapshot!(found, @r"
    file          a.safetensors (feature store, 8,533 bytes)
    made from     the first rows of a.tsv, 1,000 bytes
    sha256        abababababababababababababababababababababababababababababababab
                  of the 600 bytes used
    precision     f16
    images        3
    first, last   COCO_train2014_000000000001, COCO_train2014_000000000003
    id range      COCO_train2014_000000000001 .. COCO_train2014_000000000003
    image sizes   width 640 .. 642, height 480 .. 480 pixels
    boxes         2 per image, 3 features each
    decoded       312 bytes
    features      0.000000 .. 5.500000, mean 2.944444, 5.56 % zeros
    objects_conf  0.000000 .. 0.500000, mean 0.239583, 33.33 % zeros
    attrs_conf    0.000000 .. 0.687500, mean 0.338542, 16.67 % zeros
    problems      none
    ");

    // An attribute beyond the last class, past the writer's checks.
    let mut bytes = std::fs::read(&path).unwrap();
    let tail = 3 * 27 + 4 * 8;
    let at = bytes.len() - tail - 2;
    bytes[at..at + 2].copy_from_slice(&400_u16.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let found = inspect(&path).unwrap();
    assert_eq!((found.kind, found.rows, found.problem_count), (FileKind::Store, 2, 1));
    assert_eq!((found.problems[0].place, found.problems[0].kind), (Some(2), "class-id"));
}

#[test]
fn what_cannot_be_inspected() {
    let empty = inspect_bytes(b"\r\n\n");
    assert_eq!((empty.rows, empty.problems[0].kind), (0, "no-rows"));
    for (bytes, what) in [
        (&b"PK\x03\x04\x14\0\0\0\n\n\n1\n2"[..], "this is a zip archive, not an obj36 TSV"),
        (b"<!DOCTYPE html>\n<html>\n503", "this is a web page, not an obj36 TSV"),
    ] {
        let other = inspect_bytes(bytes);
        assert_eq!((other.problem_count, other.problems[0].what.as_str()), (1, what));
    }
    assert!(inspect(Path::new("absent.tsv")).is_err());
    assert!(inspect(&std::env::temp_dir()).is_err());
}

#[test]
fn the_real_file() {
    let Some(path) = fixtures::beside("real/golden/train2014_obj36.tsv") else { return };
    let found = inspect(&path).unwrap();
    assert!(found.is_clean());
    assert_eq!((found.rows, found.boxes, found.dim, found.decoded_bytes), (10, Some(36), Some(2048), 10 * 296_352));
    let facts = fixtures::lxrt("tsv/tsv.json").map(|path| fixtures::json(&path));
    let Some(facts) = facts else { return };
    let rows = facts["rows"].as_array().unwrap();
    let features = found.features.unwrap();
    let sum: f64 = rows.iter().map(|row| row["features"]["sum_f64"].as_f64().unwrap()).sum();
    let zeros: u64 = rows.iter().map(|row| row["zero_features"].as_u64().unwrap()).sum();
    assert!((features.mean * features.count as f64 - sum).abs() < sum * 1e-12);
    assert_eq!((features.zero_share * features.count as f64).round() as u64, zeros);
}

#[test]
fn ids_are_ordered_by_their_numbers() {
    let mut ids = ["n10", "n9", "2345", "n010x", "n", "12"];
    ids.sort_by(|a, b| natural_order(a, b));
    assert_eq!(ids, ["12", "2345", "n", "n9", "n10", "n010x"]);
}
