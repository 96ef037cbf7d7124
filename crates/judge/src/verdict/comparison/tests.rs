//! Whole comparisons of small made-up files.

use std::path::Path;

use super::super::features::GoldenFeatures;
use super::files::*;
use crate::verdict::Verdict;
use base::error::Result;
use base::progress::Silent;
use data::features::Row;
use data::features::compare::{CompareSpeed, FeatureComparison, FeatureDifferences};
use data::features::store::{Precision, build_store};
use data::features::testing::reordered::{reordered, shuffled};
use data::features::testing::{Draws, Place, text};

const BOXES: usize = 12;

/// Rows whose boxes lie apart but for two pairs of equal ones.
fn rows(count: usize) -> Vec<Row> {
    let mut rows = data::features::bench::generated_rows(count, BOXES, 16);
    for row in &mut rows {
        for (at, corners) in row.boxes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let place = if at < 4 { at / 2 } else { at } as f32;
            *corners = [place * 50.0, 3.5, place * 50.0 + 40.25, 200.0 + place];
        }
    }
    rows
}

trait Compared {
    fn compared(&self, a: &[Row], b: &[Row], level: &str) -> Result<Comparison>;
}

impl Compared for Place {
    fn compared(&self, a: &[Row], b: &[Row], level: &str) -> Result<Comparison> {
        let (a, b) = (self.file("a_obj36.tsv", &text(a)), self.file("b_obj36.tsv", &text(b)));
        compared(&a, &b, level, 2)
    }
}

fn compared(a: &Path, b: &Path, level: &str, threads: usize) -> Result<Comparison> {
    let settings = CompareSettings { level, common: false, named: 3, worst: 2, threads };
    compare(a, b, &GoldenFeatures::embedded().unwrap(), &settings, &Silent)
}

#[test]
fn order_is_no_difference() {
    let a = rows(14);
    let b = shuffled(&a, &mut Draws(4));
    assert_ne!(a, b);
    let Comparison { found, judged, .. } = Place::new().compared(&a, &b, "same-extractor").unwrap();
    assert_eq!(judged.verdict, Verdict::Pass, "{judged:#?}");
    let FeatureComparison { images, boxes, differences, worst, .. } = found;
    assert_eq!((images.common, images.equal, images.changed), (14, 14, 0));
    assert_eq!((boxes.matched, boxes.same), (14 * BOXES as u64, 14 * BOXES as u64));
    assert!(boxes.moved > 0 && worst.is_empty());
    let FeatureDifferences {
        absolute, relative, cosine_distance, iou_distance, pixels, objects_conf, attrs_conf, ..
    } = differences;
    for quantiles in [absolute, relative, cosine_distance, iou_distance, pixels, objects_conf, attrs_conf] {
        let quantiles = quantiles.unwrap();
        assert_eq!((quantiles.max, quantiles.mean, quantiles.p50), (0.0, 0.0, 0.0));
    }
    assert_eq!((differences.objects_differ, differences.attributes_differ), (Some(0), Some(0)));
    assert_eq!(differences.signed_mean, Some(0.0));
}

#[test]
fn differences_are_counted_and_the_worst_images_named() {
    let a = rows(12);
    let mut b = a.clone();
    b.reverse();
    let at = |id: usize| 11 - id;
    b[at(1)].features.iter_mut().for_each(|value| *value += 0.5);
    b[at(2)].objects_id[5] = (b[at(2)].objects_id[5] + 1) % 1600;
    b[at(3)].boxes[4 * 11] += 2.0;
    b[at(4)].img_w += 1;
    b[at(5)].features[3] += 1e-4;
    let Comparison { found, judged, .. } = Place::new().compared(&a[..11], &b[..11], "same-extractor").unwrap();
    assert_eq!((found.images.common, found.images.only_a.count, found.images.only_b.count), (10, 1, 1));
    assert_eq!(found.images.only_a.named, [a[0].img_id.as_str()]);
    assert_eq!(found.images.only_b.named, [a[11].img_id.as_str()]);
    assert_eq!((found.images.equal, found.images.changed, found.images.unlike), (5, 3, 1));
    assert_eq!(found.images.resized_named[0].img_id, a[4].img_id);
    assert_eq!((found.boxes.matched, found.boxes.moved), (120, 0));
    assert_eq!(found.boxes.same, 120 - 12 - 1 - 1);
    assert_eq!(found.differences.objects_differ, Some(1));
    assert!((found.differences.absolute.unwrap().max - 0.5).abs() < 1e-6);
    let mean = (0.5 * 12.0 * 16.0 + 1e-4) / (120.0 * 16.0);
    assert!((found.differences.signed_mean.unwrap() - mean).abs() < 1e-6);
    let worst: Vec<_> = found.worst.iter().map(|worst| (worst.img_id.as_str(), worst.changed)).collect();
    assert_eq!(worst, [(a[1].img_id.as_str(), 12), (a[2].img_id.as_str(), 1)]);
    assert_eq!(judged.verdict, Verdict::Fail);
    let only = "images in A only: 1, in B only: 1; these cannot be compared";
    let changed = "images_changed is 3: up to 1 is known to be noise; whether more can be noise is unknown";
    assert_eq!(judged.evidence, [changed, only]);
}

