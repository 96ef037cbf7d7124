//! `repro features show`: the page, what is said about it, and mistakes.

use std::path::Path;
use std::process::Output;

use data::features::Row;
use data::features::testing::{six_columns, text, without_classes};
use insta::assert_snapshot;
use lxmert_repro::demo::picture::Picture;

use crate::common::{repro, run, stderr, stdout};

/// A row of an image of 64 x 48 pixels with three boxes.
fn row(id: &str) -> Row {
    Row {
        img_id: id.to_owned(),
        img_h: 48,
        img_w: 64,
        objects_id: vec![0, 1, 7],
        objects_conf: vec![0.75, 0.5, 0.25],
        attrs_id: vec![1, 0, 1],
        attrs_conf: vec![0.5; 3],
        num_boxes: 3,
        boxes: vec![1.0, 2.0, 20.0, 30.0, 30.0, 5.5, 60.0, 40.0, 0.0, 0.0, 63.0, 47.0],
        features: (0..12).map(|at| at as f32 / 4.0).collect(),
    }
}

fn put(place: &Path, name: &str, bytes: &[u8]) {
    base::files::write_bytes(&place.join(name), bytes).unwrap();
}

fn png(width: usize, height: usize) -> Vec<u8> {
    let rgb = (0..width * height * 3).map(|at| (at % 251) as u8).collect();
    Picture { width, height, rgb }.to_png().unwrap()
}

/// A folder with a file of four images, the pictures of three of them, and names.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    put(at, "a.tsv", &text(&["first", "second", "turned", "absent"].map(row)));
    put(at, "images/x/first.0.png", &png(64, 48));
    put(at, "images/second.png", &png(64, 48));
    put(at, "images/turned.png", &png(48, 64));
    put(at, "images/notes.txt", b"first");
    put(at, "names/objects_vocab.txt", b"cat,kitten\n<i>dog</i>\n");
    put(at, "names/attributes_vocab.txt", b"black\nwhite\n");
    place
}

#[track_caller]
fn show(place: &Path, arguments: &[&str], code: i32) -> Output {
    run(repro(place).args(["features", "show"]).args(arguments), code)
}

fn page(place: &Path, name: &str) -> String {
    std::fs::read_to_string(place.join(name)).unwrap()
}

#[test]
fn a_file_becomes_one_page_that_holds_everything() {
    let place = place();
    let at = place.path();
    let output = show(at, &["a.tsv", "--images", "images", "--names", "names", "--out", "page.html"], 0);
    assert_eq!(stdout(&output), "page.html\n");
    assert_snapshot!("show_says", stderr(&output));
    let page = page(at, "page.html");
    assert_eq!((page.matches("<img").count(), page.matches("data:image/png;base64,").count()), (3, 3));
    assert!(page.contains(&base64_simd::STANDARD.encode_to_string(png(64, 48))), "the bytes are the file's own");
    for said in ["cat", "&lt;i&gt;dog&lt;/i&gt;", "class 7", "0.75", "30, 5.5", "no file below images has this id"] {
        assert!(page.contains(said), "{said}");
    }
    assert!(page.contains(&base::files::sha256(&at.join("a.tsv")).unwrap()));
    if let Some(mut check) = fixtures::web_check::command() {
        let output = check.arg(at.join("page.html")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !text.contains("WRONG"), "{text}");
    }
    let again = stderr(&show(at, &["a.tsv", "--images", "images", "--out", "page.html"], 2));
    assert!(again.contains("page.html exists"), "{again}");
}

#[test]
fn images_are_chosen_by_id_or_are_the_first() {
    let place = place();
    let at = place.path();
    let images = ["--images", "images"];
    show(at, &[&["a.tsv", "turned", "first", "turned"], &images[..], &["--out", "ids.html"]].concat(), 0);
    let ids = page(at, "ids.html");
    let places =
        ["id=\"image1\"", "<h2>turned</h2>", "id=\"image2\"", "<h2>first</h2>"].map(|text| ids.find(text).unwrap());
    assert!(places.is_sorted() && ids.contains("2 images; 2 more in the file."), "{places:?}");
    assert!(ids.contains("Classes are shown by number: repro fetch objects-vocab attributes-vocab"));
    let said = stderr(&show(at, &[&["a.tsv"], &images[..], &["--limit", "1", "--out", "limit.html"]].concat(), 0));
    assert!(said.contains("1 image; 3 more are in a.tsv"), "{said}");
    let said = stderr(&show(at, &[&["a.tsv", "first.png"], &images[..], &["--out", "x.html"]].concat(), 2));
    assert!(said.contains("no row of a.tsv has the id first.png") && !at.join("x.html").exists(), "{said}");
}

