//! A pickle machine that can only build tensors: it supports a handful of names, calls no code, and has fixed limits.
//!
//! It supports the instructions that `torch.save` writes with Python's pickle protocols 2 to 5.

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;

use super::error::damage_error;
use super::foreign_file::pickle_writer;
use super::pickle_value::{PickleGlobal, PickleObject, PickleOutput, PickleStorage, PickleValue, name};
use super::strided::StridedView;
use base::error::{Error, Result};

/// Maximum memory of a pickle's values in bytes. A tensor's description takes about 1200, so this is enough for
/// 6000 tensors; LXMERT has 500.
const MOST_MEMORY: usize = 8 << 20;
/// Maximum number of unfinished collections.
const MOST_MARKS: usize = 100_000;
/// Memory of an entry of the memo in bytes, with its share of the table's free slots.
const MEMO_ENTRY: usize = 2 * size_of::<(u32, PickleValue)>();
/// The instruction that puts the top of the stack into the next slot of the memo.
const MEMOIZE: u8 = 0x94;

/// Runs the pickle at the start of `input`. The bytes after it are ignored.
pub(super) fn run(input: &[u8]) -> Result<PickleOutput<'_>> {
    let mut machine = PickleMachine {
        input,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Vec::new(),
        storages: IndexMap::new(),
        memory_used: 0,
    };
    loop {
        let at = machine.at;
        let root =
            machine.step().map_err(|e| e.while_doing(format!("its pickle is invalid or not allowed at byte {at}")))?;
        if let Some(root) = root {
            return Ok(PickleOutput {
                input,
                length: machine.at,
                root,
                objects: machine.objects,
                storages: machine.storages,
            });
        }
        if machine.memory() > MOST_MEMORY || machine.marks.len() > MOST_MARKS {
            return Err(Error::data(format!(
                "its pickle builds more values than {MOST_MEMORY} bytes of memory hold; a state dict needs far fewer"
            ))
            .next("do not trust this file; if it is yours, save only the model's state_dict()"));
        }
    }
}

/// The state of the machine. [`super::pickle_rules`] holds the calls that it supports.
pub(super) struct PickleMachine<'a> {
    input: &'a [u8],
    at: usize,
    pub(super) stack: Vec<PickleValue>,
    marks: Vec<usize>,
    memo: HashMap<u32, PickleValue>,
    pub(super) objects: Vec<PickleObject>,
    pub(super) storages: IndexMap<String, PickleStorage>,
    /// Bytes of memory in use, without the stack and the marks.
    memory_used: usize,
}

impl<'a> PickleMachine<'a> {
    /// Returns the bytes of memory in use.
    fn memory(&self) -> usize {
        self.memory_used + self.stack.len() * size_of::<PickleValue>() + self.marks.len() * size_of::<usize>()
    }

    /// Counts memory that is never freed.
    pub(super) fn count_memory(&mut self, bytes: usize) {
        self.memory_used = self.memory_used.saturating_add(bytes);
    }

