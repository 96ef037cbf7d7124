//! Whole networks: the tiny one, which has every layer of the published one, and one of its full size with weights from a formula.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use checkpoint::StateDict;
use data::features::{Row, tsv};
use lxmert::model::butd::input::{TestScale, input_blob};
use lxmert::model::butd::nms::PixelBox;
use lxmert::model::butd::proposal::{ImageInfo, RpnOutputs, proposals};
use lxmert::model::butd::roi_pooling::RoiPooling;
use lxmert::model::butd::selection::{BoxChoice, HeadOutputs, select};
use lxmert::model::butd::{BgrPixels, DetectedBoxes, Detections, Detector};
use pictures::Picture;
use tch::{Device, Tensor};

use super::inputs::{Blobs, picture, same_bits};
use crate::compare::device;

/// How much results may differ from Caffe's: five times the largest difference between Caffe's own builds (spec of the fixtures,
/// section 13), each the largest absolute difference of a value.
struct Bounds {
    map: f64,
    rpn_probability: f64,
    rpn_delta: f64,
    box_corner: f64,
    feature: f64,
    probability: f64,
}

const TINY: Bounds = Bounds {
    map: 5.0 * 1.4e-4,
    rpn_probability: 5.0 * 5.9e-5,
    rpn_delta: 5.0 * 4.6e-5,
    box_corner: 5.0 * 2e-3,
    feature: 5.0 * 2e-5,
    probability: 5.0 * 8e-6,
};

const FULL: Bounds = Bounds {
    map: 5.0 * 1.0e-4,
    rpn_probability: 5.0 * 3.7e-5,
    rpn_delta: 5.0 * 2.3e-5,
    box_corner: 5.0 * 6e-3,
    feature: 5.0 * 4e-5,
    probability: 5.0 * 1.3e-5,
};

/// A file of results and what it was made with.
struct Case {
    id: String,
    test_scale: TestScale,
    blobs: Blobs,
    picture: Picture,
}

impl Case {
    /// Reads a file; `None` if its picture is absent, which is said.
    fn read(path: &Path, id: &str, test_scale: TestScale) -> Option<Self> {
        let Some(picture) = picture(id) else {
            fixtures::skipped(&format!("the picture of {}", path.display()));
            return None;
        };
        Some(Self { id: id.to_owned(), test_scale, blobs: Blobs::read(path), picture })
    }

    fn pixels(&self) -> BgrPixels<'_> {
        BgrPixels { bytes: &self.picture.bgr, height: self.picture.height, width: self.picture.width }
    }

    /// A picture of one colour has equal scores everywhere, so noise decides what is chosen.
    fn is_flat(&self) -> bool {
        self.blobs.find("rpn_cls_prob_reshape").is_none()
    }

    /// Chooses the boxes from Caffe's own probabilities.
    fn choice(&self) -> Detections {
        let blobs = &self.blobs;
        let (objects, attributes, proposals) = (blobs.f32("cls_prob"), blobs.f32("attr_prob"), blobs.regions("rois"));
        let scale = self.test_scale.factor(self.picture.height, self.picture.width);
        select(
            HeadOutputs { proposals: &proposals, scale, objects: &objects, attributes: &attributes },
            BoxChoice::RELEASED,
        )
    }

    fn detector(&self, state: &StateDict) -> Detector {
        Detector::load(state, self.test_scale, device()).unwrap()
    }
}

/// Returns the files of results of the tiny network, of every scale.
fn tiny_cases() -> Vec<Case> {
    let Some(folder) = fixtures::beside("butd/tiny") else { return vec![] };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().filter_map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (scale, id) = name.strip_suffix(".safetensors")?.split_once('_')?;
        let short_side: u32 = scale.strip_prefix('s')?.parse().ok()?;
        let long_side = if short_side == 600 { 1000 } else { short_side * 3 / 2 };
        Case::read(path, id, TestScale { short_side, long_side })
    });
    cases.collect()
}

