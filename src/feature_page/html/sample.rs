//! Pages for tests.

use super::super::content::*;
use data::features::compare::{MatchRules, MatchedBoxes, SameBoxBounds};

/// A grey PNG of one pixel, which stands for pictures of any size.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

fn class(name: &str, probability: f32) -> Option<ShownClass> {
    Some(ShownClass { name: name.to_owned(), probability })
}

fn boxes(names: &[(&str, &str)]) -> ImageBoxes {
    let shown = |(at, (object, attribute)): (usize, &(&str, &str))| {
        let left = at as f32 * 60.0;
        ShownBox {
            corners: [left, 10.25, left + 100.0, 200.0 + at as f32 * 30.0],
            object: class(object, 0.875),
            attribute: class(attribute, 0.5),
        }
    };
    ImageBoxes { width: 640, height: 480, boxes: names.iter().enumerate().map(shown).collect() }
}

fn file(name: &str) -> ShownFile {
    let (name, kind) = (name.to_owned(), "obj36 TSV".to_owned());
    ShownFile { name, kind, images: 10, bytes: 3_951_551, sha256: Some("0f3c".repeat(16)) }
}

fn picture() -> ShownPicture {
    ShownPicture::Embedded { width: 640, height: 480, address: format!("data:image/png;base64,{PIXEL}") }
}

/// One file: an image with its picture, one whose picture has a different size, one without a picture.
pub(super) fn one() -> FeaturePage {
    let image = |id: &str, picture: ShownPicture, notes: &[&str]| ShownImage {
        id: id.to_owned(),
        picture,
        notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        sides: vec![Some(boxes(&[("cat", "black"), ("remote control", "silver"), ("<b>bold</b>", "&amp;")]))],
        pairs: None,
    };
    let turned = ShownPicture::Embedded { width: 480, height: 640, address: format!("data:image/png;base64,{PIXEL}") };
    FeaturePage {
        title: "mine_obj36.tsv".to_owned(),
        program: "repro 0.0.0".to_owned(),
        files: vec![file("features/mine_obj36.tsv")],
        names: "1,600 objects are named by /data/workspaces/lxmert/data/extract/objects_vocab.txt, attributes are shown by number."
            .to_owned(),
        rules: None,
        images: vec![
            image("COCO_val2014_000000000042", picture(), &[]),
            image(
                "turned",
                turned,
                &[
                    "the picture is 480 x 640 pixels, the file says 640 x 480, as if one of them were turned; boxes are scaled to it",
                ],
            ),
            image(
                "<script>alert(1)</script>",
                ShownPicture::Missing("no file below \"images\" has this id".to_owned()),
                &[],
            ),
        ],
        more_images: 7,
    }
}

/// Two files: an image with every kind of difference, one that is the same in both, one that is in B only.
pub(super) fn two() -> FeaturePage {
    let names = [("cat", "black"), ("dog", "brown"), ("sofa", "red"), ("cup", "white")];
    let same = MatchedBoxes {
        a: 0,
        b: 1,
        iou: 1.0,
        object_differs: false,
        attribute_differs: false,
        pixels: 0.0,
        feature: 0.0,
        probability: 0.0,
        is_same: true,
    };
    let moved = MatchedBoxes { a: 1, b: 0, iou: 0.75, pixels: 12.5, is_same: false, ..same };
    let renamed = MatchedBoxes { a: 2, b: 2, object_differs: true, probability: 0.25, is_same: false, ..same };
    let other = boxes(&[("dog", "brown"), ("cat", "black"), ("chair", "red"), ("plate", "white")]);
    let image = |id: &str, sides: [Option<ImageBoxes>; 2], pairs: Option<Vec<MatchedBoxes>>| ShownImage {
        id: id.to_owned(),
        picture: picture(),
        notes: Vec::new(),
        sides: sides.into(),
        pairs,
    };
    let equal = || (0..4).map(|at| MatchedBoxes { a: at, b: at, ..same }).collect();
    let rules =
        MatchRules { iou: 0.5, same: SameBoxBounds { pixels: 0.5, feature: 0.01, probability: 0.001 }, roundings: 0 };
    FeaturePage {
        title: "released_obj36.tsv and mine_obj36.tsv".to_owned(),
        files: vec![file("released_obj36.tsv"), file("mine_obj36.tsv")],
        rules: Some(ShownRules { source: "level same-extractor of golden/features.toml".to_owned(), rules }),
        images: vec![
            image("differs", [Some(boxes(&names)), Some(other)], Some(vec![same, moved, renamed])),
            image("agrees", [Some(boxes(&names)), Some(boxes(&names))], Some(equal())),
            image("in-b-only", [None, Some(boxes(&names))], None),
        ],
        more_images: 0,
        ..one()
    }
}
