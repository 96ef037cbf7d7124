//! Computes the formula weights of the fixtures: each element is a hash of the parameter's name and of the element's position.

use bytes::Bytes;
use checkpoint::{DType, StateDict, TensorData};
use lxmert::model::Parameters;

fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns element `i` of the parameter with this key, which is its name without the encoder prefix of task models.
fn element(key: &str, hash: u64, i: u64) -> f32 {
    let z = splitmix64(hash.wrapping_add(i));
    let r = ((z >> 40) as i64 - (1 << 23)) as f32 * 2f32.powi(-23);
    if key.ends_with("bias") {
        r * 0.02
    } else if key.contains("LayerNorm") || key.contains("layer_norm") || key.ends_with("logit_fc.2.weight") {
        1.0 + r * 0.1
    } else {
        r * 0.034_641_016
    }
}

/// Returns the formula weights of every parameter.
pub(crate) fn weights(parameters: &Parameters) -> StateDict {
    let fill = |name: &str, shape: &[usize]| {
        let key = name.strip_prefix("lxrt_encoder.model.").unwrap_or(name);
        let hash = fnv1a64(key);
        let mut bytes = Vec::with_capacity(4 * shape.iter().product::<usize>());
        for i in 0..shape.iter().product::<usize>() {
            bytes.extend_from_slice(&element(key, hash, i as u64).to_le_bytes());
        }
        TensorData { dtype: DType::F32, shape: shape.to_vec(), data: Bytes::from(bytes) }
    };
    parameters.shapes().iter().map(|(name, shape)| (name.clone(), fill(name, shape))).collect()
}

#[test]
fn the_formula_is_the_fixtures_formula() {
    let Some(path) = fixtures::lxrt("full/formula_checks.json") else { return };
    let checks = fixtures::json(&path);
    let hashes = checks["hash_checks"].as_object().unwrap();
    assert_eq!(format!("{:x}", fnv1a64("bert.pooler.dense.weight")), hashes["fnv1a64(\"bert.pooler.dense.weight\")"]);
    assert_eq!(format!("{:x}", splitmix64(u64::MAX)), hashes["splitmix64(0xffffffffffffffff)"]);
    for (key, bits) in checks["first_f32_bits"].as_object().unwrap() {
        let got: Vec<_> = (0..4).map(|i| format!("{:08x}", element(key, fnv1a64(key), i).to_bits())).collect();
        assert_eq!(&serde_json::json!(got), bits, "{key}");
    }
}
