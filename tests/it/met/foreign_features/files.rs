use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64_simd::STANDARD;
use serde_json::{Value, json};

use crate::common::{mini, repro, run, stderr, stdout};
use data::features::Row;
use data::features::bench::{generated_rows, image_id};

pub(super) const DATA: i32 = 5;
pub(super) const TSV: &str = "data/mscoco_imgfeat/train2014_obj36.tsv";

/// A folder with a small data root.
pub(super) fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    mini::data_root(&place.path().join("data"), 9, 4);
    place
}

pub(super) fn train(folder: &Path, more: &str, code: i32) -> Output {
    let line = "train vqa --data-root data --train train --valid valid --from-scratch --model tiny --batch-size 4 \
                --epochs 1 --threads 1 --output out";
    run(repro(folder).env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace()).args(more.split_whitespace()), code)
}

pub(super) fn inspect(folder: &Path, file: &str, code: i32) -> String {
    stdout(&run(repro(folder).args(["features", "inspect", file]), code))
}

/// The rows of the small data root: 12 images with 5 boxes of 16 features.
pub(super) fn rows() -> Vec<Row> {
    generated_rows(12, 5, 16)
}

/// Rows as text, whatever is in them. `wide` writes the features.
pub(super) fn text(rows: &[Row], wide: impl Fn(&[f32]) -> Vec<u8>) -> Vec<u8> {
    let base64 = |bytes: &[u8]| STANDARD.encode_to_string(bytes);
    let line = |row: &Row| {
        let fields = [
            row.img_id.clone(),
            row.img_h.to_string(),
            row.img_w.to_string(),
            base64(bytemuck::cast_slice(&row.objects_id)),
            base64(bytemuck::cast_slice(&row.objects_conf)),
            base64(bytemuck::cast_slice(&row.attrs_id)),
            base64(bytemuck::cast_slice(&row.attrs_conf)),
            row.num_boxes.to_string(),
            base64(bytemuck::cast_slice(&row.boxes)),
            base64(&wide(&row.features)),
        ];
        fields.join("\t") + "\r\n"
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

pub(super) fn single(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// All rows of the small data root changed.
pub(super) fn changed(change: impl Fn(&mut Row)) -> Vec<u8> {
    let mut rows = rows();
    rows.iter_mut().for_each(change);
    text(&rows, single)
}

/// A file of the shared cases; `None` where they are absent.
fn case(name: &str) -> Option<Vec<u8>> {
    fixtures::beside(&format!("cases/features/{name}")).map(|path| fs::read(path).unwrap())
}

/// What inspecting a file says, and training on it in place of the training images' features.
pub(super) fn said_of(bytes: &[u8]) -> (String, String) {
    let place = place();
    fs::write(place.path().join(TSV), bytes).unwrap();
    let found = inspect(place.path(), TSV, DATA);
    let refused = stderr(&train(place.path(), "", DATA));
    assert!(!place.path().join("out/LAST.safetensors").exists());
    (found, refused)
}

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
        assert!(found.contains(&format!("problems      1: {kind}")) && found.contains(words), "{kind}: {found}");
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
fn bottom_up_attention_issue_7_another_programs_file_is_named_once_and_called_no_damage() {
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
        assert!(found.contains("problems      1: not-a-tsv 1") && found.contains(words), "{words}: {found}");
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
fn a_byte_order_mark_is_taken_off() {
    let place = place();
    let plain = fs::read(place.path().join(TSV)).unwrap();
    train(place.path(), "", 0);
    let first = fs::read(place.path().join("out/LAST.safetensors")).unwrap();
    fs::write(place.path().join(TSV), [b"\xef\xbb\xbf", &plain[..]].concat()).unwrap();
    assert!(inspect(place.path(), TSV, 0).contains(&format!("first, last   {},", image_id(0))));
    train(place.path(), "--output marked", 0);
    assert!(fs::read(place.path().join("marked/LAST.safetensors")).unwrap() == first);
    fs::write(place.path().join("plain.tsv"), &plain).unwrap();
    let compared = stdout(&run(repro(place.path()).args(["features", "compare", TSV, "plain.tsv"]), 0));
    assert!(compared.contains("12 in both, of which 12 equal"), "{compared}");

    let Some(bytes) = case("bom.tsv") else { return };
    fs::write(place.path().join(TSV), bytes).unwrap();
    assert!(inspect(place.path(), TSV, 0).contains("first, last   000000132417, "));
}

#[test]
fn where_questions_find_no_features_one_id_of_each_side_and_what_differs_is_said() {
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
        assert!(refused.contains("next: give both the same ids") && !refused.contains("--allow-missing"), "{refused}");
    }
    // Other images under ids of the same form: that is said, and leaving all of them out is not offered.
    let place = place();
    fs::write(place.path().join(TSV), of(&|id| id.replace("_00", "_77"))).unwrap();
    let refused = stderr(&train(place.path(), "", DATA));
    assert!(refused.contains("these are other images") || refused.contains("the zeros before"), "{refused}");
    assert!(!refused.contains("--allow-missing"), "{refused}");
}

#[test]
fn a_comparison_of_files_with_nothing_in_common_says_that_first() {
    let place = place();
    fs::write(place.path().join("b.tsv"), changed(|row| row.img_id += ".jpg")).unwrap();
    let compared = run(repro(place.path()).args(["features", "compare", TSV, "b.tsv"]), 3);
    let told = stdout(&compared).split_whitespace().collect::<Vec<_>>().join(" ");
    let id = image_id(0);
    assert!(
        told.starts_with(&format!(
            "No image is in both files: A has for example `{id}`, B `{id}.jpg`: they differ in the extension (none and `.jpg`)."
        )),
        "{told}"
    );
}

/// The store that training built.
pub(super) fn store(folder: &Path) -> PathBuf {
    let stores = fs::read_dir(folder.join("workspace/stores")).unwrap().map(|entry| entry.unwrap().path());
    let mut stores: Vec<PathBuf> = stores
        .filter(|path| path.to_str().unwrap().contains("train2014") && path.extension().unwrap() == "safetensors")
        .collect();
    assert_eq!(stores.len(), 1, "{stores:?}");
    stores.remove(0)
}

/// Changes bytes of a file, which keeps its size; `later` sets its time.
fn overwrite(path: &Path, change: impl Fn(&mut Vec<u8>), later: u64) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(later);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_store_that_was_changed_after_it_was_built_is_built_again() {
    let place = place();
    let folder = place.path();
    train(folder, "", 0);
    let path = store(folder);
    let (good, weights) = (fs::read(&path).unwrap(), fs::read(folder.join("out/LAST.safetensors")).unwrap());
    // A feature that is still plausible, one that is not, a class beyond the last one; features begin at byte 8192.
    let classes = |bytes: &[u8]| {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        8 + length + header["attrs_id"]["data_offsets"][0].as_u64().unwrap() as usize
    };
    let at = classes(&good);
    for (number, change) in [
        (&|bytes: &mut Vec<u8>| bytes[8192..8196].copy_from_slice(&0.5_f32.to_le_bytes())) as &dyn Fn(&mut Vec<u8>),
        &|bytes| bytes[8192..8196].copy_from_slice(&f32::NAN.to_le_bytes()),
        &|bytes| bytes[at..at + 2].copy_from_slice(&999_u16.to_le_bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        overwrite(&path, change, 1_700_000_000 + number as u64);
        let again = stderr(&train(folder, &format!("--output again{number}"), 0));
        assert!(again.contains("this store is not used") && again.contains("features: built"), "{again}");
        assert!(fs::read(&path).unwrap() == good);
        assert!(fs::read(folder.join(format!("again{number}/LAST.safetensors"))).unwrap() == weights);
    }
    // Another time alone is no change.
    overwrite(&path, |_| {}, 1_700_000_009);
    let touched = stderr(&train(folder, "--output touched", 0));
    assert!(touched.contains("features: reused") && !touched.contains("not used"), "{touched}");
    // Without its TSV, a changed store that is named itself is an error.
    overwrite(&path, |bytes| bytes[8192..8196].copy_from_slice(&0.5_f32.to_le_bytes()), 1_700_000_010);
    let refused = encode(folder, &path);
    assert!(refused.contains("was changed after it was built"), "{refused}");
}

/// Encodes with a store given by name, which fails.
pub(super) fn encode(folder: &Path, store: &Path) -> String {
    fs::write(folder.join("pairs.tsv"), "id\timg\tsent\n1\tx\ta cat\n").unwrap();
    let line = ["encode", "--load", "out/LAST", "--vocab", "data/vocab.txt", "--heads", "--output", "o.safetensors"];
    let mut command = repro(folder);
    command.args(line).args(["--pairs", "pairs.tsv", "--features"]).arg(store);
    stderr(&run(&mut command, DATA))
}

#[test]
fn a_store_of_before_there_were_receipts_is_checked_once_in_full() {
    let place = place();
    let folder = place.path();
    train(folder, "", 0);
    let path = store(folder);
    let receipt = PathBuf::from(format!("{}.receipt.json", path.display()));
    let told = fs::read_to_string(&receipt).unwrap();
    fs::remove_file(&receipt).unwrap();
    assert!(stderr(&train(folder, "--output old", 0)).contains("features: reused"));
    assert_eq!(fs::read_to_string(&receipt).unwrap(), told);
    fs::remove_file(&receipt).unwrap();
    overwrite(&path, |bytes| bytes[8192..8196].copy_from_slice(&(-5_f32).to_le_bytes()), 1_700_000_000);
    let again = stderr(&train(folder, "--output anew", 0));
    assert!(again.contains("value 0 is -5") && again.contains("features: built"), "{again}");
}

#[test]
fn a_store_with_classes_that_the_detector_does_not_have_never_reaches_the_loss() {
    let hostile = fixtures::beside("cases/hostile/bad_attribute_ids.store.safetensors");
    let real = fixtures::beside("real/data/mscoco_imgfeat/train2014_obj36.tsv");
    let (Some(hostile), Some(real)) = (hostile, real) else { return };
    let place = place();
    let folder = place.path();
    fs::copy(real, folder.join(TSV)).unwrap();
    fs::create_dir_all(folder.join("workspace/stores")).unwrap();
    fs::copy(&hostile, folder.join("workspace/stores/hostile.safetensors")).unwrap();
    assert!(inspect(folder, hostile.to_str().unwrap(), DATA).contains("class-id"));
    let images = ["000000132417", "000000573195", "000000207647", "000000084002"];
    let example = |number: &&str| {
        json!({"img_id": format!("COCO_train2014_{number}"), "sentf": {"mscoco": ["a red cat", "two blue dog there"]},
            "labelf": {}})
    };
    fs::create_dir_all(folder.join("data/lxmert")).unwrap();
    fs::write(folder.join("data/lxmert/all_ans.json"), r#"[{"ans": "cat", "dsets": ["vqa"]}]"#).unwrap();
    fs::write(
        folder.join("data/lxmert/mscoco_train.json"),
        json!(images.iter().map(example).collect::<Vec<_>>()).to_string(),
    )
    .unwrap();
    let line = "pretrain --data-root data --train mscoco_train --valid= --taskObjPredict --taskMaskLM --visualLosses attr \
                --model tiny --batchSize 4 --epochs 1 --threads 1 --device cpu --from-scratch --output pretrained";
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace());
    let said = stderr(&run(&mut command, 0));
    assert!(said.contains("this store is not used: ") && said.contains("column attrs_id: box "), "{said}");
    assert!(said.contains("outside 0..400") && said.contains("features: built"), "{said}");

    train(place_for_weights(folder), "", 0);
    let refused = encode(folder, &hostile);
    assert!(refused.contains("column attrs_id: box ") && refused.contains("outside 0..400"), "{refused}");
}

/// Puts the small features back, so that there are weights to encode with.
fn place_for_weights(folder: &Path) -> &Path {
    mini::data_root(&folder.join("data"), 9, 4);
    folder
}
