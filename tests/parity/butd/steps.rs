//! The steps that are exact for given inputs.

use lxmert::model::butd::anchors::base_anchors;
use lxmert::model::butd::input::{TestScale, input_blob};
use lxmert::model::butd::nms::{OverlapMatrix, PixelBox, nms};
use lxmert::model::butd::numpy_order::argsort;
use lxmert::model::butd::proposal::{ImageInfo, RpnOutputs, proposals};
use lxmert::model::butd::roi_pooling::RoiPooling;
use lxmert::model::butd::selection::{BoxChoice, HeadOutputs, select};
use lxmert::model::butd::{Detections, first_pooling};
use sha2::{Digest, Sha256};
use tch::Tensor;

use super::inputs::{Blobs, pictures, same_bits, unit};
use crate::compare::device;

#[test]
fn butd_anchors_are_the_originals() {
    let Some(blobs) = unit("anchors") else { return };
    same_bits("anchors", base_anchors().as_flattened(), &blobs.f32("anchors"));
}

#[test]
fn butd_equal_values_sort_in_numpys_order() {
    let Some(blobs) = unit("argsort_ties") else { return };
    for case in blobs.cases(".argsort") {
        let input = format!("{case}.in");
        let got = match case.starts_with("f64") {
            true => argsort(&blobs.f64(&input)),
            false => argsort(&blobs.f32(&input)),
        };
        let want: Vec<usize> = blobs.i64(&format!("{case}.argsort")).iter().map(|&index| index as usize).collect();
        assert_eq!(got, want, "{case}");
    }
}

#[test]
fn butd_nms_keeps_what_the_original_keeps_in_its_order() {
    let Some(blobs) = unit("nms") else { return };
    for case in blobs.cases(".dets") {
        let rows = blobs.f32(&format!("{case}.dets"));
        let (boxes, scores): (Vec<PixelBox>, Vec<f32>) =
            rows.as_chunks::<5>().0.iter().map(|&[x1, y1, x2, y2, score]| ([x1, y1, x2, y2], score)).unzip();
        let threshold = blobs.f64(&format!("{case}.thresh"))[0];
        let want: Vec<usize> = blobs.i64(&format!("{case}.keep")).iter().map(|&index| index as usize).collect();
        assert_eq!(nms(&boxes, &scores, threshold, usize::MAX), want, "{case}");
        let mut survivors = Vec::new();
        OverlapMatrix::new(&boxes, threshold).survivors(&scores, |index| survivors.push(index));
        assert_eq!(survivors, want, "{case}, by the matrix");
    }
}

#[test]
fn butd_proposals_are_the_originals_to_the_last_bit() {
    let Some(blobs) = unit("proposal") else { return };
    for case in blobs.cases(".im_info") {
        let (probabilities, deltas) =
            (blobs.f32(&format!("{case}.rpn_cls_prob_reshape")), blobs.f32(&format!("{case}.rpn_bbox_pred")));
        let shape = blobs.shape(&format!("{case}.rpn_bbox_pred"));
        let rpn = RpnOutputs { probabilities: &probabilities, deltas: &deltas, height: shape[2], width: shape[3] };
        let info = blobs.f32(&format!("{case}.im_info"));
        let got = proposals(rpn, ImageInfo { height: info[0], width: info[1], scale: info[2] });
        same_bits(&case, got.as_flattened(), blobs.regions(&format!("{case}.rois")).as_flattened());
    }
}

#[test]
fn butd_roi_pooling_is_the_originals_to_the_last_bit_with_any_number_of_threads() {
    let Some(blobs) = unit("roipool") else { return };
    let tensor = |name: &str| {
        let shape: Vec<i64> = blobs.shape(name).iter().map(|&n| n as i64).collect();
        Tensor::from_slice(&blobs.f32(name)).view(shape.as_slice()).to_device(device())
    };
    let regions = blobs.regions("rois");
    let map = tensor("x");
    let pooling = RoiPooling::new(&map, &regions);
    let want = tensor("y");
    for threads in [1, 2] {
        tch::set_num_threads(threads);
        let pooled = pooling.pool(&regions);
        assert!(pooled.spread(&pooled.values).equal(&want), "{threads} threads");
    }
    for (index, region) in regions.iter().enumerate() {
        let alone = RoiPooling::new(&map, &[*region]).pool(&[*region]);
        assert!(alone.spread(&alone.values).equal(&want.narrow(0, index as i64, 1)), "region {index}: {region:?}");
    }
}

#[test]
fn butd_pool1_has_no_padding_and_keeps_the_last_window() {
    let Some(blobs) = unit("pool1") else { return };
    for case in blobs.cases(".x") {
        let tensor = |name: &str| {
            let shape: Vec<i64> = blobs.shape(name).iter().map(|&n| n as i64).collect();
            Tensor::from_slice(&blobs.f32(name)).view(shape.as_slice()).to_device(device())
        };
        let (got, want) = (first_pooling(&tensor(&format!("{case}.x"))), tensor(&format!("{case}.y")));
        assert_eq!(got.size(), want.size(), "{case}");
        assert!(got.equal(&want), "{case}");
    }
}

