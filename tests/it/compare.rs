//! `repro features compare`: verdicts, differences and mistakes.

use std::path::{Path, PathBuf};
use std::process::Output;

use data::features::Row;
use data::features::tsv::{TsvReader, TsvWriter};
use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{repro, run, stderr, stdout};

fn read(path: &Path) -> Vec<Row> {
    let (mut reader, mut row, mut rows) = (TsvReader::open(path).unwrap(), Row::default(), Vec::new());
    while reader.read(&mut row).unwrap() {
        rows.push(row.clone());
    }
    rows
}

fn write(path: &Path, rows: &[Row]) {
    let mut writer = TsvWriter::new(Vec::new());
    rows.iter().for_each(|row| writer.write_row(row).unwrap());
    std::fs::write(path, writer.finish().unwrap()).unwrap();
}

/// Ten images with five boxes of four features.
fn rows() -> Vec<Row> {
    let row = |image: usize| Row {
        img_id: format!("COCO_train2014_{image:012}"),
        img_h: 480,
        img_w: 640,
        objects_id: (0..5).map(|at| (image * 7 + at) as i64).collect(),
        objects_conf: (0..5).map(|at| 0.25 + at as f32 / 16.0).collect(),
        attrs_id: (0..5).map(|at| (image * 3 + at) as i64).collect(),
        attrs_conf: vec![0.125; 5],
        num_boxes: 5,
        boxes: (0..5).flat_map(|at| [at as f32 * 100.0, 10.0, at as f32 * 100.0 + 80.0, 200.0]).collect(),
        features: (0..20).map(|at| ((image + at) % 6) as f32 / 2.0).collect(),
    };
    (1..=10).map(row).collect()
}

/// Every box and every row at another place: the first becomes the last.
fn turned(rows: &[Row]) -> Vec<Row> {
    fn turn<T>(values: &mut [T], each: usize) {
        values.rotate_left(each);
    }
    let mut rows = rows.to_vec();
    rows.rotate_left(3);
    for row in &mut rows {
        let dim = row.dim();
        turn(&mut row.objects_id, 1);
        turn(&mut row.objects_conf, 1);
        turn(&mut row.attrs_id, 1);
        turn(&mut row.attrs_conf, 1);
        turn(&mut row.boxes, 4);
        turn(&mut row.features, dim);
    }
    rows
}

#[track_caller]
fn compare(place: &Path, more: &[&str], code: i32) -> Output {
    run(repro(place).args(["features", "compare"]).args(more), code)
}

#[track_caller]
fn is_exactly_zero(place: &Path, boxes: u64) {
    let found: Value =
        serde_json::from_str(&stdout(&compare(place, &["a.tsv", "b.tsv", "--format", "json"], 0))).unwrap();
    assert_eq!((&found["schema"], &found["judged"]["verdict"]), (&1.into(), &"PASS".into()));
    assert_eq!((&found["images"]["common"], &found["images"]["equal"]), (&10.into(), &10.into()));
    assert_eq!((&found["boxes"]["same"], &found["boxes"]["moved"]), (&boxes.into(), &boxes.into()));
    let differences = &found["differences"];
    assert_eq!((&differences["objects_differ"], &differences["attributes_differ"]), (&0.into(), &0.into()));
    for name in ["absolute", "relative", "cosine_distance", "iou_distance", "pixels", "objects_conf", "attrs_conf"] {
        assert_eq!((&differences[name]["max"], &differences[name]["mean"]), (&0.0.into(), &0.0.into()), "{name}");
    }
}

#[test]
fn another_order_of_rows_and_boxes_is_exactly_zero() {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("a.tsv"), &rows());
    write(&place.path().join("b.tsv"), &turned(&rows()));
    is_exactly_zero(place.path(), 50);
}

#[test]
fn the_released_rows_in_another_order_are_exactly_zero() {
    let Some(golden) = fixtures::beside("real/golden/train2014_obj36.tsv") else { return };
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("a.tsv"), &read(&golden));
    write(&place.path().join("b.tsv"), &turned(&read(&golden)));
    is_exactly_zero(place.path(), 360);
}

