//! Reads tensors of fixtures and compares results with them.

use std::collections::BTreeMap;
use std::path::Path;

use checkpoint::{self, StateDict};
use lxmert::model::parameters;
use lxmert_spec::Config;
use serde_json::Value;
use tch::{Cuda, Device, Kind, Tensor};
use torch_shim::cuda_library;

/// Returns the device to compute on, which `REPRO_PARITY_DEVICE` names: `cpu` (the default), `cuda` or `cuda:N`.
pub(crate) fn device() -> Device {
    let name = std::env::var("REPRO_PARITY_DEVICE").unwrap_or_default();
    let index = match name.as_str() {
        "" | "cpu" => return Device::Cpu,
        "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|index| index.parse().ok())
            .unwrap_or_else(|| panic!("REPRO_PARITY_DEVICE={other}: use cpu, cuda or cuda:N")),
    };
    let library = cuda_library::load();
    let gpus = usize::try_from(Cuda::device_count()).unwrap_or(0);
    assert!(index < gpus, "REPRO_PARITY_DEVICE={name}: libtorch sees {gpus} GPUs, its CUDA library is {library:?}");
    let device = Device::Cuda(index);
    lxmert::libtorch::set_up(device).unwrap();
    device
}

/// The tensors of a fixture by name, on the device to compute on.
pub(crate) struct Tensors(pub BTreeMap<String, Tensor>);

impl Tensors {
    pub(crate) fn read(path: &Path) -> Self {
        let state = state(path);
        Self(
            state
                .iter()
                .map(|(name, data)| (name.clone(), parameters::tensor(data).unwrap().to_device(device())))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("the fixture has no tensor {name}"))
    }
}

pub(crate) fn state(path: &Path) -> StateDict {
    lxmert_spec::loading::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns the configuration in a fixture's JSON, which has the form of `bert_config.json`, with these numbers of layers.
pub(crate) fn config(json: &Value, [l, x, r]: [usize; 3]) -> Config {
    let number = |key: &str| json[key].as_u64().unwrap_or_else(|| panic!("the fixture's config has no {key}")) as usize;
    Config {
        vocab_size: number("vocab_size"),
        hidden_size: number("hidden_size"),
        num_attention_heads: number("num_attention_heads"),
        intermediate_size: number("intermediate_size"),
        max_position_embeddings: number("max_position_embeddings"),
        type_vocab_size: number("type_vocab_size"),
        l_layers: l,
        x_layers: x,
        r_layers: r,
        ..Config::lxr955()
    }
}

/// Returns the names and shapes in a list of a fixture: `[["bert...", [120, 32]], ...]`.
pub(crate) fn listed_shapes(list: &Value) -> Vec<(String, Vec<usize>)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let shape = entry[1].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            (entry[0].as_str().unwrap().to_owned(), shape)
        })
        .collect()
}

pub(crate) fn max_abs_difference(got: &Tensor, want: &Tensor) -> f64 {
    let exact = |tensor: &Tensor| tensor.to_device(Device::Cpu).to_kind(Kind::Double);
    (exact(got) - exact(want)).abs().max().double_value(&[])
}

#[track_caller]
pub(crate) fn within(what: &str, got: &Tensor, want: &Tensor, bound: f64) {
    assert_eq!(got.size(), want.size(), "{what}: shape");
    let difference = max_abs_difference(got, want);
    assert!(difference <= bound, "{what}: differs by {difference:e}, allowed {bound:e}");
}

#[track_caller]
pub(crate) fn relative(what: &str, got: f64, want: f64, bound: f64) {
    let difference = (got - want).abs();
    assert!(
        difference <= bound * want.abs(),
        "{what}: {got} is not {want} (relative {:e}, allowed {bound:e})",
        difference / want.abs()
    );
}

/// Compares every gradient with the fixture's, and the sets of parameters without a gradient. The tolerance is 1e-4 of the tensor's
/// largest value + 1e-6. For attention key biases and token types, which are mathematically zero, it is 1e-5.
pub(crate) fn gradients(case: &str, named: &[(String, Tensor)], got: &[Tensor], want: &Tensors) {
    for ((name, _), got) in named.iter().zip(got) {
        let Some(want) = want.0.get(name) else {
            assert!(!got.defined(), "{case}: {name} has a gradient, in the original it has none");
            continue;
        };
        assert!(got.defined(), "{case}: {name} has no gradient, in the original it has one");
        let zero = name.ends_with("key.bias") || name.ends_with("token_type_embeddings.weight");
        let bound = if zero { 1e-5 } else { 1e-4 * want.abs().max().double_value(&[]) + 1e-6 };
        within(&format!("{case}: gradient of {name}"), got, want, bound);
    }
    let known: std::collections::BTreeSet<_> = named.iter().map(|(name, _)| name).collect();
    assert!(want.0.keys().all(|name| known.contains(name)), "{case}: the fixture has gradients of unknown parameters");
}