#[test]
fn butd_pictures_are_resized_as_opencv_does_after_the_mean_is_subtracted() {
    let Some(blobs) = unit("resize") else { return };
    for case in blobs.cases(".bgr") {
        let name = |what: &str| format!("{case}.{what}");
        let shape = blobs.shape(&name("bgr"));
        let setting = blobs.i64(&name("cfg"));
        let test_scale = TestScale { short_side: setting[0] as u32, long_side: setting[1] as u32 };
        let blob = input_blob(blobs.bytes(&name("bgr")), shape[0], shape[1], test_scale).unwrap();
        assert_eq!(blob.scale.to_bits(), blobs.f64(&name("im_scale"))[0].to_bits(), "{case}");
        assert_eq!([1, 3, blob.height, blob.width], blobs.shape(&name("data"))[..], "{case}");
        same_bits(&case, &blob.data, &blobs.f32(&name("data")));
    }
}

#[test]
fn butd_decoded_pictures_and_inputs_have_their_digests() {
    let Some(path) = fixtures::beside("butd/unit/decode.json") else { return };
    let listed = fixtures::json(&path);
    let mut compared = 0;
    let hex = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found = pictures();
    for (name, want) in listed.as_object().unwrap() {
        let Some(path) = found.iter().find(|path| path.file_name().unwrap().to_string_lossy() == *name) else {
            fixtures::skipped(&format!("the picture {name}"));
            continue;
        };
        let bytes = std::fs::read(path).unwrap();
        let decoded = pictures::decode(&bytes);
        if want.is_null() {
            assert!(decoded.is_err(), "{name} is no picture");
            continue;
        }
        assert_eq!(want["file_sha256"], hex(&bytes), "{name}: another file");
        let picture = decoded.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(want["bgr_hwc_sha256"], hex(&picture.bgr), "{name}: pixels");
        let blob = input_blob(&picture.bgr, picture.height, picture.width, TestScale::RELEASED).unwrap();
        assert_eq!(want["im_scale"].as_f64().unwrap().to_bits(), blob.scale.to_bits(), "{name}");
        let data: Vec<u8> = blob.data.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(want["data_f32le_nchw_sha256"], hex(&data), "{name}: input");
        compared += 1;
    }
    assert!(compared > 0, "none of the listed pictures is there");
}

#[test]
fn butd_the_chosen_boxes_are_the_originals_to_the_last_bit() {
    let Some(blobs) = unit("select") else { return };
    for case in blobs.cases(".cls_prob") {
        check_selection(&blobs, &case);
    }
}

#[test]
fn butd_exactly_36_boxes_keep_the_order_of_the_proposals() {
    let Some(blobs) = unit("select") else { return };
    let mut cases = blobs.cases(".cls_prob");
    cases.retain(|case| {
        blobs.f64(&format!("{case}.max_conf")).iter().filter(|&&confidence| confidence >= 0.2).count() == 36
    });
    assert!(!cases.is_empty());
    for case in cases {
        let kept = check_selection(&blobs, &case).kept;
        assert!(kept.is_sorted(), "{case}");
        let confidences = blobs.f64(&format!("{case}.max_conf"));
        assert!(
            !kept.iter().map(|&index| confidences[index]).is_sorted_by(|a, b| a >= b),
            "{case}: sorting would change it"
        );
    }
}

#[test]
fn butd_equally_confident_boxes_come_in_numpys_order() {
    let Some(blobs) = unit("select") else { return };
    for case in blobs.cases(".cls_prob").iter().filter(|case| case.starts_with("TIES")) {
        let kept = check_selection(&blobs, case).kept;
        let confidences = blobs.f64(&format!("{case}.max_conf"));
        let mut stable: Vec<usize> = (0..confidences.len()).collect();
        stable.sort_by(|&a, &b| confidences[b].total_cmp(&confidences[a]).then(b.cmp(&a)));
        assert_ne!(kept, stable[..kept.len()], "{case}: a stable sort would give another order");
    }
}

/// Compares a case of the choice of boxes, and returns the choice.
fn check_selection(blobs: &Blobs, case: &str) -> Detections {
    let name = |what: &str| format!("{case}.{what}");
    let (objects, attributes) = (blobs.f32(&name("cls_prob")), blobs.f32(&name("attr_prob")));
    let proposals = blobs.regions(&name("rois"));
    let scale = blobs.f64(&name("im_scale"))[0];
    let got = select(
        HeadOutputs { proposals: &proposals, scale, objects: &objects, attributes: &attributes },
        BoxChoice::RELEASED,
    );
    let kept: Vec<i64> = got.kept.iter().map(|&index| index as i64).collect();
    assert_eq!(kept, blobs.i64(&name("keep_boxes")), "{case}: boxes and their order");
    assert_eq!(got.max_conf, blobs.f64(&name("max_conf")), "{case}: confidences");
    assert_eq!(got.objects_id, blobs.i64(&name("objects_id")), "{case}: objects");
    assert_eq!(got.attrs_id, blobs.i64(&name("attrs_id")), "{case}: attributes");
    same_bits(case, &got.objects_conf, &blobs.f32(&name("objects_conf")));
    same_bits(case, &got.attrs_conf, &blobs.f32(&name("attrs_conf")));
    same_bits(&format!("{case}: boxes"), got.boxes.as_flattened(), &blobs.f32(&name("boxes")));
    got
}