#[test]
fn two_files_stand_side_by_side_with_what_differs() {
    let place = place();
    let at = place.path();
    let mut other = row("first");
    other.objects_id[1] = 0;
    other.boxes[8..].copy_from_slice(&[0.0, 0.0, 10.0, 10.0]);
    put(at, "b.tsv", &text(&[other, row("second")]));
    let asked = ["a.tsv", "first", "second", "absent", "--with", "b.tsv", "--images", "images", "--out", "both.html"];
    let said = stderr(&show(at, &asked, 0));
    assert!(said.contains("5 pairs, 1 of them changed; without a partner: 1 in A, 1 in B"), "{said}");
    let both = page(at, "both.html");
    for said in ["other object", "only in A", "only in B", "only in A.", "3 pairs, all the same."] {
        assert!(both.contains(said), "{said}");
    }
    assert_eq!(both.matches("<figure").count(), 5);
    let compared = run(repro(at).args(["features", "compare", "--common", "a.tsv", "b.tsv"]), 3);
    assert!(stdout(&compared).contains("first: 2 of 3 boxes changed"), "compare counts the same boxes: {compared:?}");

    let unknown = stderr(&show(at, &[&asked[..9], &["x.html", "--level", "none"]].concat(), 2));
    assert!(unknown.contains("none"), "{unknown}");
    let narrow = Row { features: vec![1.0, 2.0, 3.0], ..row("first") };
    put(at, "narrow.tsv", &text(&[narrow]));
    let asked = ["a.tsv", "first", "--with", "narrow.tsv", "--images", "images", "--out", "x.html"];
    let said = stderr(&show(at, &asked, 5));
    assert!(said.contains("has 4 features per box in A, 1 in B"), "{said}");
}

#[test]
fn a_file_without_classes_shows_its_boxes() {
    let place = place();
    let at = place.path();
    put(at, "six.tsv", &six_columns(&[without_classes(&row("first"))]));
    show(at, &["six.tsv", "--images", "images", "--out", "six.html"], 0);
    let six = page(at, "six.html");
    assert!(six.contains("six columns") && !six.contains("Object") && six.matches("class=\"line\"").count() == 3);
    assert!(!six.contains("Names of classes"), "there is nothing to name");
}

#[test]
fn pictures_that_cannot_be_shown_are_named() {
    let place = place();
    let at = place.path();
    put(at, "broken/first.png", &png(64, 48)[..40]);
    put(at, "broken/second.jpg", b"GIF89a no picture");
    put(at, "broken/turned.png", &png(64, 48));
    std::fs::write(at.join("broken/absent.png"), vec![0; 8_000_001]).unwrap();
    let said = stderr(&show(at, &["a.tsv", "--images", "broken", "--out", "broken.html"], 0));
    for why in [
        "3 of 4 images without a picture",
        "first: broken/first.png was refused",
        "it is a GIF",
        "8,000,001 bytes, more than the 8,000,000",
    ] {
        assert!(said.contains(why), "{why}: {said}");
    }
    std::fs::create_dir(at.join("empty")).unwrap();
    let said = stderr(&show(at, &["a.tsv", "--images", "empty", "--out", "x.html"], 5));
    assert!(said.contains("no picture of 4 images can be shown") && !at.join("x.html").exists(), "{said}");
    let said = stderr(&show(at, &["a.tsv", "--images", "none", "--out", "x.html"], 2));
    assert!(said.contains("there is no folder none"), "{said}");
    let said = stderr(&show(at, &["z.tsv", "--images", "images", "--out", "x.html"], 5));
    assert!(said.contains("z.tsv"), "{said}");
}

/// The photos and rows of the original's extractor.
#[test]
fn rows_of_the_original_lie_on_their_photos() {
    let Some(rows) = fixtures::beside("butd/tiny/s600_obj36.tsv") else { return };
    let Some(photos) = fixtures::beside("butd/images/dev") else { return };
    let place = tempfile::tempdir().unwrap();
    let asked = [rows.to_str().unwrap(), "--images", photos.to_str().unwrap(), "--out", "real.html"];
    let said = stderr(&show(place.path(), &asked, 0));
    assert!(!said.contains("warning"), "every picture is there and has the size that its row says: {said}");
    let images = std::fs::read_to_string(&rows).unwrap().lines().count();
    let page = page(place.path(), "real.html");
    assert!(
        images > 1 && page.matches("<img").count() == images && page.matches("class=\"line\"").count() > 22 * images
    );
}
