//! What a pickle's calls make: tensors and their storages, dictionaries, and objects that are none of them.

use std::rc::Rc;

use super::{
    Function, Id, LONGEST_KEY, MOST_DIMENSIONS, MOST_TENSORS, Machine, Object, Storage, Tensor, Value,
};

const NO_STORAGE: &str = "a persistent value that is no storage: refused";

impl Machine<'_> {
    /// `('storage', torch.FloatStorage, '0', 'cpu', 1024)`
    pub(super) fn load_storage(&mut self) -> Result<(), String> {
        let [id] = self.pop_array()?;
        let Value::Tuple(parts) = &self.values[id] else { return Err(NO_STORAGE.to_owned()) };
        let &[kind, class, key, _device, len] = &parts[..] else { return Err(NO_STORAGE.to_owned()) };
        if self.text(kind)? != "storage" {
            return Err(NO_STORAGE.to_owned());
        }
        let Value::Function(Function::Storage(dtype)) = self.values[class] else {
            // Of numbers that no model here has, or a view that is refused by name.
            return self.push_object(class);
        };
        let key = self.text(key)?;
        if key.len() > LONGEST_KEY {
            return Err(format!("a storage's name of {} bytes", key.len()));
        }
        let storage = Storage { dtype, key: key.to_owned(), len: self.size(len)? };
        self.push(Value::Storage(Rc::new(storage)));
        Ok(())
    }

    /// Puts what a call of `class`, which is not called, would have made.
    pub(super) fn push_object(&mut self, class: Id) -> Result<(), String> {
        let (Value::Unknown(class) | Value::Object(Object { class, .. })) = &self.values[class] else {
            return Err("a call of something that is no function".to_owned());
        };
        let object = Object { class: Rc::clone(class), state: None, items: Vec::new() };
        self.push(Value::Object(object));
        Ok(())
    }

    pub(super) fn call(&mut self) -> Result<(), String> {
        let [function, arguments] = self.pop_array()?;
        let Value::Tuple(arguments) = &self.values[arguments] else {
            return Err("a call without a tuple of arguments".to_owned());
        };
        let result = match (&self.values[function], &arguments[..]) {
            (Value::Unknown(_), _) => return self.push_object(function),
            (Value::Function(Function::OrderedDict), []) => Value::Dict(Vec::new()),
            // A tensor of an unknown storage, a parameter of an unknown tensor.
            (Value::Function(Function::RebuildTensor | Function::RebuildParameter), &[of, ..])
                if matches!(self.values[of], Value::Object(_)) =>
            {
                return self.push_object(of);
            }
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
}
