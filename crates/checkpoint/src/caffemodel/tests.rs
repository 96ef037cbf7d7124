//! Nets of Caffe: those of the fixtures, every form that protobuf allows, and what is refused.

use std::collections::BTreeSet;
use std::slice::from_ref;

use fixtures::butd_full::{self, FullWeights};
use fixtures::caffemodel::*;

use super::*;
use crate::{StateDict, TensorData, check_format, read_bytes, read_checkpoint};

fn read(content: Vec<u8>) -> base::error::Result<StateDict> {
    from_bytes(&content.into())
}

/// Returns the error for a file with this content, as a person reads it.
fn refusal(content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.caffemodel");
    std::fs::write(&path, content).unwrap();
    let error = read_caffemodel(&path).expect_err("it is refused");
    assert_eq!(error.kind(), base::error::Kind::Data);
    let text = error.to_string();
    assert!(text.contains("net.caffemodel") && text.contains("next: "), "{text}");
    text
}

#[test]
fn butd_caffemodels_in_new_and_old_form_hold_equal_values_under_equal_names() {
    let paths = ["tiny", "tiny_legacy"].map(|name| fixtures::beside(&format!("butd/tiny/{name}.caffemodel")));
    let [Some(new), Some(old)] = paths else { return };
    let (new, old) = (read_caffemodel(&new).unwrap(), read_caffemodel(&old).unwrap());
    // The old file also has two layers that the net does not know.
    let shared: Vec<&String> = new.keys().collect();
    assert_eq!(old.keys().filter(|name| new.contains_key(*name)).collect::<Vec<_>>(), shared);
    for (name, tensor) in &new {
        assert_eq!(old[name].data, tensor.data, "{name}");
        assert!(same_shape(&old[name].shape, &tensor.shape), "{name}");
    }
    assert!(new.values().zip(old.values()).any(|(new, old)| new.shape != old.shape), "old shapes have four dimensions");
    assert_eq!(new["conv1/0"].shape, [4, 3, 7, 7]);
    assert_eq!(new["bn_conv1/2"].shape, [1]);
    assert_eq!(new["rpn_conv/3x3/0"].shape, [32, 64, 3, 3]);
    let layers: BTreeSet<&str> = new.keys().map(|name| name.rsplit_once('/').unwrap().0).collect();
    assert_eq!((layers.len(), new.len()), (320, 639));
}

#[test]
fn butd_caffemodel_has_the_names_of_the_full_size_recipe() {
    let path = fixtures::beside("butd/tiny/tiny.caffemodel");
    let (Some(path), Some(full)) = (path, fixtures::beside("butd/full/full_recipe.json")) else { return };
    let full = fixtures::json(&full);
    let names: BTreeSet<&str> = full.as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    let tensors = read_checkpoint(&path).unwrap();
    assert_eq!(tensors.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    check_format(&path).unwrap();
}

#[test]
fn butd_caffemodel_of_full_size_has_every_value_of_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("full.caffemodel");
    if !butd_full::write_caffemodel(&path).unwrap() {
        return;
    }
    let tensors = read_caffemodel(&path).unwrap();
    let mut names = tensors.keys();
    for expected in FullWeights::open().unwrap() {
        assert_eq!(names.next(), Some(&expected.name));
        let tensor = &tensors[&expected.name];
        assert_eq!(*tensor, TensorData::from_f32(expected.shape, expected.values).unwrap(), "{}", expected.name);
    }
    assert_eq!(names.next(), None);
}

#[test]
fn every_form_of_values_and_shapes_gives_the_same_tensor() {
    let values = [1.5_f32, -0.0, 3.25e-39, f32::MAX];
    let wide = values.map(f64::from);
    let (sizes, unpacked) = (shape(&[2, 2]), bytes_field(7, &[number_field(1, 2), number_field(1, 2)].concat()));
    let gradients = [floats(6, &[9.0; 7]), doubles(9, &[9.0; 5]), scattered_floats(6, &[8.0])].concat();
    let forms = [
        [floats(5, &values), sizes.clone()].concat(),
        [sizes.clone(), floats(5, &values), gradients].concat(),
        [scattered_floats(5, &values), unpacked].concat(),
        [
            floats(5, &values[..1]),
            sizes.clone(),
            floats(5, &[]),
            scattered_floats(5, &values[1..3]),
            floats(5, &values[3..]),
        ]
        .concat(),
        [floats(5, &[]), floats(5, &values), floats(5, &[]), sizes.clone()].concat(),
        [doubles(8, &wide), sizes.clone()].concat(),
        [scattered_doubles(8, &wide), sizes.clone(), floats(5, &[])].concat(),
        [
            sizes,
            bytes_field(77, b"unknown"),
            number_field(78, -1),
            doubles(8, &wide[..3]),
            scattered_doubles(8, &wide[3..]),
        ]
        .concat(),
        [floats(5, &values), shape(&[2, 2]), legacy_shape([1, 1, 2, 2])].concat(),
    ];
    let expected = TensorData::from_f32(vec![2, 2], values.to_vec()).unwrap();
    for (form, blob) in forms.into_iter().enumerate() {
        let state = read(net(&[layer("a/b", "Convolution", &[blob])])).unwrap();
        assert_eq!(state, StateDict::from([("a/b/0".to_owned(), expected.clone())]), "form {form}");
    }
}

