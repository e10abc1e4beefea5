//! The part of Python's pickle language that PyTorch's files are written in.
//!
//! A pickle is a program for a stack machine, which may call any function that it names. This machine knows four: an
//! ordered dictionary, a tensor, a parameter and the storages. Whatever else a file asks for is never called: it becomes an
//! object that nobody looks into but to say where in the file a state dict is, and a file with such an object is refused.
//! Values lie in one list and refer to each other by number, so that no nesting, however deep, can exhaust the stack.
//! The language: CPython's `Lib/pickletools.py`; what is in a state dict: `torch/_utils.py` and `torch/serialization.py`.

mod build;
mod names;
mod read;
mod step;
mod wrapper;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    rc::Rc,
};

use safetensors::Dtype;

use self::{names::Function, read::take};

/// A value's place in the machine's list.
type Id = usize;

#[derive(Debug, Clone)]
enum Value {
    /// Flags, too: no tensor depends on one.
    None,
    Int(i64),
    /// A float, or a whole number of more than 64 bits.
    Number,
    Text(String),
    /// Bytes and sets.
    Other,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Function(Function),
    /// A function or class that this machine does not know, by its name.
    Unknown(Rc<str>),
    /// What calling one would have made.
    Object(Object),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
}

#[derive(Debug, Clone)]
struct Object {
    class: Rc<str>,
    /// Its attributes, where they are told.
    state: Option<Id>,
    /// What is in it, if it is a kind of dictionary.
    items: Vec<(Id, Id)>,
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

/// The named tensors of a state dict, in its order. `path` is the archive's, for advice alone.
pub(super) fn state_dict(pickle: &[u8], path: &Path) -> Result<Vec<(String, Rc<Tensor>)>, String> {
    let mut machine = Machine {
        code: pickle,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        values: Vec::new(),
        tensors_made: 0,
        unknown: Vec::new(),
    };
    let result = machine.run().map_err(|reason| format!("data.pkl, byte {}: {reason}", machine.at))?;
    match &machine.values[result] {
        Value::Dict(pairs) if pairs.iter().all(|&(_, value)| machine.is_tensor(value)) => {
            machine.refuse_unknown()?;
            machine.tensors(pairs).map_err(|reason| format!("data.pkl: {reason}"))
        }
        _ => Err(machine.explain(result, path)),
    }
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
    /// The first few names that this machine does not know, and where they stand.
    unknown: Vec<(usize, Rc<str>)>,
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

    fn is_tensor(&self, id: Id) -> bool {
        matches!(self.values[id], Value::Tensor(_))
    }

    /// The tensors of a dictionary that has nothing else, each under a name of its own.
    fn tensors(&self, pairs: &[(Id, Id)]) -> Result<Vec<(String, Rc<Tensor>)>, String> {
        let (mut tensors, mut names) = (Vec::new(), HashSet::new());
        for &(key, value) in pairs {
            let name = self.text(key)?;
            if name.len() > LONGEST_NAME {
                return Err(format!("a tensor's name of {} bytes", name.len()));
            }
            if !names.insert(name) {
                return Err(format!("two tensors are called {name:?}"));
            }
            if let Value::Tensor(tensor) = &self.values[value] {
                tensors.push((name.to_owned(), Rc::clone(tensor)));
            }
        }
        Ok(tensors)
    }

    /// A file that asks for anything beyond a state dict is not used, even where the tensors are whole.
    fn refuse_unknown(&self) -> Result<(), String> {
        match self.unknown.first() {
            None => Ok(()),
            Some((at, name)) => Err(format!(
                "data.pkl, byte {at}: it asks for {name:?}, which no state dict needs: refused, it could run code"
            )),
        }
    }

    fn text(&self, id: Id) -> Result<&str, String> {
        if let Value::Text(text) = &self.values[id] { Ok(text) } else { Err("expected a string".to_owned()) }
    }
}

/// BERT large has some 400 tensors, and a few thousand values with them.
const MOST_VALUES: usize = 1_000_000;
const MOST_TENSORS: usize = 100_000;
/// PyTorch's own limit. This and the next bound what a short program can make by repeating itself.
const MOST_DIMENSIONS: usize = 64;
const LONGEST_KEY: usize = 256;
const LONGEST_NAME: usize = 1_000;
const LONGEST_FUNCTION: usize = 200;
const MOST_UNKNOWN: usize = 8;
const EMPTY: &str = "nothing is left on the stack";
