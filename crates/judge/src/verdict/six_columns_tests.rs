//! bottom-up-attention's own six columns, from the text to the store, the inspection and the comparison.

use std::path::Path;

use crate::verdict::Verdict;
use crate::verdict::comparison::{CompareSettings, Comparison, compare};
use crate::verdict::features::GoldenFeatures;
use base::progress::Silent;
use data::features::bench::generated_rows;
use data::features::error::{Column, RowDamage, TsvLayout};
use data::features::row_error::RowError;
use data::features::store::{FeatureStore, Precision, StoreSource, StoreWriter, build_store, store_stream};
use data::features::testing::{Place, read_to_end, row, row_of, six_columns, text, without_classes};
use data::features::tsv::{TsvIndex, TsvReader, TsvWriter};
use data::features::{Row, inspect};

fn read_all(bytes: &[u8]) -> (Vec<Row>, Vec<RowError>) {
    // What was in the row before must not stay in it.
    read_to_end(TsvReader::new(bytes, Path::new("a.tsv")), row(7))
}

fn rows(count: usize) -> Vec<Row> {
    (0..count).map(row).collect()
}

#[test]
fn six_columns_are_read_without_classes_whatever_ends_their_lines() {
    let expected: Vec<Row> = rows(3).iter().map(without_classes).collect();
    let plain = six_columns(&rows(3));
    let crlf = String::from_utf8(plain.clone()).unwrap().replace('\n', "\r\n").into_bytes();
    for bytes in [&plain[..], &crlf, &plain[..plain.len() - 1], &[b"\xef\xbb\xbf\n\n", &plain[..]].concat()] {
        assert_eq!(read_all(bytes), (expected.clone(), vec![]));
    }
    for one in &expected {
        assert_eq!((one.check(), one.has_classes()), (Ok(()), false));
        assert_eq!(one.text_bytes() + 1, six_columns(std::slice::from_ref(one)).len() as u64);
    }
    let place = Place::new();
    let index = TsvIndex::build(&place.file("a.tsv", &plain), &Silent).unwrap();
    let (mut buffer, mut found) = (Vec::new(), row(7));
    assert_eq!(index.layout(), TsvLayout::Six);
    for at in [2, 0, 1] {
        index.read(at, &mut buffer, &mut found).unwrap();
        assert_eq!(found, expected[at]);
    }
    let error = TsvWriter::new(Vec::new()).write_row(&expected[0]).unwrap_err().to_string();
    assert!(error.contains("its boxes have no classes, and obj36 has columns of them"), "{error}");
    let halves = Row { attrs_id: vec![1, 2], ..expected[0].clone() };
    assert_eq!(halves.check().unwrap_err().0, Column::ObjectsId, "all four, or none");
}

#[test]
fn a_row_of_the_other_layout_is_damage_where_it_stands() {
    let (six, ten) = (|at: usize| six_columns(&[row(at)]), |at: usize| text(&[row(at)]));
    for (bytes, layout, said) in [
        (
            [six(0), ten(1), six(2)].concat(),
            TsvLayout::Ten,
            "the row has obj36's ten columns, not bottom-up-attention's six columns; a file must have one layout",
        ),
        (
            [ten(0), six(1), ten(2)].concat(),
            TsvLayout::Six,
            "the row has bottom-up-attention's six columns, not obj36's ten columns; a file must have one layout",
        ),
    ] {
        let (rows, errors) = read_all(&bytes);
        assert_eq!((rows.len(), errors.len(), errors[0].line), (2, 1, 2));
        assert_eq!((&errors[0].damage, errors[0].column), (&RowDamage::OtherLayout { layout }, None));
        assert_eq!((errors[0].damage.to_string().as_str(), errors[0].damage.kind()), (said, "other-layout"));
        let place = Place::new();
        let index = TsvIndex::build(&place.file("a.tsv", &bytes), &Silent).map(|_| ());
        assert_eq!(index.unwrap_err().to_string().rsplit("a.tsv").next(), errors[0].to_string().strip_prefix("a.tsv"));
    }
    // An extractor's rows have ten.
    let error = data::features::tsv::read_line(six(0).trim_ascii_end(), &mut Row::default()).unwrap_err();
    assert_eq!(error, (None, RowDamage::OtherLayout { layout: TsvLayout::Six }));
}

