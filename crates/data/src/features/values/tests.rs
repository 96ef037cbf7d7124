use half::f16;

use crate::features::bench::generated_rows;
use crate::features::error::{BoxLayout, Column, RowDamage};
use crate::features::row::Row;

/// Returns a row of 6 boxes with 64 features.
fn row() -> Row {
    generated_rows(1, 6, 64).remove(0)
}

/// Returns what is found in a row that was changed.
#[track_caller]
fn found(change: impl Fn(&mut Row)) -> (Column, RowDamage) {
    let mut row = row();
    assert_eq!(row.check(), Ok(()));
    change(&mut row);
    row.check().unwrap_err()
}

/// Returns the row's features read from bytes of another kind.
fn features_of(bytes: Vec<u8>) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&raw| f32::from_ne_bytes(raw)).collect()
}

#[test]
fn features_that_mean_nothing_are_kinds_of_their_own() {
    for (change, damage) in [
        ((|row| row.features.fill(0.0)) as fn(&mut Row), RowDamage::ConstantFeatures { value: 0.0 }),
        (|row| row.features.fill(0.75), RowDamage::ConstantFeatures { value: 0.75 }),
        (|row| row.features = row.features[..64].repeat(6), RowDamage::SameFeatures { boxes: 6 }),
        (|row| row.features[70] = -0.25, RowDamage::NegativeFeature { index: 1, position: 6, value: -0.25 }),
        (|row| row.features[1] = 2e3, RowDamage::AbsurdFeature { index: 0, position: 1, value: 2e3, greatest: 1e3 }),
        (|row| row.features[65] = f32::INFINITY, RowDamage::NotFinite { index: 1, position: 1, value: f32::INFINITY }),
        (
            |row| row.features.iter_mut().for_each(|value| *value *= 1e-30),
            RowDamage::TinyFeatures { count: 0, of: 384 },
        ),
    ] {
        let (column, found) = found(change);
        assert_eq!((column, found.kind()), (Column::Features, damage.kind()), "{found}");
        assert!(found == damage || matches!(found, RowDamage::TinyFeatures { count: 200.., of: 384 }), "{found}");
    }
    let said = found(|row| row.features.fill(0.0)).1.to_string();
    assert_eq!(said, "all features are 0; Caffe gives that on a GPU that it was not built for");
    let mut sound = row();
    sound.features[3] = -0.0;
    sound.features[4] = 999.0;
    sound.features[5] = 1e-9;
    // One box of many may be empty, and two of them may be alike.
    sound.features[64..128].fill(0.0);
    sound.features.copy_within(128..192, 192);
    assert_eq!(sound.check(), Ok(()));
}

#[test]
fn numbers_of_another_width_are_told_from_damage() {
    let width = |features: Vec<f32>| {
        let (column, damage) = found(|row| row.features.clone_from(&features));
        assert_eq!(column, Column::Features);
        damage
    };
    let values = row().features;
    let halves = values.iter().flat_map(|&value| f16::from_f32(value).to_ne_bytes()).collect::<Vec<u8>>();
    let doubles = values.iter().flat_map(|&value| f64::from(value).to_ne_bytes()).collect::<Vec<u8>>();
    let swapped = values.iter().flat_map(|&value| value.to_bits().swap_bytes().to_ne_bytes()).collect::<Vec<u8>>();
    assert_eq!(width(features_of(halves)), RowDamage::NumberWidth { width: "float16", dim: 64 });
    assert_eq!(width(features_of(doubles)), RowDamage::NumberWidth { width: "float64", dim: 64 });
    assert_eq!(width(features_of(swapped)), RowDamage::NumberWidth { width: "big-endian float32", dim: 64 });
    // Twice the features in half the width: the shape is right and the values are not.
    let twice = generated_rows(1, 6, 128).remove(0).features;
    let halves = twice.iter().flat_map(|&value| f16::from_f32(value).to_ne_bytes()).collect::<Vec<u8>>();
    assert_eq!(features_of(halves.clone()).len(), values.len());
    assert_eq!(width(features_of(halves)), RowDamage::NumberWidth { width: "float16", dim: 128 });
    // A single wild value is that value's fault.
    let mut one = values;
    one[9] = f32::NAN;
    assert!(matches!(width(one), RowDamage::NotFinite { position: 9, .. }));
}

#[test]
fn boxes_of_other_layouts_are_named() {
    let layout = |change: fn(&mut Row)| {
        let (column, damage) = found(change);
        assert_eq!(column, Column::Boxes);
        (damage.kind(), damage.layout())
    };
    let xywh = |row: &mut Row| {
        row.boxes.as_chunks_mut::<4>().0.iter_mut().for_each(|c| (c[2], c[3]) = (c[2] - c[0], c[3] - c[1]));
    };
    assert_eq!(layout(xywh), ("inverted-box", Some(BoxLayout::Xywh)));
    let shares = |row: &mut Row| crate::features::row::normalise_boxes(&mut row.boxes, row.img_w, row.img_h);
    assert_eq!(layout(shares), ("boxes-normalised", Some(BoxLayout::Normalised)));
    let swapped = |row: &mut Row| {
        row.boxes[..4].copy_from_slice(&[10.0, 20.0, 479.0, 639.0]);
        row.boxes.as_chunks_mut::<4>().0[1..].iter_mut().for_each(|c| {
            (c[0], c[1], c[2], c[3]) = (c[1], c[0], c[3], c[2]);
        });
    };
    assert_eq!(layout(swapped), ("box-outside-image", Some(BoxLayout::Swapped)));
    assert_eq!(layout(|row| row.boxes[2] = 700.0), ("box-outside-image", None));
    assert_eq!(layout(|row| row.boxes.copy_from_slice(&[1.0, 2.0, 30.0, 40.0].repeat(6))), ("same-boxes", None));
    let one = |row: &mut Row| row.boxes[..4].copy_from_slice(&[600.0, 10.0, 20.0, 400.0]);
    assert_eq!(layout(one), ("inverted-box", None));
    // In an image of two pixels, corners of up to 1 are pixels.
    let mut small = Row { img_w: 2, img_h: 2, ..row() };
    small.boxes = (0..6).flat_map(|at| [0.0, 0.0, 1.0, at as f32 / 8.0]).collect();
    assert_eq!(small.check(), Ok(()));
}

#[test]
fn probabilities_lie_between_0_and_1() {
    for value in [1.5, -0.5] {
        let (column, damage) = found(|row| row.attrs_conf[2] = value);
        assert_eq!((column, damage), (Column::AttrsConf, RowDamage::Confidence { index: 2, value }));
    }
    let mut rounded = row();
    rounded.objects_conf[0] = 1.000_001;
    assert_eq!(rounded.check(), Ok(()));
}