/// Returns the weights of the full-size network, written as a caffemodel and read from it.
fn full_state() -> Option<StateDict> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.caffemodel");
    fixtures::butd_full::write_caffemodel(&path).unwrap().then(|| checkpoint::read_checkpoint(&path).unwrap())
}

fn tiny_state() -> Option<StateDict> {
    Some(checkpoint::read_checkpoint(&fixtures::beside("butd/tiny/tiny.caffemodel")?).unwrap())
}

/// Returns the files of results of the full-size network.
fn full_cases() -> Vec<Case> {
    let Some(folder) = fixtures::beside("butd/full") else { return vec![] };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases = files.iter().filter_map(|path| {
        let id = path.file_name().unwrap().to_str().unwrap().strip_suffix(".safetensors")?;
        if id.starts_with("full_") { None } else { Case::read(path, id, TestScale::RELEASED) }
    });
    cases.collect()
}

/// Blobs by their names, those that come in parts joined.
#[derive(Default)]
struct Seen(BTreeMap<String, Vec<Tensor>>);

impl Seen {
    fn observe(&mut self, name: &str, blob: &Tensor) {
        self.0.entry(name.to_owned()).or_default().push(blob.to_device(Device::Cpu));
    }

    fn get(&self, name: &str) -> Tensor {
        Tensor::cat(self.0.get(name).unwrap_or_else(|| panic!("{name} was not seen")), 0)
    }
}

/// Compares a blob with what is kept of it: all of it, a crop, every n-th row and column (`stride`, `c4s16`), some regions, a hash.
fn check_blob(case: &Case, name: &str, got: &Tensor, bound: f64) -> usize {
    let mut compared = 0;
    for kept in case.blobs.names() {
        let Some(part) =
            kept.strip_prefix(name).and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix('.') })
        else {
            continue;
        };
        let every = |dimensions: &[(i64, i64)]| {
            dimensions.iter().fold(got.shallow_clone(), |t, &(dimension, step)| t.slice(dimension, None, None, step))
        };
        let number = |text: &str| text.parse::<i64>().unwrap();
        let selected = if part.is_empty() {
            got.shallow_clone()
        } else if part == "crop" {
            got.narrow(2, 0, 40).narrow(3, 0, 40)
        } else if let Some(step) = part.strip_prefix("stride") {
            every(&[(2, number(step)), (3, number(step))])
        } else if let Some(step) = part.strip_prefix("ch_stride") {
            every(&[(1, number(step))])
        } else if part == "kept" {
            got.index_select(0, &Tensor::from_slice(&case.blobs.i64("final.keep_boxes")))
        } else if let Some((regions, channels)) = part.strip_prefix('r').and_then(|rest| rest.split_once('c')) {
            every(&[(0, number(regions)), (1, number(channels))])
        } else if let Some((channels, step)) = part.strip_prefix('c').and_then(|rest| rest.split_once('s')) {
            every(&[(1, number(channels)), (2, number(step)), (3, number(step))])
        } else {
            continue;
        };
        let want = case.blobs.f32(kept);
        let got = values(&selected);
        assert_eq!(got.len(), want.len(), "{}: {kept}: number of values", case.id);
        close(&format!("{}: {kept}", case.id), &got, &want, bound);
        compared += 1;
    }
    compared
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(&tensor.contiguous().view(-1)).unwrap()
}

#[track_caller]
fn close(what: &str, got: &[f32], want: &[f32], bound: f64) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    let worst = got.iter().zip(want).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
    assert!(worst <= bound, "{what}: differs by {worst:e}, allowed {bound:e}");
}

