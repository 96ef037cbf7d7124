//! The calls that the pickle machine supports: they describe storages, tensors and dicts.

use super::damaged::damaged;
use super::pickle::Machine;
use super::pickle_value::{Global, Object, Storage, Value};
use super::strided::View;
use base::error::Result;

/// More dimensions than PyTorch allows.
const MOST_DIMENSIONS: usize = 64;

impl Machine<'_> {
    /// ('storage', type, key, device, count[, None]): the device is of no interest, everything is read into memory.
    pub(super) fn persistent_id(&mut self) -> Result<()> {
        let id = self.pop()?;
        let (kind, global, key, count) = match self.tuple(id)? {
            [kind, global, key, _device, count] | [kind, global, key, _device, count, Value::None] => {
                (*kind, *global, *key, *count)
            }
            _ => return Err(damaged("a storage is not described as torch.save describes it")),
        };
        let (Value::Global(Global::Storage(dtype)), "storage") = (global, self.text(kind)?) else {
            return Err(damaged("a storage is not described as torch.save describes it"));
        };
        let storage = Storage { dtype, count: size(count)? };
        let key = self.text(key)?;
        let index = match self.storages.get_full(key) {
            Some((index, _, known)) if *known == storage => index,
            Some(_) => return Err(damaged(format!("storage {key:?} is described in two ways"))),
            None => {
                self.keep(2 * size_of::<(String, Storage)>() + key.len());
                self.storages.insert_full(key.to_owned(), storage).0
            }
        };
        self.push(Object::Storage(index));
        Ok(())
    }

    pub(super) fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let arguments = self.tuple(arguments)?;
        match (callable, arguments) {
            (Value::Global(Global::OrderedDict), []) => self.push(Object::Dict(Vec::new())),
            (
                Value::Global(Global::RebuildTensorV2),
                // Also: whether it requires gradients, hooks, and (lately) metadata.
                [storage, offset, sizes, strides, _, _] | [storage, offset, sizes, strides, _, _, _],
            )
            | (Value::Global(Global::RebuildTensor), [storage, offset, sizes, strides]) => {
                let view = self.view(*storage, *offset, *sizes, *strides)?;
                self.push(Object::Tensor(Box::new(view)));
            }
            (Value::Global(Global::RebuildParameter), [tensor, _requires_grad, _hooks]) => {
                let tensor = *tensor;
                match tensor.object(&self.objects) {
                    Some(Object::Tensor(_)) => self.stack.push(tensor),
                    _ => return Err(damaged("a parameter is made of what is not a tensor")),
                }
            }
            (Value::Global(_), _) => return Err(damaged("the arguments of a tensor or dict are not as expected")),
            _ => return Err(damaged("it calls a value; nothing was run")),
        }
        Ok(())
    }

    fn view(&self, storage: Value, offset: Value, sizes: Value, strides: Value) -> Result<View> {
        let Some(&Object::Storage(storage)) = storage.object(&self.objects) else {
            return Err(damaged("a tensor is made of what is not a storage"));
        };
        let (sizes, strides) = (self.tuple(sizes)?, self.tuple(strides)?);
        if sizes.len() != strides.len() || sizes.len() > MOST_DIMENSIONS {
            return Err(damaged(format!("a tensor has {} sizes and {} strides", sizes.len(), strides.len())));
        }
        Ok(View {
            storage,
            offset: size(offset)?,
            shape: sizes.iter().map(|n| size(*n)).collect::<Result<_>>()?,
            stride: strides.iter().map(|n| size(*n)).collect::<Result<_>>()?,
        })
    }

    /// Ignores an attribute. A state dict carries version numbers as one (`_metadata`); they say nothing about the tensors.
    pub(super) fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let is_dict = |value: Value| matches!(value.object(&self.objects), Some(Object::Dict(_)));
        if is_dict(state) && is_dict(self.top()?) {
            Ok(())
        } else {
            Err(damaged("it sets attributes of what is not a dict"))
        }
    }
}

/// Returns a size, stride, offset or count.
fn size(value: Value) -> Result<usize> {
    match value {
        Value::Int(n) => usize::try_from(n).map_err(|_| damaged(format!("a size, stride or offset is negative ({n})"))),
        _ => Err(damaged("a size, stride or offset is not a reasonable integer")),
    }
}