#[test]
fn damage_of_six_columns_is_named_by_its_own_columns() {
    let good = String::from_utf8(six_columns(&rows(3))).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let changed = |column: usize, value: &str| {
        let mut fields: Vec<&str> = lines[1].split('\t').collect();
        fields[column] = value;
        [lines[0], &fields.join("\t"), lines[2]].join("\n")
    };
    let values = |change: fn(&mut Row)| {
        let mut wrong = row(1);
        change(&mut wrong);
        [lines[0], String::from_utf8(six_columns(&[wrong])).unwrap().trim_end(), lines[2]].join("\n")
    };
    for (bytes, column, said) in [
        (changed(1, "x"), Some(Column::ImgW), "\"x\" is not a whole number"),
        (changed(2, "0"), Some(Column::ImgH), "an image side of 0 pixels is impossible"),
        (changed(3, "0"), Some(Column::NumBoxes), "the image has no boxes"),
        (changed(3, "3"), Some(Column::Boxes), "decodes to 32 bytes; 3 boxes need 48"),
        (changed(3, "999999999999999999"), Some(Column::Boxes), "decodes to 32 bytes; 999999999999999999 boxes need"),
        (changed(5, ""), Some(Column::Features), "decodes to 0 bytes, which 2 boxes"),
        (changed(5, "AAAA\tAAAA"), None, "the row has 7 columns instead of 6"),
        (changed(4, "AA!A"), Some(Column::Boxes), "bad base64: character '!' at offset 2"),
        ([lines[0], &lines[1][..40], lines[2]].join("\n"), None, "the row is cut short: 5 of 6 columns"),
        (values(|row| row.features[4] = f32::NAN), Some(Column::Features), "box 1, value 1 is NaN"),
        (values(|row| row.features[4] = -1.0), Some(Column::Features), "never negative"),
        (values(|row| row.boxes[6] = 641.5), Some(Column::Boxes), "box 1 has x2 = 641.5, outside the image (side 641)"),
        (values(|row| *row = row_of(1, 3, 3)), Some(Column::NumBoxes), "3 boxes here, 2 in line 1"),
        (
            values(|row| (row.img_w, row.img_h) = (row.img_h, row.img_w)),
            Some(Column::Boxes),
            "the image's height and width have changed places",
        ),
        (
            values(|row| row.img_id = data::features::testing::row(0).img_id),
            Some(Column::ImgId),
            "appeared before, in line 1",
        ),
    ] {
        let (rows, errors) = read_all(bytes.as_bytes());
        assert_eq!((rows.len(), errors.len()), (2, 1), "{said}: {errors:?}");
        assert_eq!((errors[0].line, errors[0].column), (2, column), "{said}: {}", errors[0]);
        assert!(errors[0].damage.to_string().contains(said), "{said}: {}", errors[0]);
    }
}

/// A writer killed after any byte of a row and started again with the next image; ids of either form.
#[test]
fn glued_and_cut_rows_of_six_columns_are_recognised_wherever_they_were_cut() {
    for number in [false, true] {
        let named = |at: usize| {
            let id = if number { (571_300 + at).to_string() } else { row(at).img_id };
            Row { img_id: id, ..row(at) }
        };
        let lines: Vec<Vec<u8>> = (0..4).map(|at| six_columns(&[named(at)])).collect();
        let begin = if number { named(1).img_id.len() + 1 } else { 1 };
        for cut in begin..lines[1].len() - 1 {
            let (rows, errors) = read_all(&[&lines[0][..], &lines[1][..cut], &lines[2], &lines[3]].concat());
            assert_eq!((rows.len(), errors.len()), (2, 1), "cut after {cut}: {errors:?}");
            let column = lines[1][..cut].iter().filter(|&&byte| byte == b'\t').count();
            let expected = Some(TsvLayout::Six.columns()[column]);
            assert_eq!((errors[0].damage.kind(), errors[0].column), ("glued-rows", expected), "cut after {cut}");
        }
        let two = lines[..2].concat();
        for cut in lines[0].len() + 1..two.len() - 1 {
            let (rows, errors) = read_all(&two[..cut]);
            let is_cut = matches!(errors[0].damage, RowDamage::Truncated { of: 6, at_end: true, .. });
            assert!(rows.len() == 1 && errors.len() == 1 && is_cut, "cut after {cut}: {errors:?}");
        }
    }
}