#[test]
fn a_double_is_rounded_to_the_nearest_float() {
    let wide = [0.1, 1.0 + 2_f64.powi(-24), 1.0 + 3.0 * 2_f64.powi(-24), 1e-60];
    let state = read(net(&[layer("a", "", &[[doubles(8, &wide), shape(&[4])].concat()])])).unwrap();
    assert_eq!(state["a/0"].to_f32().unwrap(), wide.map(|value| value as f32));
}

#[test]
fn old_shapes_are_kept_and_compare_equal_to_new_ones() {
    let blob = [legacy_shape([1, 1, 1, 3]), floats(5, &[1.0, 2.0, 3.0])].concat();
    let scalar = floats(5, &[7.0]);
    let empty = shape(&[0, 3]);
    let state = read(net(&[layer("bias", "", &[blob, scalar, empty])])).unwrap();
    let shapes: Vec<&[usize]> = state.values().map(|tensor| &tensor.shape[..]).collect();
    assert_eq!(shapes, [&[1, 1, 1, 3][..], &[], &[0, 3]]);
    assert!(
        same_shape(&[1, 1, 1, 3], &[3]) && same_shape(&[3], &[1, 3]) && same_shape(&[], &[1]) && same_shape(&[], &[])
    );
    for (a, b) in [(&[3, 1][..], &[3][..]), (&[2, 3], &[3]), (&[3], &[2]), (&[0], &[]), (&[1, 2], &[2, 1])] {
        assert!(!same_shape(a, b) && !same_shape(b, a), "{a:?} {b:?}");
    }
}

#[test]
fn layers_without_weights_give_no_tensors_and_may_share_names() {
    let split = || layer("data_split", "Split", &[]);
    let weights = layer("fc", "InnerProduct", &[blob(&[1, 2], &[1.0, 2.0]), blob(&[1], &[3.0])]);
    let nameless = bytes_field(100, &[]);
    let names: Vec<String> = read(net(&[split(), nameless, weights, split()])).unwrap().into_keys().collect();
    assert_eq!(names, ["fc/0", "fc/1"]);
}

#[test]
fn a_name_may_follow_the_weights() {
    let message = [bytes_field(7, &blob(&[1], &[3.0])), bytes_field(1, b"late")].concat();
    assert_eq!(read(bytes_field(100, &message)).unwrap()["late/0"].to_f32().unwrap(), [3.0]);
}

