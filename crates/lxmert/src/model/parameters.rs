//! A model's named parameters, in the order of the original's state dict, and conversions between tensors and checkpoint data.

use std::cell::RefCell;

use bytes::Bytes;
use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};

use base::error::{Error, Result};
use checkpoint::{DType, StateDict, TensorData, check_not_truncated};

/// The trainable tensors (f32) of a model by name. Modules hold shallow clones that share their storage.
///
/// `tch::nn::VarStore` is not used because its `HashMap` loses the order of the state dict.
pub struct Parameters {
    device: Device,
    std: f64,
    tensors: RefCell<IndexMap<String, Tensor>>,
}

impl Parameters {
    /// Creates an empty set. Weights that are registered later are drawn from N(0, `std`²) with torch's global generator.
    pub fn new(device: Device, std: f64) -> Self {
        Self { device, std, tensors: RefCell::default() }
    }

    /// Returns the device of the tensors.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Returns the scope without a prefix.
    pub fn root(&self) -> ParameterScope<'_> {
        ParameterScope { parameters: self, prefix: String::new() }
    }

    /// Returns names and tensors, which share their storage, in registration order.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.tensors.borrow().iter().map(|(name, t)| (name.clone(), t.shallow_clone())).collect()
    }

    /// Returns names and shapes, in registration order.
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let shape = |t: &Tensor| t.size().iter().map(|&n| n as usize).collect();
        self.tensors.borrow().iter().map(|(name, t)| (name.clone(), shape(t))).collect()
    }

    /// Returns the number of trainable scalars.
    pub fn count(&self) -> usize {
        self.tensors.borrow().values().map(Tensor::numel).sum()
    }

    /// Copies tensors over the parameters of the same names. Other parameters keep their values.
    ///
    /// # Errors
    /// Data if a shape differs; a bug if a name is unknown. In both cases no parameter is changed.
    pub fn load(&self, state: &StateDict) -> Result<()> {
        check_not_truncated(state.values())?;
        let tensors = self.tensors.borrow();
        for (name, data) in state {
            let Some(own) = tensors.get(name) else {
                return Err(Error::bug(format!("the model has no parameter {name}")));
            };
            if own.size().iter().map(|&n| n as usize).ne(data.shape.iter().copied()) {
                return Err(Error::data(format!(
                    "parameter {name} has shape {:?} in the checkpoint and {:?} in the model",
                    data.shape,
                    own.size()
                ))
                .next("use a checkpoint of a model with the same sizes"));
            }
        }
        tch::no_grad(|| {
            for (name, data) in state {
                tensors[name].shallow_clone().copy_(&tensor(data)?);
            }
            Ok(())
        })
    }

    /// Returns a copy of every parameter.
    pub fn state(&self) -> StateDict {
        self.tensors.borrow().iter().map(|(name, t)| (name.clone(), data(t))).collect()
    }

    fn add(&self, name: String, tensor: Tensor) -> Tensor {
        let tensor = tensor.to_device(self.device).set_requires_grad(true);
        let old = self.tensors.borrow_mut().insert(name, tensor.shallow_clone());
        debug_assert!(old.is_none(), "a parameter is registered twice");
        tensor
    }
}

/// A prefix in the tree of parameter names, under which modules register their parameters.
#[derive(Clone)]
pub struct ParameterScope<'p> {
    parameters: &'p Parameters,
    prefix: String,
}

impl ParameterScope<'_> {
    /// Returns the scope `self.name`; `name` may contain dots.
    #[must_use]
    pub fn sub(&self, name: impl std::fmt::Display) -> Self {
        let prefix = if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) };
        Self { parameters: self.parameters, prefix }
    }

    /// Returns the name of the scope, such as `bert.encoder`.
    pub fn name(&self) -> &str {
        &self.prefix
    }

    /// Registers `self.name` drawn from N(0, std²), the rule for weights and embeddings
    /// (`init_bert_weights`, src/lxrt/modeling.py @ 0db1182). It is drawn on the CPU, so that values do not depend on the device.
    pub fn normal(&self, name: &str, shape: &[usize]) -> Tensor {
        let values = Tensor::randn(sizes(shape), (Kind::Float, Device::Cpu)) * self.parameters.std;
        self.parameters.add(self.sub(name).prefix, values)
    }

    /// Registers `self.name` filled with one value.
    pub fn filled(&self, name: &str, shape: &[usize], value: f64) -> Tensor {
        let values = Tensor::full(sizes(shape), value, (Kind::Float, Device::Cpu));
        self.parameters.add(self.sub(name).prefix, values)
    }
}

fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&n| n as i64).collect()
}

/// Converts checkpoint data to a torch tensor on the CPU.
///
/// # Errors
/// Data if the bytes do not fit the shape.
pub fn tensor(data: &TensorData) -> Result<Tensor> {
    let kind = match data.dtype {
        DType::F64 => Kind::Double,
        DType::F32 => Kind::Float,
        DType::F16 => Kind::Half,
        DType::BF16 => Kind::BFloat16,
        DType::I64 => Kind::Int64,
        DType::I32 => Kind::Int,
        DType::I16 => Kind::Int16,
        DType::I8 => Kind::Int8,
        DType::U8 => Kind::Uint8,
        DType::Bool => Kind::Bool,
    };
    Tensor::f_from_data_size(&data.data, &sizes(&data.shape), kind).map_err(|e| {
        Error::data("the bytes of a tensor do not fit its shape").because(e).next("download or write the file again")
    })
}

/// Converts a torch tensor to f32 checkpoint data.
pub fn data(tensor: &Tensor) -> TensorData {
    let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut bytes = vec![0; tensor.numel() * 4];
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    TensorData {
        dtype: DType::F32,
        shape: tensor.size().iter().map(|&n| n as usize).collect(),
        data: Bytes::from(bytes),
    }
}