/// Compares every blob of the trunk, the RPN, and of the head on Caffe's own regions.
fn check_blobs(case: &Case, detector: &Detector, bounds: &Bounds) {
    let mut seen = Seen::default();
    let blob = input_blob(&case.picture.bgr, case.picture.height, case.picture.width, case.test_scale).unwrap();
    let info = case.blobs.f32("im_info");
    same_bits(&case.id, &[blob.height as f32, blob.width as f32, blob.scale as f32], &info);
    let is_kept = |name: &str| case.blobs.names().any(|kept| kept.split('.').next() == Some(name));
    let mut observe = |name: &str, blob: &Tensor| {
        // Distinct bins are compared below, by the regions that they spread to.
        if name != "roipool5" && is_kept(name) {
            seen.observe(name, blob);
        }
    };
    let res4 = detector.map(&blob, &mut observe);
    detector.propose(&res4, &blob, &mut observe).unwrap();
    let regions = case.blobs.regions("rois");
    detector.choose(&res4, &regions, blob.scale, &mut observe).unwrap();
    let mut compared = if is_kept("data") { check_blob(case, "data", &seen.get("data"), 0.0) } else { 0 };
    // Blobs without a figure of their own are sums of as many products as those of the map.
    for name in [
        "conv1",
        "pool1",
        "res2a",
        "res2c",
        "res3a",
        "res3b3",
        "res4a",
        "res4b22",
        "rpn_output",
        "rpn_cls_score",
        "res5c",
        "cls_score",
        "fc_attr",
        "attr_score",
    ] {
        if is_kept(name) {
            compared += check_blob(case, name, &seen.get(name), bounds.map);
        }
    }
    compared += check_blob(case, "rpn_cls_prob_reshape", &seen.get("rpn_cls_prob_reshape"), bounds.rpn_probability);
    compared += check_blob(case, "rpn_bbox_pred", &seen.get("rpn_bbox_pred"), bounds.rpn_delta);
    for (name, bound) in
        [("pool5_flat", bounds.feature), ("cls_prob", bounds.probability), ("attr_prob", bounds.probability)]
    {
        if is_kept(name) {
            compared += check_blob(case, name, &seen.get(name), bound);
        }
    }
    if case.blobs.find("roi_sample_idx2").is_some() {
        let rows = Tensor::from_slice(&case.blobs.i64("roi_sample_idx2"));
        for name in ["res5a", "res5c"] {
            let got = seen.get(name).index_select(0, &rows);
            close(
                &format!("{}: {name}", case.id),
                &values(&got),
                &case.blobs.f32(&format!("{name}.sample2")),
                bounds.map,
            );
        }
        compared += 2;
    }
    let predicted: Vec<f32> =
        Vec::<i64>::try_from(&seen.get("predicted_cls")).unwrap().iter().map(|&c| c as f32).collect();
    same_bits(&format!("{}: predicted_cls", case.id), &predicted, &case.blobs.f32("predicted_cls"));
    assert!(compared >= 5, "{}: only {compared} blobs were compared", case.id);
}

/// Compares the chosen boxes of a whole run, by their positions.
fn check_row(case: &Case, found: &DetectedBoxes, bounds: &Bounds) {
    let (id, blobs, detections) = (&case.id, &case.blobs, &found.detections);
    assert_eq!(detections.objects_id, blobs.i64("final.objects_id"), "{id}: objects");
    assert_eq!(detections.attrs_id, blobs.i64("final.attrs_id"), "{id}: attributes");
    close(&format!("{id}: boxes"), detections.boxes.as_flattened(), &blobs.f32("final.boxes"), bounds.box_corner);
    close(&format!("{id}: features"), &found.features, &blobs.f32("final.features"), bounds.feature);
    for (got, name) in [(&detections.objects_conf, "final.objects_conf"), (&detections.attrs_conf, "final.attrs_conf")]
    {
        close(&format!("{id}: {name}"), got, &blobs.f32(name), bounds.probability);
    }
}

/// Reads the rows of a file line by line, since small pictures have fewer boxes and the reader of files demands the same number of all.
fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let mut row = Row::default();
            tsv::read_line(line.as_bytes(), &mut row).unwrap();
            row
        })
        .collect()
}

