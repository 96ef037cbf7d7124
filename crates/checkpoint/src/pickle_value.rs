//! Values of the pickle machine: they lie in one flat table, so that depth and cycles do no harm.

use std::ops::Range;

use indexmap::IndexMap;

use super::strided::View;
use super::tensor::DType;

/// Longer strings are no names: of tensors, storages or classes. They are kept, but not looked at.
const LONGEST_NAME: usize = 1024;

/// A value, or the index of one in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that does not fit 64 bits; no tensor needs one.
    BigInt,
    /// A float; no tensor needs its value.
    Float,
    Global(Global),
    Object(usize),
}

impl Value {
    /// Returns the entry of the table that it refers to.
    pub(super) fn object(self, table: &[Object]) -> Option<&Object> {
        match self {
            Self::Object(index) => table.get(index),
            _ => None,
        }
    }
}

/// The only names a pickle may ask for. None of them is code here: each is a rule of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    Storage(DType),
}

impl Global {
    /// Returns the rule for `module.name`, if there is one.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensorV2,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            // torch.cuda: as saved from a GPU by early versions.
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
pub(super) enum Object {
    Text(Range<usize>),
    Tuple(Box<[Value]>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Index among the pickle's storages.
    Storage(usize),
    Tensor(Box<View>),
}

/// A storage as the pickle declares it; its bytes lie elsewhere in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage {
    pub dtype: DType,
    /// Number of elements.
    pub count: usize,
}

/// A pickle that was run to its end.
#[derive(Debug)]
pub(super) struct Pickled<'a> {
    /// The bytes run, from the first operation on.
    pub input: &'a [u8],
    /// How many of them it took.
    pub length: usize,
    pub root: Value,
    pub objects: Vec<Object>,
    /// Storages by their key, in order of first mention.
    pub storages: IndexMap<String, Storage>,
}

impl<'a> Pickled<'a> {
    /// Returns a string that can be a name.
    pub(super) fn text(&self, value: Value) -> Option<&'a str> {
        name(self.input, value.object(&self.objects)?)
    }

    pub(super) fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match value.object(&self.objects)? {
            Object::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn list(&self, value: Value) -> Option<&[Value]> {
        match value.object(&self.objects)? {
            Object::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn tensor(&self, value: Value) -> Option<&View> {
        match value.object(&self.objects)? {
            Object::Tensor(view) => Some(view),
            _ => None,
        }
    }

    /// Returns the kind of a value, for messages.
    pub(super) fn kind(&self, value: Value) -> String {
        match value {
            Value::None => "None".into(),
            Value::Bool(_) => "bool".into(),
            Value::Int(_) | Value::BigInt => "int".into(),
            Value::Float => "float".into(),
            Value::Global(_) => "class".into(),
            Value::Object(_) => match value.object(&self.objects) {
                Some(Object::Text(_)) => "str".into(),
                Some(Object::Tuple(items)) => format!("tuple of {}", items.len()),
                Some(Object::List(items)) => format!("list of {}", items.len()),
                Some(Object::Dict(entries)) => {
                    let tensors = entries.iter().filter(|(_, v)| self.tensor(*v).is_some()).count();
                    if tensors == entries.len() && tensors > 0 {
                        format!("dict of {tensors} {}", if tensors == 1 { "tensor" } else { "tensors" })
                    } else {
                        format!("dict of {}", entries.len())
                    }
                }
                Some(Object::Storage(_)) => "storage".into(),
                Some(Object::Tensor(view)) => format!("tensor {:?}", view.shape),
                None => "nothing".into(),
            },
        }
    }
}

/// Returns the string of a text object whose bytes are in `input`, if it is no longer than a name; it was found to be UTF-8
/// when it was made.
pub(super) fn name<'a>(input: &'a [u8], object: &Object) -> Option<&'a str> {
    match object {
        Object::Text(range) if range.len() <= LONGEST_NAME => std::str::from_utf8(input.get(range.clone())?).ok(),
        _ => None,
    }
}
