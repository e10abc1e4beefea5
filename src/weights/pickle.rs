//! The part of Python's pickle language that a PyTorch state dict is written in, and nothing more.
//!
//! A pickle is a program for a stack machine, which may call any function that it names. This machine knows four: an
//! ordered dictionary, a tensor, a parameter and the storages. Whatever else a file asks for is refused by name. Values lie
//! in one list and refer to each other by number, so that no nesting, however deep, can exhaust the stack.
//! The language: CPython's `Lib/pickletools.py`; what is in a state dict: `torch/_utils.py` and `torch/serialization.py`.

mod names;
mod read;

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use safetensors::Dtype;

use self::{
    names::{Function, function, instruction},
    read::{line, long, slice, take},
};

/// A value's place in the machine's list.
type Id = usize;

#[derive(Debug, Clone)]
enum Value {
    None,
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List,
    Dict(Vec<(Id, Id)>),
    Function(Function),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
}

/// Numbers in a file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) dtype: Dtype,
    /// The file's name in `data/`.
    pub(super) key: String,
    /// How many numbers.
    pub(super) len: usize,
}

/// A view of a storage; offset and strides count numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Rc<Storage>,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The named tensors of a state dict, in its order.
pub(super) fn state_dict(pickle: &[u8]) -> Result<Vec<(String, Rc<Tensor>)>, String> {
    let mut machine = Machine {
        code: pickle,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        values: Vec::new(),
        tensors_made: 0,
    };
    let result = machine.run().map_err(|reason| format!("data.pkl, byte {}: {reason}", machine.at))?;
    machine.tensors(result).map_err(|reason| format!("data.pkl: {reason}"))
}

