//! What a file is that is no state dict: where in it one is, and the command that saves it alone.

use std::{
    collections::{HashSet, VecDeque},
    path::Path,
};

use super::{Id, Machine, Object, Value};
use crate::checkpoint::weights::advice::{is_bert, literal, prefix, torch_command, without_prefix};

/// How deep and how far a state dict is looked for, and how long a key may be on the way to it.
const DEEPEST: usize = 6;
const MOST_SEARCHED: usize = 10_000;
const LONGEST_KEY: usize = 100;
/// Keys that are told.
const MOST_KEYS: usize = 6;

/// A place in what the file holds.
#[derive(Clone)]
struct Place {
    id: Id,
    /// Python for it, from `d` on.
    python: String,
    /// The keys that lead to it, for people.
    keys: Vec<String>,
}

impl Machine<'_> {
    /// Why `result` is no state dict, and what to do about it.
    pub(super) fn explain(&self, result: Id, path: &Path) -> String {
        let top = Place { id: result, python: "d".to_owned(), keys: Vec::new() };
        let of_bert = |place: &&Place| self.names(place.id).is_some_and(|names| is_bert(&names));
        if let (Value::Dict(pairs), true) = (&self.values[result], of_bert(&&top)) {
            return self.tensors_and_more(pairs, path);
        }
        let (dicts, modules) = self.search(top);
        if let Some(found) =
            dicts.iter().find(of_bert).or(if modules.is_empty() { dicts.first() } else { None })
        {
            let others = dicts.iter().filter(of_bert).filter(|place| place.id != found.id);
            return self.checkpoint(result, found, &others.collect::<Vec<_>>(), path);
        }
        if let Some(module) = modules.first() {
            return self.module(module, path);
        }
        match (self.refuse_unknown(), &self.values[result]) {
            (Err(refusal), _) => refusal,
            (Ok(()), Value::Dict(pairs)) if pairs.iter().any(|&(_, value)| self.is_tensor(value)) => {
                self.tensors_and_more(pairs, path)
            }
            (Ok(()), value) => format!("data.pkl: not a dictionary of tensors, but {}", kind(value)),
        }
    }

    /// A dictionary with a state dict somewhere in it.
    fn checkpoint(&self, top: Id, found: &Place, others: &[&Place], path: &Path) -> String {
        let names = self.names(found.id).unwrap_or_default();
        let mut text = format!(
            "looks like a training checkpoint: the state dict, of {} tensors, is under {}",
            names.len(),
            place_for_people(found)
        );
        let beside = self.keys(top).into_iter().filter(|key| found.keys.first() != Some(key));
        text += &listed(", beside ", beside);
        text += &listed(" (others are under ", others.iter().map(|place| place_for_people(place)));
        if !others.is_empty() {
            text += ")";
        }
        let mut python = found.python.clone();
        if let Some(prefix) = prefix(&names) {
            text += &format!("; its names begin with {prefix:?}");
            python = without_prefix(&python, prefix);
        }
        text + &self.command("; to save it alone: ", path, &python)
    }

    /// A dictionary of tensors, but not of these alone.
    fn tensors_and_more(&self, pairs: &[(Id, Id)], path: &Path) -> String {
        if let Err(refusal) = self.refuse_unknown() {
            return refusal;
        }
        let other = pairs.iter().find(|(_, value)| !self.is_tensor(*value));
        let (key, value) = other.expect("with tensors alone it is a state dict");
        let name = self.text(*key).map_or("what has no name".to_owned(), short);
        let command = self.command(
            "; to save the tensors alone: ",
            path,
            "{k: v for k, v in d.items() if torch.is_tensor(v)}",
        );
        format!("data.pkl: {name} is no tensor, but {}{command}", kind(&self.values[*value]))
    }

    fn module(&self, found: &Place, path: &Path) -> String {
        let Value::Object(Object { class, .. }) = &self.values[found.id] else { return String::new() };
        let place =
            if found.keys.is_empty() { String::new() } else { format!(" under {}", place_for_people(found)) };
        format!(
            "a whole pickled module{place}, of class {class:?}, which only its own code can read{}",
            self.command("; to save its state dict alone: ", path, &format!("{}.state_dict()", found.python))
        )
    }

    /// With a warning where PyTorch has to be told to make objects.
    fn command(&self, what_for: &str, path: &Path, python: &str) -> String {
        let mut warning = listed("; it makes objects of ", self.unknown.iter().map(|(_, name)| short(name)));
        if !warning.is_empty() {
            warning += ", so only if you trust the file";
        }
        format!("{warning}{what_for}{}", torch_command(path, python, !self.unknown.is_empty()))
    }

    /// The state dicts and the modules below `top`, those that are less deep first.
    fn search(&self, top: Place) -> (Vec<Place>, Vec<Place>) {
        let (mut dicts, mut modules) = (Vec::new(), Vec::new());
        let mut seen = HashSet::from([top.id]);
        let mut queue = VecDeque::from([top]);
        while let Some(place) = queue.pop_front() {
            if self.names(place.id).is_some_and(|names| Some(names.len()) == self.len(place.id)) {
                dicts.push(place);
            } else if self.is_module(place.id) {
                modules.push(place);
            } else if place.keys.len() < DEEPEST {
                for (id, step, key) in self.inside(place.id) {
                    if seen.len() < MOST_SEARCHED && seen.insert(id) {
                        let keys = place.keys.iter().cloned().chain([key]).collect();
                        queue.push_back(Place { id, python: format!("{}{step}", place.python), keys });
                    }
                }
            }
        }
        (dicts, modules)
    }

    /// What a value holds, each with Python's way to it and its key.
    fn inside(&self, id: Id) -> Vec<(Id, String, String)> {
        let item = |(key, value): &(Id, Id)| {
            let (step, key) = match &self.values[*key] {
                Value::Text(key) if key.len() <= LONGEST_KEY => (literal(key), short(key)),
                Value::Int(n) => (n.to_string(), n.to_string()),
                _ => return None,
            };
            Some((*value, format!("[{step}]"), key))
        };
        let attribute = |(name, value): &(Id, Id)| {
            let name = self.text(*name).ok().filter(|name| is_identifier(name))?;
            Some((*value, format!(".{name}"), short(name)))
        };
        match &self.values[id] {
            Value::Dict(pairs) => pairs.iter().filter_map(item).collect(),
            Value::List(items) | Value::Tuple(items) => {
                let item = |(at, id): (usize, &Id)| (*id, format!("[{at}]"), at.to_string());
                items.iter().enumerate().map(item).collect()
            }
            Value::Object(Object { state, items, .. }) => {
                let attributes = state.and_then(|state| self.pairs(state)).unwrap_or_default();
                items.iter().filter_map(item).chain(attributes.iter().filter_map(attribute)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The names of the tensors in a dictionary that has any.
    fn names(&self, id: Id) -> Option<Vec<&str>> {
        let of_tensor = |(key, value): &(Id, Id)| self.text(*key).ok().filter(|_| self.is_tensor(*value));
        let names: Vec<_> = self.pairs(id)?.iter().filter_map(of_tensor).collect();
        (!names.is_empty()).then_some(names)
    }

    fn len(&self, id: Id) -> Option<usize> {
        self.pairs(id).map(<[_]>::len)
    }

    fn pairs(&self, id: Id) -> Option<&[(Id, Id)]> {
        if let Value::Dict(pairs) = &self.values[id] { Some(pairs) } else { None }
    }

    /// Whether it has the attributes of `torch.nn.Module`.
    fn is_module(&self, id: Id) -> bool {
        let Value::Object(Object { state: Some(state), .. }) = &self.values[id] else { return false };
        let has = |name| {
            self.pairs(*state).is_some_and(|pairs| pairs.iter().any(|(key, _)| self.text(*key) == Ok(name)))
        };
        has("_modules") && has("_parameters")
    }

    fn keys(&self, id: Id) -> Vec<String> {
        let keys = self.pairs(id).unwrap_or_default().iter();
        keys.filter_map(|(key, _)| self.text(*key).ok()).map(short).collect()
    }
}

fn place_for_people(place: &Place) -> String {
    place.keys.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" in ")
}

/// The first few, after `start`; nothing for none.
fn listed(start: &str, mut items: impl Iterator<Item = String>) -> String {
    let first: Vec<_> = items.by_ref().take(MOST_KEYS).collect();
    if first.is_empty() {
        return String::new();
    }
    let more = if items.next().is_some() { ", …" } else { "" };
    format!("{start}{}{more}", first.join(", "))
}

/// A key in quotes, cut where it is long.
fn short(key: &str) -> String {
    format!("{:?}", key.chars().take(60).collect::<String>())
}

fn is_identifier(name: &str) -> bool {
    name.len() <= LONGEST_KEY
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::None => "None or a flag",
        Value::Int(_) | Value::Number => "a number",
        Value::Text(_) => "a string",
        Value::Other => "bytes or a set",
        Value::Tuple(_) => "a tuple",
        Value::List(_) => "a list",
        Value::Dict(_) => "a dictionary",
        Value::Function(_) | Value::Unknown(_) => "a function",
        Value::Object(_) => "an object",
        Value::Storage(_) => "a storage",
        Value::Tensor(_) => "a tensor",
    }
}
