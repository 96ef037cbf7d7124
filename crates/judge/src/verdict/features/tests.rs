use super::super::Verdict;
use super::limits::*;

fn judged(level: &str, images: u64, only: [u64; 2], values: &[(&str, f64)]) -> FeatureVerdict {
    let golden = GoldenFeatures::embedded().unwrap();
    let measure = |name: &str| {
        let found = values.iter().find(|(measure, _)| *measure == name);
        Some(found.map_or(0.0, |(_, value)| *value)).filter(|value| !value.is_nan())
    };
    let seen = MeasuredDifferences { images, only, only_left_out: false, not_compared: None, measure: &measure };
    golden.level(level).unwrap().0.judge(&seen)
}

#[test]
fn limits_judge() {
    use Verdict::{Fail, Inconclusive, Pass};
    for (level, images, only, values, verdict) in [
        ("same-extractor", 10, [0, 0], &[][..], Pass),
        ("same-extractor", 9, [0, 0], &[], Inconclusive),
        ("same-extractor", 10, [0, 1], &[], Inconclusive),
        ("same-extractor", 10, [0, 0], &[("images_changed", 1.0)], Pass),
        ("same-extractor", 10, [0, 0], &[("images_changed", 3.0)], Inconclusive),
        ("same-extractor", 1000, [0, 0], &[("images_changed", 10.0)], Pass),
        ("same-extractor", 1000, [0, 0], &[("images_changed", 11.0)], Inconclusive),
        ("same-extractor", 1000, [0, 0], &[("images_changed", 183.0)], Fail),
        ("same-extractor", 10, [0, 0], &[("images_changed", 4.0)], Fail),
        ("same-extractor", 2, [8, 0], &[("images_changed", 2.0)], Fail),
        ("same-extractor", 10, [0, 0], &[("images_unlike", 1.0)], Fail),
        ("same-extractor", 10, [0, 0], &[("images_resized", 1.0)], Fail),
        ("same-extractor", 10, [0, 0], &[("images_changed", f64::NAN)], Inconclusive),
        ("half", 1, [0, 0], &[], Pass),
        ("half", 1, [0, 0], &[("features_beyond_rounding", 1.0)], Fail),
        ("port", 10, [0, 0], &[("feature_signed_mean", -0.0369)], Inconclusive),
        ("port", 10, [0, 0], &[("feature_signed_mean", -0.037)], Fail),
        ("port", 10, [0, 0], &[("objects_differ_share", 12.0 / 36.0)], Fail),
    ] {
        let judged = judged(level, images, only, values);
        assert_eq!(judged.verdict, verdict, "{level} {images} {only:?} {values:?}: {judged:#?}");
        assert_eq!(judged.what_to_do.is_none(), verdict == Pass || judged.evidence.is_empty() && verdict != Fail);
    }
}

#[test]
fn no_event_on_some_images_limits_the_events_on_others() {
    let most = |n| most_after_none(n, 15, 0.95);
    assert_eq!([0, 1, 2, 10, 1000].map(most), [0.0, 1.0, 1.0, 3.0, 182.0]);
    assert!((most(82_783) / 82_783.0 - (1.0 - 0.05_f64.powf(1.0 / 15.0))).abs() < 1e-3);
}

#[test]
fn impossible_files_are_refused() {
    for (from, to, why) in [
        ("edition = 2", "edition = 3", "edition 3 is not"),
        ("at_most = 0.0369", "at_most = -1.0", "limit of feature_signed_mean is impossible"),
        ("at_most = 0.0369", "at_mots = 0.1", "unknown field"),
        ("passed_share = 0.01", "passed_share = 1.01", "images_changed is impossible"),
        ("none_of = 15", "none_of = 0", "images_changed is impossible"),
        ("tolerance = \"noise\"", "tolerance = \"nose\"", "there is no tolerance nose"),
        ("iou = 0.5", "iou = 0.0", "matches nothing"),
    ] {
        assert!(EMBEDDED.contains(from), "{from}");
        let error = GoldenFeatures::parse(&EMBEDDED.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(why), "{from}: {error}");
    }
    let error = GoldenFeatures::embedded().unwrap().level("exact").unwrap_err().to_string();
    assert!(error.contains("same-extractor, port, native, half"), "{error}");
}
