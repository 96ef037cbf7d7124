//! Feature files that no detector gives, and those of other programs: each is read or its fault is named.

use std::fs;
use std::io::Write;

use base64_simd::STANDARD;
use data::features::Row;
use data::features::bench::{generated_rows, image_id};

use super::helpers::{DATA, TSV, case, changed, inspect, place, rows, said_of, single, text, train};
use crate::common::{repro, run, stderr, stdout, unwrapped};

#[test]
fn caffe_issue_4900_features_that_no_detector_gives_are_kinds_of_their_own() {
    let own = |change: fn(&mut Row)| Some(changed(change));
    for (bytes, kind, words) in [
        (
            case("zeros.tsv"),
            "constant-features 3",
            "all features are 0; Caffe gives that on a GPU that it was not built for",
        ),
        (case("same36.tsv"), "same-features 3", "all 36 boxes have the same features; Caffe gives that on a GPU"),
        (own(|row| row.features.fill(0.5)), "constant-features 12", "all features are 0.5"),
        (own(|row| row.boxes = row.boxes[..4].repeat(5)), "same-boxes 12", "all 5 boxes are the same"),
        (
            own(|row| row.features[17] = -3.5),
            "negative-feature 12",
            "box 1, value 1 is -3.5: a detector's features come out",
        ),
        (own(|row| row.features[2] = 7e8), "absurd-feature 12", "box 0, value 2 is 700000000: no detector's features"),
        (own(|row| row.attrs_conf[3] = 17.0), "probability 12", "box 3 has the probability 17, outside 0 to 1"),
        (own(|row| row.boxes.swap(4, 6)), "inverted-box 12", "the wrong way round"),
    ] {
        let Some(bytes) = bytes else { continue };
        let (found, refused) = said_of(&bytes);
        assert!(found.contains(&format!(": {kind}")) && found.contains(words), "{kind}: {found}");
        assert!(
            refused.contains(words) && refused.contains("line 1, image ") && refused.contains("next: "),
            "{refused}"
        );
    }
}

