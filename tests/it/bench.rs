//! `repro bench` prints one JSON object with everything that a comparison needs.

use lxmert::model::butd::{ButdSizes, random_weights};
use serde_json::{Value, json};

use crate::common::{repro, run, stderr, stdout};

fn bench(arguments: &[&str]) -> Value {
    let place = tempfile::tempdir().unwrap();
    let output = run(repro(place.path()).arg("bench").args(arguments), 0);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["bench"], arguments[0]);
    assert!(report["peak_memory_bytes"].as_u64().unwrap() > 0 && report["threads"].as_u64().unwrap() > 0);
    assert!(report["versions"]["repro"].is_string() && report["machine"]["cpu"].is_string());
    let steps = &report[if arguments[0] == "extract" { "ms_per_picture" } else { "ms_per_step" }];
    assert_eq!(Some(steps["all"].as_array().unwrap().len() as u64), report["steps"].as_u64());
    assert!(steps["best"].as_f64().unwrap() > 0.0 && steps["median"].as_f64() >= steps["best"].as_f64());
    report
}

#[test]
fn tokenize_and_tsv() {
    let report = bench(&["tokenize", "--sentences", "50", "--steps", "3"]);
    assert!(report["sentences_per_s"]["median"].as_f64().unwrap() > 0.0);
    assert_eq!((&report["data"]["vocabulary"], &report["sizes"]["sentences"]), (&"generated".into(), &50.into()));
    let report = bench(&["tsv", "--images", "3", "--steps", "2"]);
    assert!(report["gb_per_s"]["best"].as_f64().unwrap() > 0.0);
    let place = tempfile::tempdir().unwrap();
    run(repro(place.path()).args(["bench", "tokenize", "--steps", "0"]), 2);
    run(repro(place.path()).args(["bench", "tokenize", "--text", "absent.txt"]), 5);
}

