//! The values of the pickle machine. Composite ones are in one flat table, so that neither depth nor cycles matter.

use std::ops::Range;

use indexmap::IndexMap;

use super::strided::StridedView;
use super::tensor::DType;

/// Maximum length of a name of a tensor, storage or class in bytes. Longer strings are kept, but not used.
const LONGEST_NAME: usize = 1024;

/// A value, or the index of one in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PickleValue {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that does not fit 64 bits; no tensor needs one.
    BigInt,
    /// A float; no tensor needs its value.
    Float,
    Global(PickleGlobal),
    Object(usize),
}

impl PickleValue {
    /// Returns its entry of the table; `None` if it is not an object.
    pub(super) fn object(self, table: &[PickleObject]) -> Option<&PickleObject> {
        match self {
            Self::Object(index) => table.get(index),
            _ => None,
        }
    }
}

/// A name that a pickle may use. None of them runs code: each is a rule of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PickleGlobal {
    OrderedDict,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    Storage(DType),
}

impl PickleGlobal {
    /// Returns the rule for `module.name`, if there is one.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensorV2,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            // Early versions write torch.cuda for tensors on a GPU.
            ("torch" | "torch.cuda", storage) => Self::Storage(match storage {
                "DoubleStorage" => DType::F64,
                "FloatStorage" => DType::F32,
                "HalfStorage" => DType::F16,
                "BFloat16Storage" => DType::BF16,
                "LongStorage" => DType::I64,
                "IntStorage" => DType::I32,
                "ShortStorage" => DType::I16,
                "CharStorage" => DType::I8,
                "ByteStorage" => DType::U8,
                "BoolStorage" => DType::Bool,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

/// A composite value; strings stay in the pickle's bytes.
#[derive(Debug)]
pub(super) enum PickleObject {
    Text(Range<usize>),
    Tuple(Box<[PickleValue]>),
    List(Vec<PickleValue>),
    Dict(Vec<(PickleValue, PickleValue)>),
    /// Index among the pickle's storages.
    Storage(usize),
    Tensor(Box<StridedView>),
}

/// A storage as the pickle declares it. Its bytes are elsewhere in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PickleStorage {
    pub dtype: DType,
    /// Number of elements.
    pub count: usize,
}

/// The values of a pickle after its last instruction.
#[derive(Debug)]
pub(super) struct PickleOutput<'a> {
    /// The bytes from the first instruction on.
    pub input: &'a [u8],
    /// Number of these bytes that belong to the pickle.
    pub length: usize,
    pub root: PickleValue,
    pub objects: Vec<PickleObject>,
    /// Storages by their key, in order of first mention.
    pub storages: IndexMap<String, PickleStorage>,
}

impl<'a> PickleOutput<'a> {
    /// Returns a string that is short enough for a name.
    pub(super) fn text(&self, value: PickleValue) -> Option<&'a str> {
        name(self.input, value.object(&self.objects)?)
    }

    pub(super) fn dict(&self, value: PickleValue) -> Option<&[(PickleValue, PickleValue)]> {
        match value.object(&self.objects)? {
            PickleObject::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn list(&self, value: PickleValue) -> Option<&[PickleValue]> {
        match value.object(&self.objects)? {
            PickleObject::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn tensor(&self, value: PickleValue) -> Option<&StridedView> {
        match value.object(&self.objects)? {
            PickleObject::Tensor(view) => Some(view),
            _ => None,
        }
    }

    /// Returns the kind of a value, for messages.
    pub(super) fn kind(&self, value: PickleValue) -> String {
        match value {
            PickleValue::None => "None".into(),
            PickleValue::Bool(_) => "bool".into(),
            PickleValue::Int(_) | PickleValue::BigInt => "int".into(),
            PickleValue::Float => "float".into(),
            PickleValue::Global(_) => "class".into(),
            PickleValue::Object(_) => match value.object(&self.objects) {
                Some(PickleObject::Text(_)) => "str".into(),
                Some(PickleObject::Tuple(items)) => format!("tuple of {}", items.len()),
                Some(PickleObject::List(items)) => format!("list of {}", items.len()),
                Some(PickleObject::Dict(entries)) => {
                    let tensors = entries.iter().filter(|(_, v)| self.tensor(*v).is_some()).count();
                    if tensors == entries.len() && tensors > 0 {
                        format!("dict of {tensors} {}", if tensors == 1 { "tensor" } else { "tensors" })
                    } else {
                        format!("dict of {}", entries.len())
                    }
                }
                Some(PickleObject::Storage(_)) => "storage".into(),
                Some(PickleObject::Tensor(view)) => format!("tensor {:?}", view.shape),
                None => "nothing".into(),
            },
        }
    }
}

/// Returns the string of a text object whose bytes are in `input`, if it is short enough for a name. Text objects are UTF-8.
pub(super) fn name<'a>(input: &'a [u8], object: &PickleObject) -> Option<&'a str> {
    match object {
        PickleObject::Text(range) if range.len() <= LONGEST_NAME => std::str::from_utf8(input.get(range.clone())?).ok(),
        _ => None,
    }
}