/// Compares a file of rows with those that the detector makes of the pictures that are there.
fn check_rows(path: &Path, detector: &Detector, bounds: &Bounds) {
    for want in rows(path) {
        let Some(picture) = picture(&want.img_id) else { continue };
        let pixels = BgrPixels { bytes: &picture.bgr, height: picture.height, width: picture.width };
        let got = detector.row(&want.img_id, pixels).unwrap();
        assert_eq!(
            (&got.img_id, got.img_h, got.img_w, got.num_boxes),
            (&want.img_id, want.img_h, want.img_w, want.num_boxes)
        );
        if want.img_id == "flat-i" {
            continue;
        }
        let what = |column: &str| format!("{}, {}: {column}", path.display(), want.img_id);
        assert_eq!((&got.objects_id, &got.attrs_id), (&want.objects_id, &want.attrs_id), "{}", what("classes"));
        close(&what("boxes"), &got.boxes, &want.boxes, bounds.box_corner);
        close(&what("features"), &got.features, &want.features, bounds.feature);
        close(&what("objects_conf"), &got.objects_conf, &want.objects_conf, bounds.probability);
        close(&what("attrs_conf"), &got.attrs_conf, &want.attrs_conf, bounds.probability);
    }
}

/// Calls `check` with every file of results of both networks.
fn every_case(check: impl Fn(&Case)) {
    tiny_cases().iter().chain(&full_cases()).for_each(check);
}

#[test]
fn butd_caffes_rpn_gives_caffes_regions_to_the_last_bit() {
    every_case(|case| {
        let blobs = &case.blobs;
        if case.is_flat() {
            return;
        }
        let (probabilities, deltas) = (blobs.f32("rpn_cls_prob_reshape"), blobs.f32("rpn_bbox_pred"));
        let shape = blobs.shape("rpn_bbox_pred");
        let rpn = RpnOutputs { probabilities: &probabilities, deltas: &deltas, height: shape[2], width: shape[3] };
        let info = blobs.f32("im_info");
        let got = proposals(rpn, ImageInfo { height: info[0], width: info[1], scale: info[2] });
        same_bits(&case.id, got.as_flattened(), blobs.regions("rois").as_flattened());
    });
}

#[test]
fn butd_caffes_probabilities_give_caffes_choice_to_the_last_bit() {
    every_case(|case| {
        let blobs = &case.blobs;
        if blobs.find("cls_prob").is_none() {
            return;
        }
        let got = case.choice();
        let kept: Vec<i64> = got.kept.iter().map(|&index| index as i64).collect();
        assert_eq!(kept, blobs.i64("final.keep_boxes"), "{}: boxes and their order", case.id);
        assert_eq!(got.max_conf, blobs.f64("final.max_conf"), "{}: confidences", case.id);
        same_bits(&case.id, got.boxes.as_flattened(), &blobs.f32("final.boxes"));
        same_bits(&case.id, &got.objects_conf, &blobs.f32("final.objects_conf"));
    });
}

#[test]
fn butd_boxes_are_divided_by_the_scale_in_32_bits() {
    let cases: Vec<Case> = tiny_cases().into_iter().filter(|case| case.blobs.find("cls_prob").is_some()).collect();
    let differing = cases.iter().filter(|case| {
        let (got, regions) = (case.choice(), case.blobs.regions("rois"));
        same_bits(&case.id, got.boxes.as_flattened(), &case.blobs.f32("final.boxes"));
        let scale = case.test_scale.factor(case.picture.height, case.picture.width);
        let wide = |index: &usize| regions[*index].map(|v| (f64::from(v) / scale) as f32);
        got.kept.iter().map(wide).ne(got.boxes)
    });
    assert!(differing.count() > 0 || cases.is_empty(), "a division in 64 bits gives the same boxes in every case");
}

#[test]
fn butd_caffes_map_pools_to_caffes_bins_to_the_last_bit() {
    every_case(|case| {
        let blobs = &case.blobs;
        if blobs.find("res4b22").is_none() || blobs.find("roipool5.sample").is_none() {
            return;
        }
        let shape: Vec<i64> = blobs.shape("res4b22").iter().map(|&n| n as i64).collect();
        let map = Tensor::from_slice(&blobs.f32("res4b22")).view(shape.as_slice()).to_device(device());
        let regions = blobs.regions("rois");
        let sample: Vec<PixelBox> = blobs.i64("roi_sample_idx").iter().map(|&index| regions[index as usize]).collect();
        let pooled = RoiPooling::new(&map, &regions).pool(&sample);
        let got = values(&pooled.spread(&pooled.values).to_device(Device::Cpu));
        same_bits(&case.id, &got, &blobs.f32("roipool5.sample"));
    });
}