#[test]
fn a_store_without_classes_holds_nothing_that_could_be_taken_for_them() {
    let place = Place::new();
    let tsv = place.file("a.tsv", &six_columns(&rows(9)));
    for precision in [Precision::F32, Precision::F16] {
        let path = place.0.path().join("a.safetensors");
        build_store(&tsv, &path, precision, &Silent).unwrap();
        let store = FeatureStore::open_checked(&path, &Silent).unwrap();
        assert!(!store.has_classes());
        let mut found = row(7);
        for (at, expected) in rows(9).iter().map(without_classes).enumerate() {
            store.copy_row(at, &mut found);
            assert_eq!(found, expected, "the test's features are exact in half precision");
            assert_eq!((store.object_ids(at), store.attr_ids(at)), (vec![], vec![]));
            assert_eq!((store.object_confs(at), store.attr_confs(at)), (vec![], vec![]));
        }
        let bytes = std::fs::read(&path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert!(tensors.names().iter().all(|name| !name.contains("objects") && !name.contains("attrs")));
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(metadata.metadata().as_ref().unwrap()["classes"], "none");
        // Another word there is no store of ours.
        let other = String::from_utf8_lossy(&bytes[8..8192]).replace("\"classes\":\"none\"", "\"classes\":\"some\"");
        let other = place.file("other.safetensors", &[&bytes[..8], other.as_bytes(), &bytes[8192..]].concat());
        let error = FeatureStore::open(&other).unwrap_err();
        assert!(error.to_string().contains("classes is \"some\""), "{error}");
    }
    let with = place.0.path().join("with.safetensors");
    build_store(&place.file("with.tsv", &text(&rows(9))), &with, Precision::F32, &Silent).unwrap();
    assert!(FeatureStore::open(&with).unwrap().has_classes());
    assert!(!String::from_utf8_lossy(&std::fs::read(&with).unwrap()[..8192]).contains("\"classes\""));

    let mut writer = StoreWriter::create(&place.0.path().join("b.safetensors"), Precision::F32).unwrap();
    writer.write_row(&without_classes(&row(0))).unwrap();
    let error = writer.write_row(&row(1)).unwrap_err().to_string();
    assert!(error.contains("its boxes have classes, those of the first image have none"), "{error}");
    let source = StoreSource { name: "b.tsv".into(), bytes: 9, covered: 9, sha256: "0".repeat(64) };
    writer.finish(source).unwrap();
}

#[test]
fn six_columns_out_of_an_archive_become_tsv_and_store_in_one_pass() {
    let place = Place::new();
    let (all, tsv) = (six_columns(&rows(9)), place.0.path().join("data/a.tsv"));
    let stores = place.0.path().join("stores");
    let done = store_stream(all.as_slice(), &tsv, &stores, Precision::F32, Some(9), &mut |_| {}).unwrap();
    assert_eq!((done.rows, std::fs::read(&tsv).unwrap() == all), (9, true));
    assert!(!FeatureStore::open(&done.store).unwrap().has_classes());
}

/// A page without its line breaks.
fn unwrapped(page: &impl ToString) -> String {
    page.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_inspection_names_the_layout_and_the_real_rows_are_those_of_obj36() {
    let place = Place::new();
    let found = inspect(&place.file("a.tsv", &six_columns(&rows(9)))).unwrap();
    assert_eq!((found.rows, found.problem_count, found.classes, found.decoded_bytes), (9, 0, Some(false), 9 * 2 * 28));
    let told = unwrapped(&found);
    assert!(told.contains("(TSV of bottom-up-attention's six columns, "), "{told}");
    assert!(told.contains(" classes none, nor attributes") && !told.contains("conf"), "{told}");
    assert_eq!(inspect(&place.file("b.tsv", &text(&rows(9)))).unwrap().classes, Some(true));

    let six = fixtures::beside("cases/features/six_columns.tsv");
    let (Some(six), Some(ten)) = (six, fixtures::beside("real/golden/train2014_obj36.tsv")) else { return };
    let (six, ten) = (read_all(&std::fs::read(six).unwrap()), read_all(&std::fs::read(ten).unwrap()));
    assert_eq!((six.0.len(), six.1), (3, vec![]));
    for found in six.0 {
        let img_id = format!("COCO_train2014_{:0>12}", found.img_id);
        let same = ten.0.iter().find(|row| row.img_id == img_id).unwrap();
        assert_eq!(Row { img_id, ..found }, without_classes(same));
    }
}

#[test]
fn a_comparison_without_classes_says_so_and_never_passes() {
    let rows = generated_rows(12, 5, 16);
    let mut moved = rows.clone();
    moved.iter_mut().for_each(|row| row.features.iter_mut().for_each(|value| *value += 0.5));
    let place = Place::new();
    let ten = place.file("ten.tsv", &text(&rows));
    let six = place.file("six.tsv", &six_columns(&rows));
    let moved = place.file("moved.tsv", &six_columns(&moved));
    let store = place.0.path().join("six.safetensors");
    build_store(&six, &store, Precision::F32, &Silent).unwrap();
    let golden = GoldenFeatures::embedded().unwrap();
    for level in golden.levels.iter().map(|level| level.name.as_str()) {
        let settings = CompareSettings { level, common: false, named: 3, worst: 2, threads: 2 };
        let of = |a: &Path, b: &Path| compare(a, b, &golden, &settings, &Silent).unwrap();
        for (a, b, who) in [
            (&six, &six, "neither A nor B holds any"),
            (&ten, &six, "B holds none"),
            (&store, &ten, "A holds none"),
            (&store, &six, "neither A nor B holds any"),
        ] {
            let Comparison { found, judged, .. } = of(a, b);
            assert_eq!(judged.verdict, Verdict::Inconclusive, "{level}");
            assert_eq!((found.images.equal, found.boxes.same, found.differences.objects_differ), (12, 60, None));
            assert_eq!((found.differences.objects_conf, found.measure("attributes_differ_share")), (None, None));
            let said = judged.evidence.join("\n");
            assert!(said.contains("probabilities are not compared: ") && said.contains(who), "{said}");
        }
        if level == "same-extractor" {
            assert_eq!(of(&ten, &ten).judged.verdict, Verdict::Pass);
            let Comparison { found, judged, .. } = of(&six, &moved);
            assert_eq!((judged.verdict, found.images.changed), (Verdict::Fail, 12));
            let told = unwrapped(&found);
            assert!(told.contains("six.tsv (TSV of bottom-up-attention's six columns, f32)"), "{told}");
            assert!(told.contains("of any class, within") && !told.contains(", probabilities "), "{told}");
        }
    }
}
