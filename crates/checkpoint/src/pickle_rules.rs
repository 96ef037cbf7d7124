//! The calls that the pickle machine supports: they describe storages, tensors and dicts.

use super::error::damage_error;
use super::pickle::PickleMachine;
use super::pickle_value::{PickleGlobal, PickleObject, PickleStorage, PickleValue};
use super::strided::StridedView;
use base::error::Result;

/// Maximum number of dimensions, as in PyTorch.
const MOST_DIMENSIONS: usize = 64;

impl PickleMachine<'_> {
    /// Replaces a description ('storage', type, key, device, count[, None]) by a storage. The device is ignored.
    pub(super) fn persistent_id(&mut self) -> Result<()> {
        let id = self.pop()?;
        let (kind, global, key, count) = match self.tuple(id)? {
            [kind, global, key, _device, count] | [kind, global, key, _device, count, PickleValue::None] => {
                (*kind, *global, *key, *count)
            }
            _ => return Err(damage_error("the description of a storage is not one that torch.save writes")),
        };
        let (PickleValue::Global(PickleGlobal::Storage(dtype)), "storage") = (global, self.text(kind)?) else {
            return Err(damage_error("the description of a storage is not one that torch.save writes"));
        };
        let storage = PickleStorage { dtype, count: size(count)? };
        let key = self.text(key)?;
        let index = match self.storages.get_full(key) {
            Some((index, _, known)) if *known == storage => index,
            Some(_) => return Err(damage_error(format!("storage {key:?} is described in two ways"))),
            None => {
                self.count_memory(2 * size_of::<(String, PickleStorage)>() + key.len());
                self.storages.insert_full(key.to_owned(), storage).0
            }
        };
        self.push(PickleObject::Storage(index));
        Ok(())
    }

    pub(super) fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let arguments = self.tuple(arguments)?;
        match (callable, arguments) {
            (PickleValue::Global(PickleGlobal::OrderedDict), []) => self.push(PickleObject::Dict(Vec::new())),
            (
                PickleValue::Global(PickleGlobal::RebuildTensorV2),
                // The others are: whether it requires gradients, hooks, and in newer versions metadata.
                [storage, offset, sizes, strides, _, _] | [storage, offset, sizes, strides, _, _, _],
            )
            | (PickleValue::Global(PickleGlobal::RebuildTensor), [storage, offset, sizes, strides]) => {
                let view = self.view(*storage, *offset, *sizes, *strides)?;
                self.push(PickleObject::Tensor(Box::new(view)));
            }
            (PickleValue::Global(PickleGlobal::RebuildParameter), [tensor, _requires_grad, _hooks]) => {
                let tensor = *tensor;
                match tensor.object(&self.objects) {
                    Some(PickleObject::Tensor(_)) => self.stack.push(tensor),
                    _ => return Err(damage_error("a parameter is made from a value that is not a tensor")),
                }
            }
            (PickleValue::Global(_), _) => {
                return Err(damage_error("the arguments of a tensor or dict are not as expected"));
            }
            _ => return Err(damage_error("it calls a value that is not a function; nothing was run")),
        }
        Ok(())
    }

    fn view(
        &self,
        storage: PickleValue,
        offset: PickleValue,
        sizes: PickleValue,
        strides: PickleValue,
    ) -> Result<StridedView> {
        let Some(&PickleObject::Storage(storage)) = storage.object(&self.objects) else {
            return Err(damage_error("a tensor is made from a value that is not a storage"));
        };
        let (sizes, strides) = (self.tuple(sizes)?, self.tuple(strides)?);
        if sizes.len() != strides.len() || sizes.len() > MOST_DIMENSIONS {
            return Err(damage_error(format!("a tensor has {} sizes and {} strides", sizes.len(), strides.len())));
        }
        Ok(StridedView {
            storage,
            offset: size(offset)?,
            shape: sizes.iter().map(|n| size(*n)).collect::<Result<_>>()?,
            stride: strides.iter().map(|n| size(*n)).collect::<Result<_>>()?,
        })
    }

    /// Ignores attributes. State dicts have version numbers as one (`_metadata`), which do not affect the tensors.
    pub(super) fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let is_dict = |value: PickleValue| matches!(value.object(&self.objects), Some(PickleObject::Dict(_)));
        if is_dict(state) && is_dict(self.top()?) {
            Ok(())
        } else {
            Err(damage_error("it sets attributes of a value that is not a dict"))
        }
    }
}

/// Returns a size, stride, offset or count.
fn size(value: PickleValue) -> Result<usize> {
    match value {
        PickleValue::Int(n) => {
            usize::try_from(n).map_err(|_| damage_error(format!("a size, stride or offset is negative ({n})")))
        }
        _ => Err(damage_error("a size, stride or offset is not a 64-bit integer")),
    }
}