#[test]
fn what_no_net_holds_is_refused_with_its_layer_and_byte() {
    let of =
        |blob: Vec<u8>| net(&[layer("good", "", &[self::blob(&[1], &[1.0])]), layer("fc1", "InnerProduct", &[blob])]);
    let named =
        |name: &[u8]| net(&[bytes_field(100, &[bytes_field(1, name), bytes_field(7, &blob(&[1], &[1.0]))].concat())]);
    let good = blob(&[2], &[1.0, 2.0]);
    let one = [1.0_f32];
    let many_blobs = vec![blob(&[1], &one); 101];
    let many_layers = vec![layer("l", "", &[]); 10_001];
    let many_tensors: Vec<Vec<u8>> = (0..201).map(|i| layer(&format!("l{i}"), "", &many_blobs[..100])).collect();
    let long_field = [tag(100, 2), varint(1 << 40), vec![0; 9]].concat();
    let long_inner = bytes_field(100, &[tag(7, 2), varint(999)].concat());
    for (content, words) in [
        (of(blob(&[3], &[1.0, 2.0])), &["\"fc1\"", "at byte", "2 floats", "[3]"][..]),
        (of([doubles(8, &[1.0; 3]), shape(&[2])].concat()), &["\"fc1\"", "3 doubles", "[2]"]),
        (of(Vec::new()), &["\"fc1\"", "0 floats", "[]"]),
        (of(blob(&[-1, -2], &[1.0, 2.0])), &["\"fc1\"", "negative size: -1"]),
        (of([legacy_shape([1, 1, -2, 1]), floats(5, &one)].concat()), &["\"fc1\"", "negative size: -2"]),
        (of([number_field(1, 1), floats(5, &one)].concat()), &["1 floats", "[1, 0, 0, 0]"]),
        (of(blob(&[1 << 40, 1 << 40], &one)), &["\"fc1\"", "do not fill"]),
        (of(blob(&[i64::MAX, 0, i64::MAX], &[])), &["\"fc1\"", "do not fill"]),
        (of(blob(&[1; 33], &one)), &["\"fc1\"", "more than 32 dimensions"]),
        (
            of([good.clone(), doubles(8, &[1.0, 2.0])].concat()),
            &["\"fc1\"", "values twice", "2 in data and 2 in double_data"],
        ),
        (of([good.clone(), shape(&[2])].concat()), &["\"fc1\"", "second shape"]),
        (of([good.clone(), legacy_shape([1, 1, 2, 2])].concat()), &["two shapes", "[2]", "[1, 1, 2, 2]"]),
        (of(bytes_field(5, b"12345")), &["\"fc1\"", "5 bytes", "values of 4 bytes"]),
        (of(bytes_field(8, b"12345")), &["5 bytes", "values of 8 bytes"]),
        (of(number_field(5, 7)), &["\"fc1\"", "field 5 at byte", "type of Caffe"]),
        (of(number_field(7, 7)), &["field 7 at byte", "type of Caffe"]),
        (of(bytes_field(7, &scattered_floats(1, &one))), &["\"fc1\"", "no whole number"]),
        (of(bytes_field(7, &bytes_field(1, &[0xff; 11]))), &["\"fc1\"", "number at byte", "damaged"]),
        (of([tag(1, 3), tag(1, 4)].concat()), &["\"fc1\"", "wire type 3"]),
        (of(vec![0, 0]), &["\"fc1\"", "no field of protobuf begins at byte"]),
        (of([tag(5, 2), varint(99)].concat()), &["\"fc1\"", "should have 99 bytes", "only 0 are left of the blob"]),
        (
            net(&[layer("fc1", "", from_ref(&good)), layer("fc1", "", from_ref(&good))]),
            &["two layers", "\"fc1\"", "bytes 5 and"],
        ),
        (net(&[layer("fc1", "", &many_blobs)]), &["the layer at byte 5", "more than 100 blobs"]),
        (net(&many_layers), &["more than 10000 layers", "do not trust"]),
        (net(&many_tensors), &["more than 20000 blobs", "do not trust"]),
        (named(b""), &["the layer at byte 5", "no name"]),
        (named(&[b'x'; 257]), &["the layer at byte 5", "257 bytes"]),
        (named(b"\xff\xfe"), &["the layer at byte 5", "not UTF-8"]),
        (bytes_field(100, &[bytes_field(1, b"a"), bytes_field(1, b"b")].concat()), &["second name"]),
        (bytes_field(100, &number_field(7, 1)), &["field 7 at byte", "type of Caffe"]),
        (long_field, &["should have 1099511627776 bytes", "9 are left of the file"]),
        (long_inner, &["the layer at byte 0", "999 bytes", "left of the layer"]),
        (net(&[layer("a", "ReLU", &[]), layer("b", "ReLU", &[])]), &["none of its 2 layers holds weights"]),
        (number_field(100, 7), &["field 100 at byte 0", "type of Caffe"]),
        (
            [bytes_field(1, b"old"), bytes_field(2, &bytes_field(1, b"x"))].concat(),
            &["V1LayerParameter", "byte 5", "upgrade_net_proto_binary"],
        ),
        (
            [number_field(1, 320_000), bytes_field(2, b"net.caffemodel")].concat(),
            &["another of its files", ".solverstate"],
        ),
    ] {
        let text = refusal(&content);
        words.iter().for_each(|word| assert!(text.contains(word), "{word}: {text}"));
    }
}

#[test]
fn other_kinds_of_files_are_named() {
    let prototxt = b"# made by hand\nname: \"ResNet-101\"\nlayer {\n  name: 'data'\n}\n";
    for (content, word) in [
        (&b""[..], "empty"),
        (prototxt, ".prototxt"),
        (b"\nlayers { name: \"x\" }", ".prototxt"),
        (b"\x89HDF\r\n\x1a\nabc", "snapshot_format: HDF5"),
        (b"\n<!DOCTYPE html><html>Not found", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS pointer"),
        (b"\x10\0\0\0\0\0\0\0{\"a\": 1}       ", "safetensors"),
        (b"PK\x03\x04abc", "zip"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"404: Not Found", "it begins with \"404: Not Found\""),
    ] {
        let text = refusal(content);
        assert!(text.contains(word) && text.contains("not a .caffemodel") != content.is_empty(), "{text}");
    }
}

#[test]
fn a_net_is_recognised_by_its_content() {
    let weights = layer("a", "", &[blob(&[200], &[0.5; 200])]);
    let inputs = [bytes_field(3, b"data"), number_field(4, 3), bytes_field(8, b""), number_field(7, 0)].concat();
    for good in [net(from_ref(&weights)), weights.clone(), [bytes_field(1, b"n"), inputs, weights.clone()].concat()] {
        assert!(looks_like(&good) && looks_like(&good[..40]));
        assert_eq!(read_bytes(&good.into()).unwrap().len(), 1);
    }
    // ONNX, a graph of TensorFlow (whose nodes have the number of the name here), text, and a name without an end.
    for other in [
        &b"\x08\x07\x12\x07pytorch"[..],
        b"\x0a\x02\x0a\0\x0a\0\x12\0",
        b"\nname: \"x\"\n",
        b"\x0a\xff\xff",
        b"",
        b"\x0a\x01a",
    ] {
        assert!(!looks_like(other), "{other:?}");
    }
}