#[test]
fn threads_do_not_show() {
    let (a, place) = (rows(40), Place::new());
    let mut b = shuffled(&a, &mut Draws(6));
    b.iter_mut().flat_map(|row| &mut row.features).enumerate().for_each(|(at, value)| *value += (at % 97) as f32 / 3.0);
    let (a, b) = (place.file("a_obj36.tsv", &text(&a)), place.file("b_obj36.tsv", &text(&b)));
    let run = |threads| {
        let mut found = compared(&a, &b, "same-extractor", threads).unwrap();
        found.found.speed = CompareSpeed { seconds: 0.0, bytes: 0, threads: 0 };
        found
    };
    let one = run(1);
    (0..5).for_each(|_| assert_eq!(run(7), one));
}

#[test]
fn numbers_of_boxes_may_differ_and_widths_may_not() {
    let (a, place) = (rows(3), Place::new());
    let fewer: Vec<Row> = a.iter().map(|row| reordered(row, &[7, 6, 2, 11])).collect();
    for (one, other) in [(&a, &fewer), (&fewer, &a)] {
        let found = place.compared(one, other, "same-extractor").unwrap().found;
        assert_eq!((found.boxes.matched, found.boxes.same, found.images.changed), (12, 12, 3));
        assert_eq!(found.measure("boxes_unmatched"), Some(24.0));
        assert_eq!(found.worst[0].unmatched, 8);
    }
    let narrow: Vec<Row> =
        a.iter().map(|row| Row { features: row.features[..BOXES * 8].to_vec(), ..row.clone() }).collect();
    let error = place.compared(&a, &narrow, "half").unwrap_err().to_string();
    assert!(error.starts_with(&format!("image {} has 16 features per box in A, 8 in B", a[0].img_id)), "{error}");
}

#[test]
fn half_precision_is_explained_by_rounding() {
    let (rows, place) = (rows(10), Place::new());
    let tsv = place.file("a_obj36.tsv", &text(&rows));
    let half = place.0.path().join("a.f16.safetensors");
    build_store(&tsv, &half, Precision::F16, &Silent).unwrap();
    for (level, verdict) in
        [("half", Verdict::Pass), ("same-extractor", Verdict::Pass), ("port", Verdict::Inconclusive)]
    {
        for (a, b) in [(&tsv, &half), (&half, &tsv)] {
            let Comparison { found, judged, .. } = compared(a, b, level, 2).unwrap();
            assert_eq!(judged.verdict, verdict, "{level}: {judged:#?}");
            assert_eq!((found.images.equal, found.differences.beyond_rounding), (0, Some(0)));
            assert!(found.differences.absolute.unwrap().max > 2e-4);
        }
    }
    let mut other = rows;
    other[4].features[9] += 0.01;
    let other = place.file("b_obj36.tsv", &text(&other));
    let Comparison { found, judged, .. } = compared(&half, &other, "half", 2).unwrap();
    assert_eq!((judged.verdict, found.differences.beyond_rounding), (Verdict::Fail, Some(1)));
    // Without a store that is rounded, the level half still allows for one rounding, the others for none.
    assert_eq!(compared(&tsv, &other, "same-extractor", 2).unwrap().found.differences.beyond_rounding, None);
}

#[test]
fn what_a_level_judges_is_measured() {
    let (rows, place) = (rows(1), Place::new());
    for level in GoldenFeatures::embedded().unwrap().levels {
        let judged = place.compared(&rows, &rows, &level.name).unwrap().judged;
        let missing: Vec<_> = judged.rows.iter().filter(|row| row.observed.is_none()).collect();
        assert!(missing.is_empty() && !judged.rows.is_empty(), "{missing:?}");
    }
}

#[test]
fn nothing_in_common_is_inconclusive() {
    let rows = rows(4);
    let Comparison { found, judged, .. } = Place::new().compared(&rows[..2], &rows[2..], "port").unwrap();
    assert_eq!((judged.verdict, found.images.common), (Verdict::Inconclusive, 0));
    assert_eq!((found.differences.absolute, found.measure("feature_signed_mean")), (None, None));
}

#[test]
fn damage_is_named_and_never_averaged() {
    let place = Place::new();
    let (good, rows) = (text(&rows(30)), rows(30));
    let line = good.len() / 30;
    let a = place.file("a_obj36.tsv", &good);
    // The last float of lines 8 and 21 becomes NaN.
    let mut bad = good.clone();
    for number in [20, 7] {
        let end = line * (number + 1) - 2;
        bad[end - 8..end].copy_from_slice(b"AAAAAMB/");
    }
    let b = place.file("b_obj36.tsv", &bad);
    for _ in 0..5 {
        let error = compared(&a, &b, "same-extractor", 4).unwrap_err().to_string();
        let expected =
            format!("b_obj36.tsv, line 8, image {}, column features: box 11, value 15 is NaN", rows[7].img_id);
        assert!(error.contains(&expected), "{error}");
    }
    let twice = place.file("c_obj36.tsv", &good.repeat(2));
    let error = compared(&a, &twice, "same-extractor", 2).unwrap_err().to_string();
    assert!(error.contains("line 31") && error.contains("the image appeared before, in line 1"), "{error}");
    let empty = place.file("d_obj36.tsv", b"");
    assert!(compared(&empty, &a, "half", 2).unwrap_err().to_string().contains("d_obj36.tsv has no rows"));
}