#[test]
fn verify_fetch_and_unpack() {
    let report = bench(&["verify", "--bytes", "100000", "--jobs", "2", "--steps", "2"]);
    assert_eq!((&report["sizes"]["files"], &report["threads"]), (&2.into(), &2.into()));
    for cores in ["one_core", "all_cores"] {
        assert!(report[cores]["gb_per_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["speed_against_sha256sum"][cores].as_f64().unwrap() > 0.0, "{report}");
    }
    let report = bench(&["unpack", "--images", "3", "--steps", "2", "--warmup", "0"]);
    assert!(report["times_decompression_alone"]["wall"].as_f64().unwrap() > 0.0);
    assert!(report["sizes"]["zip_bytes"].as_u64() < report["sizes"]["bytes"].as_u64());
    let report = bench(&["fetch", "--bytes", "3000000", "--steps", "2"]);
    assert!(report["gb_per_s"].as_f64().unwrap() > 0.0);
    let place = tempfile::tempdir().unwrap();
    run(repro(place.path()).args(["bench", "unpack", "--images", "0"]), 2);
    run(repro(place.path()).args(["bench", "fetch", "--bytes", "0"]), 2);
    run(repro(place.path()).args(["bench", "verify", "--bytes", "0"]), 2);
    run(repro(place.path()).args(["bench", "verify", "--bytes", "1000000000000000"]), 8);
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[test]
fn train_and_predict() {
    let sizes = ["--model", "tiny", "--boxes", "3", "--features", "16", "--answers", "5", "--vocab-size", "50"];
    for (what, parts) in [("train", &["batch", "forward", "backward", "clip", "optimiser"][..]), ("predict", &[])] {
        let few: &[&str] = if what == "predict" { &["--questions", "2"] } else { &[] };
        let report = bench(&[&[what, "--batch-size", "2", "--steps", "2", "--threads", "1"], few, &sizes[..]].concat());
        assert!(parts.iter().all(|part| report["parts_ms"][part]["best"].as_f64().unwrap() >= 0.0), "{report}");
        assert!(report["examples_per_s"]["best"].as_f64().unwrap() > 0.0);
        assert_eq!((&report["sizes"]["batch_size"], &report["threads"]), (&2.into(), &1.into()));
        assert_eq!(report["versions"]["libtorch"], "2.11.0");
    }
    let asking = ["--questions", "30", "--questions-per-image", "5", "--repeats", "40", "--batch-size", "8"];
    let report =
        bench(&[&["predict", "--steps", "1", "--warmup", "0", "--threads", "1"], &asking[..], &sizes[..]].concat());
    let got = &report["sizes"];
    assert_eq!((&got["questions"], &got["images"], &got["distinct_sentences"]), (&30.into(), &6.into(), &18.into()));
    assert!((7.0..16.0).contains(&got["words"]["mean"].as_f64().unwrap()), "{got}");
    assert_eq!((&report["equal_predictions"], &report["different_predictions"]), (&true.into(), &0.into()));
    // Rounding of a tiny model; exactly nothing would mean that both ways are one.
    let difference = report["largest_logit_difference"].as_f64().unwrap();
    assert!(difference > 0.0 && difference <= 2e-5, "{difference}");
    assert!(report["plain"]["examples_per_s"]["best"].as_f64().unwrap() > 0.0);
    assert!(report["times_as_fast_as_plain"]["best"].as_f64().unwrap() > 0.0);
    let place = tempfile::tempdir().unwrap();
    run(repro(place.path()).args(["bench", "predict", "--questions-per-image", "0"]), 2);
    run(repro(place.path()).args(["bench", "predict", "--repeats", "96"]), 2);
    run(repro(place.path()).args(["bench", "train", "--model", "demo", "--words", "33"]), 2);
    run(repro(place.path()).args(["bench", "train", "--batch-size", "0"]), 2);
}

#[test]
fn load() {
    let sizes = ["--boxes", "3", "--features", "16", "--answers", "5"];
    let report = bench(
        &[&["load", "--batch-size", "4", "--images", "30", "--steps", "2", "--device", "cpu"], &sizes[..]].concat(),
    );
    assert_eq!((&report["sizes"]["examples"], &report["sizes"]["feature_bytes"]), (&30.into(), &5760.0.into()));
    for rate in [&report["examples_per_s"], &report["gb_per_s"], &report["memcpy_one_thread"]["gb_per_s"]] {
        assert!(rate["best"].as_f64() >= rate["median"].as_f64() && rate["median"].as_f64().is_some(), "{report}");
    }
    let place = tempfile::tempdir().unwrap();
    run(repro(place.path()).args(["bench", "load", "--images", "30000000"]), 2);
    run(repro(place.path()).args(["bench", "load", "--batch-size", "0"]), 2);
}

#[test]
fn extract() {
    let place = tempfile::tempdir().unwrap();
    let weights = place.path().join("tiny.safetensors");
    let sizes = ButdSizes { channels: 4, rpn: 8, classes: 9, attributes: 5, embedding: 3, attribute_hidden: 6 };
    checkpoint::write_safetensors(&weights, &random_weights(sizes).unwrap(), &Default::default()).unwrap();
    let weights = weights.to_str().unwrap();
    // 24 pictures of two sizes, of which the last 16 count.
    let report = bench(&["extract", "--weights", weights, "--size", "64x48,40x90", "--warmup", "8", "--steps", "16"]);
    assert_eq!((&report["weights"], &report["features"]), (&weights.into(), &128.into()));
    assert_eq!(
        (&report["pictures"][0]["input"], &report["pictures"][1]["input"]),
        (&json!([800, 600]), &json!([444, 1000]))
    );
    assert!(report["pictures"][1]["boxes"].as_u64().unwrap() <= 36);
    for part in ["input", "trunk", "rpn", "proposals", "roi_pooling", "res5", "classes", "choice"] {
        assert!(report["parts_ms"][part]["best"].as_f64().unwrap() > 0.0, "{part}");
    }
    assert!(report["time_against_convolutions"]["best"].as_f64().unwrap() > 0.0);
    let resident: Vec<u64> = report["resident_bytes"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert!(resident[15] < resident[0] + (20 << 20), "memory grows: {resident:?}");

    let wrong =
        |arguments: &[&str], code| stderr(&run(repro(place.path()).args(["bench", "extract"]).args(arguments), code));
    std::fs::write(place.path().join("page.jpg"), "<html>").unwrap();
    let page = place.path().join("page.jpg");
    let refused = wrong(&["--image", page.to_str().unwrap()], 5).replace(place.path().to_str().unwrap(), "PLACE");
    insta::assert_snapshot!(refused, @"
    error: cannot decode PLACE/page.jpg
      caused by: it is a web page, and only JPEG and PNG are decoded
      next: look at the file, then replace it by a whole JPEG or PNG, or remove it
    ");
    assert!(wrong(&["--weights", page.to_str().unwrap()], 5).contains("page.jpg"));
    assert!(wrong(&["--size", "640"], 2).contains("such as 640x480"));
}