    /// Executes one instruction; returns the result after the last one.
    fn step(&mut self) -> Result<Option<PickleValue>> {
        let [operation] = self.take_array()?;
        match operation {
            0x80 => self.skip(1)?, // PROTO
            0x95 => self.skip(8)?, // FRAME
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(PickleValue::None),
            0x88 => self.stack.push(PickleValue::Bool(true)),
            0x89 => self.stack.push(PickleValue::Bool(false)),
            b'K' => {
                let [n] = self.take_array()?;
                self.stack.push(PickleValue::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.take_array()?);
                self.stack.push(PickleValue::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.take_array()?);
                self.stack.push(PickleValue::Int(n.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.skip(8)?;
                self.stack.push(PickleValue::Float);
            }
            b'X' | b'T' => {
                let n = u32::from_le_bytes(self.take_array()?);
                self.string(n.into())?;
            }
            0x8c | b'U' => {
                let [n] = self.take_array()?;
                self.string(n.into())?;
            }
            0x8d => {
                let n = u64::from_le_bytes(self.take_array()?);
                self.string(n)?;
            }
            b')' => self.push(PickleObject::Tuple(Box::default())),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(PickleObject::Tuple(items.into()));
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(operation - 0x84))?;
                self.push(PickleObject::Tuple(items.into()));
            }
            b']' => self.push(PickleObject::List(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b'}' => self.push(PickleObject::Dict(Vec::new())),
            b's' => {
                let entry = self.pop_many(2)?;
                self.set_items(&entry)?;
            }
            b'u' => {
                let entries = self.pop_to_mark()?;
                self.set_items(&entries)?;
            }
            b'q' | b'r' | MEMOIZE => {
                let slot = self.slot(operation)?;
                self.put(slot)?;
            }
            b'h' | b'j' => {
                let slot = self.slot(operation)?;
                self.get(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.text(module)?, self.text(name)?);
                self.global(module, name)?;
            }
            b'Q' => self.persistent_id()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => {
                return Err(damage_error(format!(
                    "instruction 0x{other:02x} is not supported, and checkpoints do not need it"
                )));
            }
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Result<Range<usize>> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.input.len());
        let end = end.ok_or_else(|| damage_error("the file ends inside the pickle: it is cut short"))?;
        Ok(std::mem::replace(&mut self.at, end)..end)
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.take(count).map(|_| ())
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let range = self.take(N)?;
        self.input[range].try_into().map_err(|_| Error::bug("a slice of N bytes is not N bytes"))
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.input[self.at..];
        let length =
            memchr::memchr(b'\n', rest.get(..256).unwrap_or(rest)).ok_or_else(|| damage_error("a name has no end"))?;
        let range = self.take(length + 1)?;
        std::str::from_utf8(&self.input[range.start..range.end - 1])
            .map_err(|e| damage_error("a name is not UTF-8").because(e))
    }

    fn string(&mut self, length: u64) -> Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let range = self.take(length)?;
        std::str::from_utf8(&self.input[range.clone()])
            .map_err(|e| damage_error("a string is not UTF-8").because(e))?;
        self.push(PickleObject::Text(range));
        Ok(())
    }

    fn long(&mut self) -> Result<()> {
        let [length] = self.take_array()?;
        let range = self.take(length.into())?;
        let digits = &self.input[range];
        let value = if digits.len() > 8 {
            PickleValue::BigInt
        } else {
            let negative = digits.last().is_some_and(|top| top & 0x80 != 0);
            let mut wide = [if negative { 0xff } else { 0 }; 8];
            wide[..digits.len()].copy_from_slice(digits);
            PickleValue::Int(i64::from_le_bytes(wide))
        };
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn push(&mut self, object: PickleObject) {
        let content = match &object {
            PickleObject::Tuple(items) => items.len() * size_of::<PickleValue>(),
            PickleObject::Tensor(view) => size_of::<StridedView>() + 2 * view.shape.len() * size_of::<usize>(),
            _ => 0,
        };
        self.count_memory(size_of::<PickleObject>() + content);
        self.stack.push(PickleValue::Object(self.objects.len()));
        self.objects.push(object);
    }

    /// Returns the lowest height to which instructions may pop the stack.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<PickleValue>> {
        let rest = self.stack.len().checked_sub(count).filter(|rest| *rest >= self.floor());
        Ok(self.stack.split_off(rest.ok_or_else(|| damage_error("a value is missing on the stack"))?))
    }

    pub(super) fn pop(&mut self) -> Result<PickleValue> {
        Ok(self.pop_many(1)?[0])
    }

    fn pop_to_mark(&mut self) -> Result<Vec<PickleValue>> {
        let mark = self.marks.pop().ok_or_else(|| damage_error("a mark is missing on the stack"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn top(&self) -> Result<PickleValue> {
        let top = (self.stack.len() > self.floor()).then(|| self.stack.last().copied()).flatten();
        top.ok_or_else(|| damage_error("a value is missing on the stack"))
    }

    /// Returns the object on top of the stack; `None` if the value is not an object.
    fn top_object(&mut self) -> Result<Option<&mut PickleObject>> {
        Ok(match self.top()? {
            PickleValue::Object(index) => self.objects.get_mut(index),
            _ => None,
        })
    }

    fn append(&mut self, new: &[PickleValue]) -> Result<()> {
        let Some(PickleObject::List(items)) = self.top_object()? else {
            return Err(damage_error("an item is appended to a value that is not a list"));
        };
        // A vector first allocates four entries.
        let first = if items.is_empty() { 4 } else { 0 };
        items.extend(new);
        self.count_memory(new.len().max(first) * size_of::<PickleValue>());
        Ok(())
    }

    fn set_items(&mut self, flat: &[PickleValue]) -> Result<()> {
        let (pairs, rest) = flat.as_chunks::<2>();
        match self.top_object()? {
            Some(PickleObject::Dict(entries)) if rest.is_empty() => {
                let first = if entries.is_empty() { 4 } else { 0 };
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                self.count_memory(pairs.len().max(first) * size_of::<(PickleValue, PickleValue)>());
                Ok(())
            }
            _ => Err(damage_error("entries are set in a value that is not a dict")),
        }
    }

    /// Returns the slot of the memo that an instruction names: the next one, or a number in one byte or four.
    fn slot(&mut self, operation: u8) -> Result<u32> {
        match operation {
            MEMOIZE => u32::try_from(self.memo.len()).map_err(|e| damage_error("too many memos").because(e)),
            b'q' | b'h' => self.take_array().map(|[slot]| slot.into()),
            _ => self.take_array().map(u32::from_le_bytes),
        }
    }

    fn put(&mut self, slot: u32) -> Result<()> {
        let value = self.top()?;
        if self.memo.insert(slot, value).is_none() {
            self.count_memory(MEMO_ENTRY);
        }
        Ok(())
    }

    fn get(&mut self, slot: u32) -> Result<()> {
        let value = self.memo.get(&slot).ok_or_else(|| damage_error("it refers to a value that is not in the memo"))?;
        self.stack.push(*value);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let global = PickleGlobal::find(module, name).ok_or_else(|| {
            let full = format!("{module}.{name}");
            let refused = damage_error(format!(
                "it names {full:?}, which a dict of tensors does not need; it was refused and nothing was run"
            ));
            match pickle_writer(module) {
                Some((what, next)) => refused.because(format!("it looks like {what}")).next(next),
                None => refused.next(
                    "save only the model's state_dict() with torch.save; if you did not make this file, do not trust it",
                ),
            }
        })?;
        self.stack.push(PickleValue::Global(global));
        Ok(())
    }

    /// Returns a string that is short enough for a name.
    pub(super) fn text(&self, value: PickleValue) -> Result<&'a str> {
        value.object(&self.objects).and_then(|o| name(self.input, o)).ok_or_else(|| damage_error("a name was expected"))
    }

    pub(super) fn tuple(&self, value: PickleValue) -> Result<&[PickleValue]> {
        match value.object(&self.objects) {
            Some(PickleObject::Tuple(items)) => Ok(items),
            _ => Err(damage_error("a tuple was expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_built() {
        let pickle = b"\x80\x02}q\x00(X\x01\x00\x00\x00a]q\x01(K\x05M\x00\x01J\xff\xff\xff\xff\x8a\x02\x00\x80\x8a\x00eX\x01\x00\x00\x00bh\x01u.rest";
        let made = run(pickle).unwrap();
        assert_eq!(&pickle[made.length..], b"rest");
        let entries = made.dict(made.root).unwrap();
        assert_eq!((made.text(entries[0].0), made.text(entries[1].0)), (Some("a"), Some("b")));
        assert_eq!(entries[0].1, entries[1].1, "a memo is the same list");
        assert_eq!(made.list(entries[0].1).unwrap(), [5, 256, -1, -32768, 0].map(PickleValue::Int));
        let framed = run(b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00\x8c\x01x\x94h\x00\x86.").unwrap();
        assert_eq!(framed.kind(framed.root), "tuple of 2");
    }

    #[test]
    fn instructions_and_names_that_are_not_allowed_are_refused() {
        for (pickle, word) in [
            (&b"cos\nsystem\n."[..], "\"os.system\""),
            (b"\x8c\x05posix\x8c\x06system\x93.", "\"posix.system\""),
            (b"c__torch__\n", "no end"),
            (b"K\x01)R.", "calls a value"),
            (b"ccollections\nOrderedDict\nK\x01\x85R.", "not as expected"),
            (b"K\x01", "cut short"),
            (b"X\xff\xff\xff\x7fabc", "cut short"),
            (b"X\x01\x00\x00\x00\xff.", "UTF-8"),
            (b".", "missing on the stack"),
            (b"K\x01(.", "missing on the stack"),
            (b"t.", "mark is missing"),
            (b"h\x07.", "not in the memo"),
            (b"NK\x01a.", "not a list"),
            (b"}(K\x01u.", "not a dict"),
            (b"]}b.", "attributes"),
            (b"K\x01\x85Q.", "torch.save writes"),
            (b"\x82.", "0x82"),
        ] {
            let message = run(pickle).unwrap_err().to_string();
            assert!(message.contains(word), "{pickle:?}: {message}");
        }
    }

    #[test]
    fn every_kind_of_value_counts_towards_the_limit() {
        let many = MOST_MEMORY / 8 + 1;
        for (what, start, unit, end) in [
            ("stack", &b""[..], &b"N"[..], &b""[..]),
            ("marks", b"", b"(", b""),
            ("list", b"](", b"N", b"e."),
            ("appended", b"]", b"Na", b"."),
            ("dict", b"}", b"NNs", b"."),
            ("empty lists", b"", b"]", b""),
            ("nested tuples", b")", b"\x85", b"."),
            ("lists of one", b"](", b"]Na", b"e."),
            ("texts", b"", b"\x8c\x00", b""),
            ("memo", b"N", b"\x94", b"."),
        ] {
            let pickle = [start, &unit.repeat(many), end].concat();
            let error = run(&pickle).expect_err(what).to_string();
            assert!(error.contains("builds more values"), "{what}: {error}");
        }
        // The largest models that are published as one file have about 1500 tensors.
        let tensor = b"X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
            X\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0K\x01\x85K\x01\x85\x89}tR\x94";
        let pickle = [&b"}("[..], &tensor.repeat(5000), b"u."].concat();
        assert_eq!(run(&pickle).unwrap().dict(PickleValue::Object(0)).unwrap().len(), 5000);
    }

    #[test]
    fn long_strings_are_not_names() {
        let long = [&b"\x80\x02X\x01\x04\0\0"[..], &[b'a'; 1025], b"X\x01\0\0\0b\x93."].concat();
        assert!(run(&long).unwrap_err().to_string().contains("a name was expected"));
    }

    #[test]
    fn a_list_may_hold_itself() {
        let made = run(b"]q\x00h\x00a.").unwrap();
        assert_eq!(made.kind(made.root), "list of 1");
    }
}