#[test]
fn reltr_issue_12_a_fault_that_all_rows_have_is_one_of_the_file() {
    let halves = |values: &[f32]| values.iter().flat_map(|&value| half::f16::from_f32(value).to_le_bytes()).collect();
    let doubles = |values: &[f32]| values.iter().flat_map(|&value| f64::from(value).to_le_bytes()).collect();
    let swapped = |values: &[f32]| values.iter().flat_map(|value| value.to_be_bytes()).collect();
    let xywh = |row: &mut Row| {
        row.boxes.as_chunks_mut::<4>().0.iter_mut().for_each(|c| (c[2], c[3]) = (c[2] - c[0], c[3] - c[1]))
    };
    let shares = |row: &mut Row| {
        let sides = [row.img_w, row.img_h].map(|side| side as f32);
        row.boxes.iter_mut().enumerate().for_each(|(at, value)| *value /= sides[at % 2]);
    };
    let upright = |row: &mut Row| (row.img_w, row.img_h) = (row.img_h, row.img_w);
    for (bytes, kind, words) in [
        (case("boxes_xywh.tsv"), "boxes-xywh 1", "the boxes look like x, y, width, height"),
        (case("boxes_normalised.tsv"), "boxes-normalised 1", "the boxes are normalised already"),
        (case("f16_features.tsv"), "number-width 1", "the features are float16, not float32"),
        (Some(changed(xywh)), "boxes-xywh 1", "the boxes look like x, y, width, height"),
        (Some(changed(shares)), "boxes-normalised 1", "the boxes are normalised already"),
        (
            Some(changed(upright)),
            "boxes-swapped 1",
            "the boxes look like y1, x1, y2, x2, or the image's height and width",
        ),
        (Some(text(&rows(), halves)), "number-width 1", "the features are float16, not float32"),
        (Some(text(&generated_rows(12, 5, 32), halves)), "number-width 1", "the features are float16, not float32"),
        (Some(text(&rows(), doubles)), "number-width 1", "the features are float64, not float32"),
        (Some(text(&rows(), swapped)), "number-width 1", "the features are big-endian float32, not float32"),
    ] {
        let Some(bytes) = bytes else { continue };
        let (found, refused) = said_of(&bytes);
        assert!(found.contains(&format!("problems 1: {kind}")) && found.contains(words), "{kind}: {found}");
        assert!(
            found.contains("in all 3 rows") || found.contains("in all 12 rows") || found.contains(" of 12 rows"),
            "{found}"
        );
        assert!(refused.contains(words) && !refused.contains("lists every damaged row"), "{refused}");
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn in_utf16(text: &str) -> Vec<u8> {
    [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn bottom_up_attention_issue_7_the_file_of_a_different_program_is_named_and_not_called_damaged() {
    let good = text(&rows(), single);
    let header = "img_id\timg_h\timg_w\tobjects_id\tobjects_conf\tattrs_id\tattrs_conf\tnum_boxes\tboxes\tfeatures\n";
    let wide = STANDARD.encode_to_string(vec![0_u8; 2 * 2054 * 4]);
    let vinvl = (0..9).map(|at| format!("{at}\t2\t{wide}\n")).collect::<String>();
    let oscar = "42\t[{\"class\": \"cat\", \"conf\": 0.5}]\n".repeat(9);
    let records = "{\"img_id\": \"n1\", \"features\": [0.5]}\n".repeat(1099);
    let mut lmdb = vec![0; 8192];
    lmdb[16..20].copy_from_slice(b"\xde\xc0\xef\xbe");
    let picture = [b"\x89PNG\r\n\x1a\n".to_vec(), b"\n1\t2\n".repeat(1099)].concat();
    let csv = String::from_utf8(good.clone()).unwrap().replace('\t', ",");
    for (at, (bytes, words)) in [
        (Some([header.as_bytes(), &good].concat()), "this is a TSV with a header line"),
        (
            Some([b"image_id\timage_w\timage_h\tnum_boxes\tboxes\tfeatures\n", &good[..]].concat()),
            "this is bottom-up-attention's own TSV of six columns",
        ),
        (
            Some(vinvl.into_bytes()),
            "this is VinVL's TSV of three columns (image, number of boxes, features; 2054 features a box)",
        ),
        (Some(oscar.into_bytes()), "this is a TSV of images and JSON, as Oscar's"),
        (Some(gzipped(&good)), "this is a gzip archive"),
        (Some(b"PK\x03\x04\n\n\n".repeat(99)), "this is a zip archive"),
        (Some(records.into_bytes()), "this is JSON"),
        (Some(b"[\n  {\"img_id\": \"n1\"}\n]\n".to_vec()), "this is JSON"),
        (Some(picture), "this is a picture"),
        (Some(b"\xff\xd8\xff\xe0\n\n1\n".to_vec()), "this is a picture"),
        (Some(b"<!DOCTYPE html>\n<html>\n<body>\n".to_vec()), "this is a web page"),
        (Some(b"\x93NUMPY\x01\0v\0{'descr': '<f4'}\n\n".to_vec()), "this is a NumPy array (.npy)"),
        (Some(b"\x89HDF\r\n\x1a\n\0\n\0\n".to_vec()), "this is an HDF5 file"),
        (Some(lmdb), "this is an LMDB database (data.mdb)"),
        (Some(in_utf16(std::str::from_utf8(&good).unwrap())), "this is text in UTF-16"),
        (Some(csv.into_bytes()), "this is text without tabs"),
    ]
    .into_iter()
    .enumerate()
    {
        let Some(bytes) = bytes else { continue };
        let place = place();
        let folder = place.path();
        fs::write(folder.join("a.tsv"), &bytes).unwrap();
        let found = inspect(folder, "a.tsv", DATA);
        assert!(found.contains("problems 1: not-a-tsv 1") && found.contains(words), "{words}: {found}");
        // All commands read alike; the kinds that users met go through each.
        let compared = |()| stderr(&run(repro(folder).args(["features", "compare", TSV, "a.tsv"]), DATA));
        let trained = |()| {
            fs::copy(folder.join("a.tsv"), folder.join(TSV)).unwrap();
            stderr(&train(folder, "", DATA))
        };
        let refusals = match at {
            0..2 => vec![compared(()), trained(())],
            _ if at % 2 == 0 => vec![compared(())],
            _ => vec![trained(())],
        };
        for refused in refusals {
            assert!(refused.contains(words) && refused.contains("next: "), "{refused}");
            for advice in ["delete", "again", "--allow-missing"] {
                assert!(!refused.contains(advice), "{refused}");
            }
        }
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let place = place();
    let plain = fs::read(place.path().join(TSV)).unwrap();
    train(place.path(), "", 0);
    let first = fs::read(place.path().join("out/LAST.safetensors")).unwrap();
    fs::write(place.path().join(TSV), [b"\xef\xbb\xbf", &plain[..]].concat()).unwrap();
    assert!(inspect(place.path(), TSV, 0).contains(&format!("first, last {},", image_id(0))));
    train(place.path(), "--output marked", 0);
    assert!(fs::read(place.path().join("marked/LAST.safetensors")).unwrap() == first);
    fs::write(place.path().join("plain.tsv"), &plain).unwrap();
    let compared = stdout(&run(repro(place.path()).args(["features", "compare", TSV, "plain.tsv"]), 0));
    assert!(compared.contains("12 in both, of which 12 equal"), "{compared}");

    let Some(bytes) = case("bom.tsv") else { return };
    fs::write(place.path().join(TSV), bytes).unwrap();
    assert!(inspect(place.path(), TSV, 0).contains("first, last 000000132417, "));
}

#[test]
fn if_no_question_has_features_the_difference_of_the_ids_is_named() {
    let of = |rename: &dyn Fn(&str) -> String| changed(|row| row.img_id = rename(&row.img_id));
    let number = |id: &str| id.rsplit('_').next().unwrap().to_owned();
    for (bytes, words) in [
        (
            Some(of(&|id| format!("{id}.jpg"))),
            "there is for example `COCO_bench2014_000000000000.jpg`: they differ in the extension (none and `.jpg`)",
        ),
        (
            Some(of(&number)),
            "there is for example `000000000000`: they differ in the prefix (`COCO_bench2014_` and none)",
        ),
        (Some(of(&|id| format!("{}1", number(id).trim_start_matches('0')))), "the zeros before the number"),
        (
            case("bom.tsv"),
            "there is for example `000000132417`: they differ in the prefix (`COCO_bench2014_` and none)",
        ),
    ] {
        let Some(bytes) = bytes else { continue };
        let place = place();
        fs::write(place.path().join(TSV), bytes).unwrap();
        let refused = stderr(&train(place.path(), "", DATA));
        assert!(refused.contains("9 of 9 examples of vqa train have images without features"), "{refused}");
        assert!(refused.contains("wanted is for example `COCO_bench2014_") && refused.contains(words), "{refused}");
        assert!(refused.contains("next: use the same ids") && !refused.contains("--allow-missing"), "{refused}");
    }
    // Other images under ids of the same form: that is said, and leaving all of them out is not offered.
    let place = place();
    fs::write(place.path().join(TSV), of(&|id| id.replace("_00", "_77"))).unwrap();
    let refused = stderr(&train(place.path(), "", DATA));
    assert!(refused.contains("these are other images") || refused.contains("the zeros before"), "{refused}");
    assert!(!refused.contains("--allow-missing"), "{refused}");
}

#[test]
fn a_comparison_of_files_with_nothing_in_common_says_that() {
    let place = place();
    fs::write(place.path().join("b.tsv"), changed(|row| row.img_id += ".jpg")).unwrap();
    let compared = run(repro(place.path()).args(["features", "compare", TSV, "b.tsv"]), 3);
    let told = unwrapped(&stdout(&compared));
    let id = image_id(0);
    assert!(
        told.starts_with("INCONCLUSIVE ") && told.contains(&format!(
            "No image is in both files: A has for example `{id}`, B `{id}.jpg`: they differ in the extension (none and `.jpg`)."
        )),
        "{told}"
    );
}