#[test]
fn another_network_fails_by_name_and_odd_numbers_of_boxes_do_not() {
    let place = tempfile::tempdir().unwrap();
    let golden = fixtures::beside("real/golden/train2014_obj36.tsv");
    if let (Some(golden), Some(random)) = (golden, fixtures::beside("butd/full/train2014_obj36.tsv")) {
        let asked = [golden.to_str().unwrap(), random.to_str().unwrap(), "--common"];
        let said = stdout(&compare(place.path(), &asked, 1));
        assert!(said.contains("COCO_train2014_000000084002: 36 of 36 boxes changed"), "{said}");
    }
    if let Some(reduced) = fixtures::beside("butd/tiny/s600_obj36.tsv") {
        let said = stdout(&compare(
            place.path(),
            &[reduced.to_str().unwrap(), reduced.to_str().unwrap(), "--level", "half"],
            0,
        ));
        assert!(said.contains(" equal, 0 changed") && said.contains("22 to 36 boxes"), "{said}");
    }
}

#[test]
fn what_differs_is_told_with_limits_and_reasons() {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("a.tsv"), &rows());
    let mut other = turned(&rows());
    for row in &mut other[2..8] {
        row.features.iter_mut().for_each(|value| *value *= 1.25);
        row.objects_id[1] += 1;
        row.boxes[0] += 30.0;
    }
    other[4].img_h = 960;
    other[9].img_id = "COCO_train2014_000000000099".into();
    write(&place.path().join("b.tsv"), &other);
    let output = compare(place.path(), &["a.tsv", "b.tsv", "--worst", "3"], 1);
    assert_snapshot!("differs", stdout(&output));
    assert!(stderr(&output).starts_with("compared 9 images, "), "{}", stderr(&output));
    assert_snapshot!("differs_by_port", stdout(&compare(place.path(), &["a.tsv", "b.tsv", "--level", "port"], 1)));
}

#[test]
fn images_in_one_file_only_are_left_out_on_request() {
    let place = tempfile::tempdir().unwrap();
    let mut many = rows();
    many.extend((20..60).map(|image| Row { img_id: format!("COCO_train2014_{image:012}"), ..rows().remove(0) }));
    write(&place.path().join("a.tsv"), &many);
    write(&place.path().join("b.tsv"), &rows());
    let asked = ["a.tsv", "b.tsv", "--format", "json", "--out", "found/compared.json"];
    let found = |more: &[&str], code| {
        let said = stdout(&compare(place.path(), &[&asked, more].concat(), code));
        assert!(said.starts_with("verdict: ") && said.contains("compared.json"), "{said}");
        let text = std::fs::read(place.path().join("found/compared.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["images"]["only_a"].clone()
    };
    let named = |found: &Value| found["named"].as_array().unwrap().len();
    let few = found(&[], 3);
    assert_eq!((&few["count"], named(&few)), (&40.into(), 20));
    assert_eq!(named(&found(&["--list", "--common"], 0)), 40);
    let said = stdout(&compare(place.path(), &["a.tsv", "b.tsv"], 3));
    assert!(said.contains("000024 and 35") && said.contains("--common"), "{said}");
}

#[test]
fn mistakes_and_damage_are_named() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { place.path().join(name) };
    write(&path("a.tsv"), &rows());
    let said = |more: &[&str], code| stderr(&compare(place.path(), more, code));
    let error = said(&["a.tsv", "a.tsv", "--level", "exact"], 2);
    assert!(error.contains("no level \"exact\"") && error.contains("same-extractor, port, native, half"), "{error}");
    assert!(said(&["a.tsv", "b.tsv"], 5).contains("cannot read b.tsv"));
    assert!(said(&["a.tsv", "."], 5).contains("it is a folder, not a regular file"));
    let mut bytes = std::fs::read(path("a.tsv")).unwrap();
    bytes.truncate(bytes.len() - 9);
    std::fs::write(path("cut.tsv"), &bytes).unwrap();
    let error = said(&["a.tsv", "cut.tsv"], 5);
    assert!(error.contains("cut.tsv, line 10") && error.contains("cut short"), "{error}");
    assert_eq!(error, stderr_of_reader(&path("cut.tsv")), "as the reader says it");
}

/// What the streaming reader says about the same file, as the program prints it.
fn stderr_of_reader(path: &Path) -> String {
    let (mut reader, mut row) = (TsvReader::open(path).unwrap(), Row::default());
    loop {
        match reader.read(&mut row) {
            Ok(true) => {}
            Ok(false) => panic!("the file is sound"),
            Err(error) => {
                let folder = format!("{}/", path.parent().unwrap().display());
                return format!("error: {}\n", base::error::Error::from(error)).replace(&folder, "");
            }
        }
    }
}
