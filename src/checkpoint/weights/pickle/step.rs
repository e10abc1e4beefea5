//! The machine's instructions, by what they do: values, collections, objects; and its stack.

use std::rc::Rc;

use super::{
    EMPTY, Id, LONGEST_FUNCTION, MOST_UNKNOWN, Machine, Object, Value,
    names::{function, instruction},
    read::{counted, line, long, take},
};

impl Machine<'_> {
    pub(super) fn step(&mut self, code: u8, rest: &mut &[u8]) -> Result<(), String> {
        if self.value(code, rest)? || self.collection(code)? || self.object(code, rest)? {
            return Ok(());
        }
        Err(format!("instruction {} is not in any file of PyTorch's: refused", instruction(code)))
    }

    /// Pushes a value that stands in the program, or one from the memo.
    fn value(&mut self, code: u8, rest: &mut &[u8]) -> Result<bool, String> {
        let value = match code {
            b'N' | 0x88 | 0x89 => Value::None,
            b'K' => {
                let [n] = take(rest)?;
                Value::Int(n.into())
            }
            b'M' => Value::Int(u16::from_le_bytes(take(rest)?).into()),
            b'J' => Value::Int(i32::from_le_bytes(take(rest)?).into()),
            0x8a => long(counted::<1>(rest)?).map_or(Value::Number, Value::Int),
            0x8b => long(counted::<4>(rest)?).map_or(Value::Number, Value::Int),
            b'G' => take::<8>(rest).map(|_| Value::Number)?,
            b'X' => text(counted::<4>(rest)?)?,
            0x8c => text(counted::<1>(rest)?)?,
            0x8d => text(counted::<8>(rest)?)?,
            b'C' => counted::<1>(rest).map(|_| Value::Other)?,
            b'B' => counted::<4>(rest).map(|_| Value::Other)?,
            0x8e => counted::<8>(rest).map(|_| Value::Other)?,
            b'q' | b'r' | b'h' | b'j' | 0x94 => return self.remember(code, rest).map(|()| true),
            _ => return Ok(false),
        };
        self.push(value);
        Ok(true)
    }

    /// Tuples, lists, dictionaries, sets, and what moves values about to make them.
    fn collection(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' | 0x90 => drop(self.pop_to_mark()?), // 0x90 adds to a set, which nobody looks into
            b'2' => self.stack.push(*self.stack.last().ok_or(EMPTY)?),
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            0x8f => self.push(Value::Other),
            0x91 => {
                self.pop_to_mark()?;
                self.push(Value::Other);
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(code - 0x84))?;
                self.push(Value::Tuple(items));
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b'a' | b'e' => {
                let items = if code == b'a' { self.pop_many(1)? } else { self.pop_to_mark()? };
                self.append(&items)?;
            }
            b's' | b'u' => {
                let items = if code == b's' { self.pop_many(2)? } else { self.pop_to_mark()? };
                self.set_items(&items)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Functions and what they make.
    fn object(&mut self, code: u8, rest: &mut &[u8]) -> Result<bool, String> {
        match code {
            b'c' => {
                let (module, name) = (line(rest)?, line(rest)?);
                self.push_function(module, name);
            }
            0x93 => {
                let [module, name] = self.pop_array()?;
                let (module, name) = (self.text(module)?.to_owned(), self.text(name)?.to_owned());
                self.push_function(&module, &name);
            }
            b'Q' => self.load_storage()?,
            b'R' => self.call()?,
            b'i' => {
                let (module, name) = (line(rest)?, line(rest)?);
                self.pop_to_mark()?;
                self.push_function(module, name);
                let class = self.pop()?;
                self.push_object(class)?;
            }
            b'o' => {
                let class = *self.pop_to_mark()?.first().ok_or(EMPTY)?;
                self.push_object(class)?;
            }
            0x81 => {
                let [class, _arguments] = self.pop_array()?;
                self.push_object(class)?;
            }
            0x92 => {
                let [class, _arguments, _named] = self.pop_array()?;
                self.push_object(class)?;
            }
            b'b' => self.set_state()?,
            _ => return Ok(false),
        }
        Ok(true)
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

    fn append(&mut self, items: &[Id]) -> Result<(), String> {
        let target = *self.stack.last().ok_or(EMPTY)?;
        match &mut self.values[target] {
            Value::List(list) => list.extend(items),
            Value::Object(_) => {}
            _ => return Err("items for something that is no list".to_owned()),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), String> {
        let target = *self.stack.last().ok_or(EMPTY)?;
        let (Value::Dict(pairs) | Value::Object(Object { items: pairs, .. })) = &mut self.values[target]
        else {
            return Err("items for something that is no dictionary".to_owned());
        };
        let (items, odd) = items.as_chunks::<2>();
        if !odd.is_empty() {
            return Err("a key without a value".to_owned());
        }
        pairs.extend(items.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    /// The attributes of an object; those of a dictionary are metadata.
    fn set_state(&mut self) -> Result<(), String> {
        let [target, state] = self.pop_array()?;
        match &mut self.values[target] {
            Value::Dict(_) => {}
            Value::Object(object) => object.state = Some(state),
            _ => return Err("BUILD of something that is no dictionary: refused".to_owned()),
        }
        self.stack.push(target);
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn push_function(&mut self, module: &str, name: &str) {
        if let Some(function) = function(module, name) {
            return self.push(Value::Function(function));
        }
        let name: String = format!("{module}.{name}").chars().take(LONGEST_FUNCTION).collect();
        let name: Rc<str> = Rc::from(name);
        if self.unknown.len() < MOST_UNKNOWN && self.unknown.iter().all(|(_, known)| *known != name) {
            self.unknown.push((self.at, Rc::clone(&name)));
        }
        self.push(Value::Unknown(name));
    }

    pub(super) fn pop(&mut self) -> Result<Id, String> {
        Ok(self.pop_array::<1>()?[0])
    }

    pub(super) fn pop_array<const N: usize>(&mut self) -> Result<[Id; N], String> {
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

fn text(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "a string that is not UTF-8".to_owned())?;
    Ok(Value::Text(text.to_owned()))
}