struct Machine<'a> {
    code: &'a [u8],
    /// Start of the current instruction, for errors.
    at: usize,
    stack: Vec<Id>,
    /// Heights of the stack at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    values: Vec<Value>,
    tensors_made: usize,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, String> {
        let mut rest = self.code;
        loop {
            self.at = self.code.len() - rest.len();
            let [code] = take(&mut rest)?;
            match code {
                b'.' => return self.pop(),
                0x80 => {
                    let [version] = take(&mut rest)?;
                    if !(2..=5).contains(&version) {
                        return Err(format!("pickle protocol {version}, expected 2 to 5"));
                    }
                }
                0x95 => drop(take::<8>(&mut rest)?),
                _ => self.step(code, &mut rest)?,
            }
            if self.values.len() > MOST_VALUES {
                return Err(format!("more than {MOST_VALUES} values"));
            }
        }
    }

    /// One instruction.
    fn step(&mut self, code: u8, rest: &mut &[u8]) -> Result<(), String> {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::None), // no tensor depends on a flag's value
            b'K' => {
                let [n] = take(rest)?;
                self.push(Value::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(take(rest)?);
                self.push(Value::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(take(rest)?);
                self.push(Value::Int(n.into()));
            }
            0x8a => {
                let n = long(rest)?;
                self.push(Value::Int(n));
            }
            b'X' => {
                let length = u32::from_le_bytes(take(rest)?) as usize;
                self.push_text(slice(rest, length)?)?;
            }
            0x8c => {
                let [length] = take(rest)?;
                self.push_text(slice(rest, length.into())?)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' => self.push(Value::List),
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(code - 0x84))?;
                self.push(Value::Tuple(items));
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b'a' => drop(self.pop_many(1)?), // lists are only in metadata, which nobody reads
            b'e' => drop(self.pop_to_mark()?),
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)?;
            }
            b'q' | b'r' | b'h' | b'j' | 0x94 => self.remember(code, rest)?,
            b'c' => {
                let (module, name) = (line(rest)?, line(rest)?);
                let function = function(module, name)?;
                self.push(Value::Function(function));
            }
            0x93 => {
                let [module, name] = self.pop_array()?;
                let function = function(self.text(module)?, self.text(name)?)?;
                self.push(Value::Function(function));
            }
            b'Q' => self.load_storage()?,
            b'R' => self.call()?,
            b'b' => {
                let [target, _state] = self.pop_array()?;
                let Value::Dict(_) = self.values[target] else {
                    return Err("BUILD of something that is no dictionary: refused".to_owned());
                };
                self.stack.push(target); // its attributes are metadata
            }
            other => {
                return Err(format!("instruction {} is not in any state dict: refused", instruction(other)));
            }
        }
        Ok(())
    }

    /// Puts the top into the memo, or a value from there on the stack.
    fn remember(&mut self, code: u8, rest: &mut &[u8]) -> Result<(), String> {
        let index = match code {
            b'q' | b'h' => {
                let [index] = take(rest)?;
                index.into()
            }
            b'r' | b'j' => u32::from_le_bytes(take(rest)?),
            _ => u32::try_from(self.memo.len()).map_err(|error| error.to_string())?,
        };
        if matches!(code, b'h' | b'j') {
            let id = *self.memo.get(&index).ok_or_else(|| format!("nothing is remembered as {index}"))?;
            self.stack.push(id);
            return Ok(());
        }
        let id = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(index, id);
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), String> {
        let target = *self.stack.last().ok_or(EMPTY)?;
        let Value::Dict(pairs) = &mut self.values[target] else {
            return Err("items for something that is no dictionary".to_owned());
        };
        let (items, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err("a key without a value".to_owned());
        }
        pairs.extend(items.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 1024)`
    fn load_storage(&mut self) -> Result<(), String> {
        let [id] = self.pop_array()?;
        let Value::Tuple(parts) = &self.values[id] else { return Err(NO_STORAGE.to_owned()) };
        let &[kind, class, key, _device, len] = &parts[..] else { return Err(NO_STORAGE.to_owned()) };
        let Value::Function(Function::Storage(dtype)) = self.values[class] else {
            return Err(NO_STORAGE.to_owned());
        };
        if self.text(kind)? != "storage" {
            return Err(NO_STORAGE.to_owned());
        }
        let key = self.text(key)?;
        if key.len() > LONGEST_KEY {
            return Err(format!("a storage's name of {} bytes", key.len()));
        }
        let storage = Storage { dtype, key: key.to_owned(), len: self.size(len)? };
        self.push(Value::Storage(Rc::new(storage)));
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let [function, arguments] = self.pop_array()?;
        let Value::Tuple(arguments) = &self.values[arguments] else {
            return Err("a call without a tuple of arguments".to_owned());
        };
        let result = match (&self.values[function], &arguments[..]) {
            (Value::Function(Function::OrderedDict), []) => Value::Dict(Vec::new()),
            (Value::Function(Function::RebuildTensor), &[storage, offset, shape, strides, ..]) => {
                self.check_flags(arguments.get(6))?;
                self.tensors_made += 1;
                if self.tensors_made > MOST_TENSORS {
                    return Err(format!("more than {MOST_TENSORS} tensors"));
                }
                self.tensor(storage, offset, shape, strides)?
            }
            (Value::Function(Function::RebuildParameter), &[tensor, ..]) => match &self.values[tensor] {
                Value::Tensor(tensor) => Value::Tensor(Rc::clone(tensor)),
                _ => return Err("a parameter that is no tensor".to_owned()),
            },
            (Value::Function(function), arguments) => {
                return Err(format!("{function:?} called with {} arguments", arguments.len()));
            }
            _ => return Err("a call of something that is no function".to_owned()),
        };
        self.push(result);
        Ok(())
    }

    /// Flags such as "negated" change what the numbers mean.
    fn check_flags(&self, flags: Option<&Id>) -> Result<(), String> {
        match flags.map(|&flags| &self.values[flags]) {
            None | Some(Value::None) => Ok(()),
            Some(Value::Dict(flags)) if flags.is_empty() => Ok(()),
            Some(_) => {
                Err("a tensor with flags, such as a conjugated or negated view: save a copy of it".to_owned())
            }
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Value, String> {
        let Value::Storage(storage) = &self.values[storage] else {
            return Err("a tensor without a storage".to_owned());
        };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        if shape.len() != strides.len() {
            return Err(format!("a tensor of {} dimensions with {} strides", shape.len(), strides.len()));
        }
        Ok(Value::Tensor(Rc::new(Tensor {
            storage: Rc::clone(storage),
            offset: self.size(offset)?,
            shape,
            strides,
        })))
    }

    /// What the program has left behind must be a dictionary of tensors.
    fn tensors(&self, result: Id) -> Result<Vec<(String, Rc<Tensor>)>, String> {
        let Value::Dict(pairs) = &self.values[result] else {
            return Err("not a dictionary of tensors".to_owned());
        };
        let (mut tensors, mut names) = (Vec::new(), HashSet::new());
        for &(key, value) in pairs {
            let name = self.text(key)?;
            if name.len() > LONGEST_NAME {
                return Err(format!("a tensor's name of {} bytes", name.len()));
            }
            if !names.insert(name) {
                return Err(format!("two tensors are called {name:?}"));
            }
            let Value::Tensor(tensor) = &self.values[value] else {
                let keys = pairs.iter().take(10).filter_map(|(key, _)| self.text(*key).ok());
                let keys: Vec<_> =
                    keys.map(|key| format!("{:?}", key.chars().take(60).collect::<String>())).collect();
                return Err(format!(
                    "{name:?} is no tensor: a training checkpoint? It has {}; save the model's state_dict() alone",
                    keys.join(", ")
                ));
            };
            tensors.push((name.to_owned(), Rc::clone(tensor)));
        }
        Ok(tensors)
    }

    fn text(&self, id: Id) -> Result<&str, String> {
        if let Value::Text(text) = &self.values[id] { Ok(text) } else { Err("expected a string".to_owned()) }
    }

    fn size(&self, id: Id) -> Result<usize, String> {
        match self.values[id] {
            Value::Int(n) => usize::try_from(n).map_err(|_| format!("{n} is no size")),
            _ => Err("expected a number".to_owned()),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, String> {
        let Value::Tuple(items) = &self.values[id] else {
            return Err("expected a tuple of numbers".to_owned());
        };
        if items.len() > MOST_DIMENSIONS {
            return Err(format!("a tensor of {} dimensions", items.len()));
        }
        items.iter().map(|&item| self.size(item)).collect()
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn push_text(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a string that is not UTF-8".to_owned())?;
        self.push(Value::Text(text.to_owned()));
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, String> {
        Ok(self.pop_array::<1>()?[0])
    }

    fn pop_array<const N: usize>(&mut self) -> Result<[Id; N], String> {
        let items = self.pop_many(N)?;
        Ok(std::array::from_fn(|i| items[i]))
    }

    /// The upper `count` values, none of them below a mark.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let at = self.stack.len().checked_sub(count).filter(|at| *at >= floor).ok_or(EMPTY)?;
        Ok(self.stack.split_off(at))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, String> {
        let at = self.marks.pop().ok_or("no mark on the stack")?;
        Ok(self.stack.split_off(at))
    }
}

/// BERT large has some 400 tensors, and a few thousand values with them.
const MOST_VALUES: usize = 1_000_000;
const MOST_TENSORS: usize = 100_000;
/// PyTorch's own limit. This and the next bound what a short program can make by repeating itself.
const MOST_DIMENSIONS: usize = 64;
const LONGEST_KEY: usize = 256;
const LONGEST_NAME: usize = 1_000;
const EMPTY: &str = "nothing is left on the stack";
const NO_STORAGE: &str = "a persistent value that is no storage: refused";
