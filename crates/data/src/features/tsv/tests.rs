use std::path::Path;

use serde_json::Value;

use super::{TsvReader, TsvWriter};
use crate::features::error::{Column, RowDamage};
use crate::features::row::{Row, normalise_boxes};
use crate::features::row_error::RowError;
use crate::features::testing::{Draws, file, read_to_end, row, text};
use base::files;

/// Returns all rows, and all damage met on the way.
fn read_all(bytes: &[u8]) -> (Vec<Row>, Vec<RowError>) {
    read_limited(bytes, crate::features::MAX_ROW_BYTES)
}

fn read_limited(bytes: &[u8], longest_row: usize) -> (Vec<Row>, Vec<RowError>) {
    read_to_end(TsvReader::with_limit(bytes, Path::new("a.tsv"), longest_row), Row::default())
}

fn golden() -> Option<Vec<u8>> {
    let path = fixtures::beside("real/golden/train2014_obj36.tsv")?;
    Some(std::fs::read(path).unwrap())
}

fn le_bytes<T: bytemuck::NoUninit>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

fn check_array(name: &str, expected: &Value, found: &[f32]) {
    let first: Vec<f32> = expected["first8"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    assert_eq!(&found[..8], first, "{name}");
    assert_eq!(files::sha256_bytes(le_bytes(found)), expected["sha256_le_bytes"], "{name}");
    let sum: f64 = found.iter().map(|&value| f64::from(value)).sum();
    let wanted = expected["sum_f64"].as_f64().unwrap();
    assert!((sum - wanted).abs() <= wanted.abs() * 1e-12, "{name}: {sum} {wanted}");
}

#[test]
fn the_real_rows_are_read_exactly() {
    let (Some(facts), Some(bytes)) = (fixtures::lxrt("tsv/tsv.json"), golden()) else { return };
    let facts = fixtures::json(&facts);
    assert_eq!(files::sha256_bytes(&bytes), facts["file"]["sha256"], "the golden file is another one");
    let (rows, errors) = read_all(&bytes);
    assert_eq!(errors, []);
    let expected = facts["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        let id = &row.img_id;
        assert_eq!(expected["img_id"], **id);
        assert_eq!(
            (u64::from(row.img_h), u64::from(row.img_w)),
            (expected["img_h"].as_u64().unwrap(), expected["img_w"].as_u64().unwrap()),
            "{id}"
        );
        assert_eq!(row.num_boxes as u64, expected["num_boxes"].as_u64().unwrap(), "{id}");
        for (column, found) in [("objects_id", &row.objects_id), ("attrs_id", &row.attrs_id)] {
            let values: Vec<i64> = serde_json::from_value(expected[column]["values"].clone()).unwrap();
            assert_eq!(*found, values, "{id} {column}");
        }
        check_array(&format!("{id} objects_conf"), &expected["objects_conf"], &row.objects_conf);
        check_array(&format!("{id} attrs_conf"), &expected["attrs_conf"], &row.attrs_conf);
        check_array(&format!("{id} boxes"), &expected["boxes"], &row.boxes);
        check_array(&format!("{id} features"), &expected["features"], &row.features);
        let zeros = row.features.iter().filter(|&&value| value == 0.0).count() as u64;
        assert_eq!(zeros, expected["zero_features"].as_u64().unwrap(), "{id}");
        let mut normalised = row.boxes.clone();
        normalise_boxes(&mut normalised, row.img_w, row.img_h);
        check_array(&format!("{id} boxes_normalised"), &expected["boxes_normalised"], &normalised);
    }
}

#[test]
fn every_real_file_is_sound_and_rewritten_byte_for_byte() {
    let single = ["real/golden/train2014_obj36.tsv", "butd/full/train2014_obj36.tsv"];
    let mut paths: Vec<_> = single.into_iter().filter_map(fixtures::beside).collect();
    for folder in ["mscoco_imgfeat", "vg_gqa_imgfeat", "nlvr2_imgfeat"] {
        let Some(folder) = fixtures::beside(&format!("real/data/{folder}")) else { continue };
        paths.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tsv")) {
        let bytes = std::fs::read(path).unwrap();
        let (rows, errors) = read_all(&bytes);
        assert_eq!(errors, [], "{}", path.display());
        let ended_with_lf = !bytes.windows(2).any(|pair| pair == b"\r\n");
        let mut written = text(&rows);
        if ended_with_lf {
            written.retain(|&byte| byte != b'\r');
        }
        assert!(written == bytes, "{} is not re-written identically", path.display());
    }
}

/// Returns one field of a CRLF row replaced.
fn with_field(line: &[u8], column: usize, change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let line = line.strip_suffix(b"\r\n").unwrap();
    let mut fields: Vec<Vec<u8>> = line.split(|&byte| byte == b'\t').map(<[u8]>::to_vec).collect();
    fields[column] = change(&fields[column]);
    [fields.join(&b'\t'), b"\r\n".to_vec()].concat()
}

fn line(bytes: &[u8], index: usize) -> Vec<u8> {
    bytes.split_inclusive(|&byte| byte == b'\n').nth(index).unwrap().to_vec()
}

/// What stands at each malformed case of the fixture: rows loaded, or the kind and column of the damage named instead.
enum Outcome {
    Rows(usize),
    Named(&'static str, Option<Column>),
}

#[test]
fn every_malformed_case_of_the_original() {
    use Outcome::{Named, Rows};
    let (Some(facts), Some(bytes)) = (fixtures::lxrt("tsv/tsv.json"), golden()) else { return };
    let (first, second) = (line(&bytes, 0), line(&bytes, 1));
    let cut = |characters: usize| with_field(&first, 9, |text| text[..text.len() - characters].to_vec());
    let int32 = |_: &[u8]| base64_simd::STANDARD.encode_to_string(vec![0_u8; 36 * 4]).into_bytes();
    let mut seen = 0;
    for (name, original) in fixtures::json(&facts)["malformed"].as_object().unwrap() {
        let (input, expected) = match name.as_str() {
            "empty file" => (Vec::new(), Rows(0)),
            "blank line between rows" => ([&first[..], b"\r\n\n", &second].concat(), Rows(2)),
            "CRLF" => (first.clone(), Rows(1)),
            "no final newline" => (first[..first.len() - 2].to_vec(), Rows(1)),
            "num_boxes disagrees" => {
                (with_field(&first, 7, |_| b"35".to_vec()), Named("num-boxes-mismatch", Some(Column::NumBoxes)))
            }
            "features base64 cut by 8 chars" => (cut(8), Named("wrong-length", Some(Column::Features))),
            "features base64 cut by 1 char" => (cut(1), Named("bad-base64", Some(Column::Features))),
            "illegal base64 character inside (python ignores it)" => (
                with_field(&first, 9, |text| [&text[..1000], b"*", &text[1000..]].concat()),
                Named("bad-base64", Some(Column::Features)),
            ),
            "missing last column" => {
                let stop = first.iter().rposition(|&byte| byte == b'\t').unwrap();
                ([&first[..stop], b"\r\n"].concat(), Named("truncated-row", None))
            }
            "spaces around img_h" => (with_field(&first, 1, |text| [b" ", text, b" "].concat()), Rows(1)),
            "extra column" => {
                (with_field(&first, 9, |text| [text, b"\textra"].concat()), Named("too-many-columns", None))
            }
            "same image twice" => ([&first[..], &first].concat(), Named("duplicate-image", Some(Column::ImgId))),
            "zero boxes" => (with_field(&first, 7, |_| b"0".to_vec()), Named("zero-boxes", Some(Column::NumBoxes))),
            "float img_h" => (with_field(&first, 1, |_| b"480.0".to_vec()), Named("not-a-number", Some(Column::ImgH))),
            "int32 objects_id" => (with_field(&first, 3, int32), Named("wrong-length", Some(Column::ObjectsId))),
            unknown => {
                eprintln!("skipped: no input is known for the case {unknown:?}");
                continue;
            }
        };
        seen += 1;
        let (rows, errors) = read_all(&input);
        match expected {
            Rows(count) => {
                assert_eq!((rows.len(), errors.as_slice()), (count, [].as_slice()), "{name}");
                let loads = format!("loads {count} rows");
                assert!(original.as_str().unwrap().starts_with(&loads), "{name}: the original differs: {original}");
            }
            Named(kind, column) => {
                assert_eq!(errors.len(), 1, "{name}");
                assert_eq!((errors[0].damage.kind(), errors[0].column), (kind, column), "{name}: {}", errors[0]);
            }
        }
    }
    assert!(seen > 0);
}

/// Returns one field of row `number` of a small file of three rows changed.
fn damaged(number: usize, column: usize, field: &str) -> Vec<u8> {
    let bytes = file(3);
    (0..3)
        .flat_map(|at| {
            let line = line(&bytes, at);
            if at == number { with_field(&line, column, |_| field.as_bytes().to_vec()) } else { line }
        })
        .collect()
}

/// Row 1 of three changed as values, past the writer's own checks.
fn damaged_values(change: impl Fn(&mut Row)) -> Vec<u8> {
    let mut wrong = row(1);
    change(&mut wrong);
    let base64 = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
    let fields = [
        wrong.img_id.clone(),
        wrong.img_h.to_string(),
        wrong.img_w.to_string(),
        base64(le_bytes(&wrong.objects_id)),
        base64(le_bytes(&wrong.objects_conf)),
        base64(le_bytes(&wrong.attrs_id)),
        base64(le_bytes(&wrong.attrs_conf)),
        wrong.num_boxes.to_string(),
        base64(le_bytes(&wrong.boxes)),
        base64(le_bytes(&wrong.features)),
    ];
    let bytes = file(3);
    [line(&bytes, 0), fields.join("\t").into_bytes(), b"\n".to_vec(), line(&bytes, 2)].concat()
}

#[test]
fn every_class_of_damage_is_named_and_reading_goes_on() {
    let (good, bytes) = (row(1), file(3));
    let [first, second, third] = [0, 1, 2].map(|at| line(&bytes, at));
    let cases: Vec<(Vec<u8>, Option<Column>, &str)> = vec![
        (damaged(1, 0, ""), Some(Column::ImgId), "it is empty"),
        (damaged(1, 0, "a\x07b"), Some(Column::ImgId), "it holds control characters or quotes"),
        (damaged(1, 0, "\"ab"), Some(Column::ImgId), "the field begins with a quote that its end does not close"),
        (damaged(1, 1, "4_80"), Some(Column::ImgH), "\"4_80\" is not a whole number"),
        (damaged(1, 2, "0"), Some(Column::ImgW), "an image side of 0 pixels is impossible"),
        (damaged(1, 2, "99999999"), Some(Column::ImgW), "an image side of 99999999 pixels is impossible"),
        (damaged(1, 7, "3"), Some(Column::NumBoxes), "num_boxes says 3, the other columns hold 2"),
        (
            damaged(1, 7, "999999999999999999"),
            Some(Column::NumBoxes),
            "num_boxes says 999999999999999999, the other columns hold 2",
        ),
        (
            damaged(1, 4, "AAAAAAAAAA"),
            Some(Column::ObjectsConf),
            "bad base64: 10 characters are not a multiple of four, so the text is cut short",
        ),
        (damaged(1, 4, "AAAA"), Some(Column::ObjectsConf), "decodes to 3 bytes; 2 boxes need 8"),
        (damaged(1, 4, "AAAAAAAA!AA="), Some(Column::ObjectsConf), "bad base64: character '!' at offset 8"),
        (damaged(1, 4, "AAAAAAAAAAB="), Some(Column::ObjectsConf), "bad base64: character 'B' at offset 10"),
        (
            damaged(1, 9, ""),
            Some(Column::Features),
            "decodes to 0 bytes, which 2 boxes of float32 features cannot share evenly",
        ),
        (
            damaged(1, 9, "AAAAAAAAAAA="),
            Some(Column::Features),
            "1 features per box here, 3 in line 1; one of the two rows is damaged",
        ),
        (
            damaged_values(|row| row.objects_id[1] = 1600),
            Some(Column::ObjectsId),
            "box 1 has class 1600, outside 0..1600",
        ),
        (damaged_values(|row| row.attrs_id[0] = -1), Some(Column::AttrsId), "box 0 has class -1, outside 0..400"),
        (damaged_values(|row| row.attrs_conf[1] = f32::INFINITY), Some(Column::AttrsConf), "box 1, value 0 is inf"),
        (damaged_values(|row| row.features[4] = f32::NAN), Some(Column::Features), "box 1, value 1 is NaN"),
        (
            damaged_values(|row| row.boxes[6] = 641.5),
            Some(Column::Boxes),
            "box 1 has x2 = 641.5, outside the image (side 641)",
        ),
        (
            damaged_values(|row| row.boxes[1] = -0.5),
            Some(Column::Boxes),
            "box 0 has y1 = -0.5, outside the image (side 480)",
        ),
        (
            damaged_values(|row| {
                *row = Row { img_id: row.img_id.clone(), ..crate::features::testing::row_of(1, 3, 3) }
            }),
            Some(Column::NumBoxes),
            "3 boxes here, 2 in line 1; training needs one number in all rows of a file",
        ),
        (damaged(1, 0, &row(0).img_id), Some(Column::ImgId), "the image appeared before, in line 1"),
        (damaged(1, 8, "AAAA\tAAAA"), None, "the row has 11 columns instead of 10"),
        ([&first[..], &second[..40], b"\r\n", &third].concat(), None, "the row is cut short: 4 of 10 columns"),
        (
            [&first[..], &second[..60], &[0; 30], b"\n", &third].concat(),
            None,
            "byte 60 of the row is zero: a download that reserved its space was not finished",
        ),
    ];
    for (input, column, what) in cases {
        let (rows, errors) = read_all(&input);
        let error = errors.first().unwrap_or_else(|| panic!("nothing found, expected {what}"));
        assert_eq!((error.line, error.column, error.damage.to_string().as_str()), (2, column, what));
        assert_eq!((rows.len(), errors.len()), (2, 1), "{what}: reading goes on behind the row");
        assert_eq!((&rows[0], &rows[1].img_id), (&row(0), &row(2).img_id), "{what}");
    }
    assert_eq!(read_all(&damaged(1, 0, &format!("\"{}\"", good.img_id))).0, [row(0), good, row(2)], "quoted");
    let shown = read_all(&damaged(1, 1, "x")).1[0].to_string();
    assert_eq!(shown, "a.tsv, line 2, image COCO_train2014_000000000002, column img_h: \"x\" is not a whole number");
}

/// The extractor killed after any byte of a row and started again with the next image.
#[test]
fn glued_rows_are_recognised_wherever_the_first_was_cut() {
    let bytes = file(4);
    let lines = [0, 1, 2, 3].map(|at| line(&bytes, at));
    let second_id = row(2).img_id;
    for cut in 1..=lines[1].len() - 2 {
        let (rows, errors) = read_all(&[&lines[0][..], &lines[1][..cut], &lines[2], &lines[3]].concat());
        assert_eq!((rows.len(), errors.len()), (2, 1), "cut after {cut}: {errors:?}");
        let error = &errors[0];
        let column = lines[1][..cut].iter().filter(|&&byte| byte == b'\t').count();
        assert_eq!(error.damage, RowDamage::Glued { second: Some(second_id.clone()) }, "cut after {cut}");
        assert_eq!((error.line, error.column), (2, Some(Column::ALL[column])), "cut after {cut}");
    }
    // In the first row nothing tells what ids look like.
    let (_, errors) = read_all(&[&lines[1][..100], &lines[2]].concat());
    assert_eq!(errors[0].damage, RowDamage::Glued { second: None });
    // The last row is cut too, inside its id.
    let (_, errors) = read_all(&[&lines[0][..], &lines[1][..lines[1].len() - 7], &lines[2][..9]].concat());
    assert_eq!(errors[0].damage, RowDamage::Glued { second: Some("COCO_trai".into()) });
}

/// A download that broke off after any byte: at most the last row is lost, and said to be.
#[test]
fn a_file_cut_anywhere_loses_its_last_row_with_a_message() {
    let bytes = file(2);
    let begin = line(&bytes, 0).len();
    for cut in begin + 1..bytes.len() - 2 {
        let (rows, errors) = read_all(&bytes[..cut]);
        assert_eq!(rows, [row(0)], "cut after {cut}");
        let RowDamage::Truncated { at_end: true, .. } = errors[0].damage else {
            panic!("cut after {cut}: {}", errors[0])
        };
        assert_eq!((errors[0].line, errors.len()), (2, 1));
    }
}

#[test]
fn rows_beyond_the_limit_are_named_and_skipped() {
    let bytes = file(2);
    let (rows, errors) = read_limited(&[&vec![b'x'; 5000][..], b"\n", &bytes].concat(), 1000);
    assert_eq!((rows.len(), errors.len(), errors[0].damage.kind(), errors[0].line), (2, 1, "row-too-long", 1));
}

/// Bytes changed, removed and added at random: never a panic, and every row either reads back with its own shape or is named.
#[test]
fn random_damage_is_survived() {
    let bytes = file(4);
    let mut draws = Draws(2019);
    for _ in 0..3000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + draws.below(4) {
            let at = draws.below(damaged.len());
            match draws.below(4) {
                0 => damaged[at] ^= 1 << draws.below(8),
                1 => damaged[at] = b"\t\n\r\"=A0"[draws.below(7)],
                2 => damaged.truncate(at + 1),
                _ => drop(damaged.splice(at..(at + draws.below(60)).min(damaged.len()), b"AA\t7".iter().copied())),
            }
        }
        let (rows, errors) = read_all(&damaged);
        assert!(rows.len() + errors.len() <= damaged.iter().filter(|&&byte| byte == b'\n').count() + 1);
        rows.iter().for_each(|row| assert_eq!(row.check(), Ok(())));
        errors.iter().for_each(|error| assert!(!error.to_string().is_empty()));
    }
}

#[test]
fn the_writer_refuses_what_the_format_cannot_carry() {
    let changes: [fn(&mut Row); 6] = [
        |row| row.img_id = "a\tb".into(),
        |row| row.features.truncate(5),
        |row| row.objects_id.truncate(1),
        |row| row.features[0] = f32::NAN,
        |row| row.boxes[2] = 700.0,
        |row| row.num_boxes = 0,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut wrong = row(0);
        change(&mut wrong);
        assert!(TsvWriter::new(Vec::new()).write_row(&wrong).is_err(), "change {index}");
    }
    let mut writer = TsvWriter::new(Vec::new());
    writer.write_row(&row(0)).unwrap();
    assert!(writer.write_row(&crate::features::testing::row_of(1, 2, 4)).is_err(), "another shape");
}

#[test]
fn the_box_rule_is_the_originals() {
    for (pixels, inside) in [(640.0_f32, true), (640.006, true), (640.007, false), (-0.006, true), (-0.0065, false)] {
        let mut sample = row(0);
        // A corner on the side that the value lies beyond.
        sample.boxes[if pixels < 0.0 { 0 } else { 2 }] = pixels;
        assert_eq!(sample.check().is_ok(), inside, "{pixels}");
    }
}