#[test]
fn butd_the_tiny_network_computes_caffes_blobs() {
    let Some(state) = tiny_state() else { return };
    for case in tiny_cases().iter().filter(|case| !case.is_flat()) {
        check_blobs(case, &case.detector(&state), &TINY);
    }
}

#[test]
fn butd_the_tiny_network_chooses_caffes_boxes() {
    let Some(state) = tiny_state() else { return };
    for case in tiny_cases() {
        let found = case.detector(&state).detect(case.pixels(), &mut |_, _| ()).unwrap();
        match case.is_flat() {
            true => assert_eq!(found.detections.boxes.len(), 36),
            false => check_row(&case, &found, &TINY),
        }
    }
}

#[test]
fn butd_rows_of_the_tiny_network_are_caffes() {
    let Some(state) = tiny_state() else { return };
    for (file, test_scale) in
        [("s600_obj36.tsv", TestScale::RELEASED), ("s160_obj36.tsv", TestScale { short_side: 160, long_side: 240 })]
    {
        let Some(path) = fixtures::beside(&format!("butd/tiny/{file}")) else { continue };
        check_rows(&path, &Detector::load(&state, test_scale, device()).unwrap(), &TINY);
    }
}

#[test]
fn butd_weights_in_the_old_form_of_blobs_compute_the_same() {
    let Some(state) = tiny_state() else { return };
    let Some(legacy) = fixtures::beside("butd/tiny/tiny_legacy.caffemodel") else { return };
    let legacy = checkpoint::read_checkpoint(&legacy).unwrap();
    let Some(case) = tiny_cases().into_iter().find(|case| case.test_scale.short_side == 160) else { return };
    let found = |state| case.detector(state).detect(case.pixels(), &mut |_, _| ()).unwrap();
    assert_eq!(found(&state), found(&legacy));
}

#[test]
fn butd_the_full_size_network_computes_caffes_blobs_and_boxes() {
    let (Some(state), cases) = (full_state(), full_cases()) else { return };
    let detector = Detector::load(&state, TestScale::RELEASED, device()).unwrap();
    for case in &cases {
        check_blobs(case, &detector, &FULL);
        check_row(case, &detector.detect(case.pixels(), &mut |_, _| ()).unwrap(), &FULL);
    }
    let Some(rows) = fixtures::beside("butd/full/train2014_obj36.tsv") else { return };
    check_rows(&rows, &detector, &FULL);
}

#[test]
fn butd_a_picture_that_is_too_small_is_refused_where_the_original_dies() {
    let Some(state) = tiny_state() else { return };
    let detector = Detector::load(&state, TestScale::RELEASED, device()).unwrap();
    let bytes = vec![90; 12 * 15 * 3];
    let error = detector.row("small", BgrPixels { bytes: &bytes, height: 12, width: 15 }).unwrap_err();
    assert!(error.to_string().contains("15 x 12 pixels is too small"), "{error}");
}

#[test]
fn butd_weights_of_another_network_are_refused_by_name() {
    let Some(mut state) = tiny_state() else { return };
    let load =
        |state: &StateDict| Detector::load(state, TestScale::RELEASED, device()).map(|_| ()).unwrap_err().to_string();
    let removed = state.shift_remove("res4b7_branch2b/0").unwrap();
    assert!(load(&state).contains("no tensor res4b7_branch2b/0"));
    state.insert(
        "res4b7_branch2b/0".into(),
        checkpoint::TensorData { shape: vec![1, 2, 3], data: removed.data.slice(..24), ..removed },
    );
    assert!(load(&state).contains("res4b7_branch2b/0 has shape [1, 2, 3]"));
}
