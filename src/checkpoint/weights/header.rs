//! A safetensors header, checked in full: after this, every tensor is known to lie inside the file.
//!
//! Every header is read that the `safetensors` crate reads (and its Python package, which is the same code), with the same
//! result: `"__metadata__": null`, keys that nobody knows in a tensor's entry, spaces around the JSON, tensors of no numbers,
//! of no dimensions and of every type, in any order. Its own `read_metadata` is not used, since its errors leave out names
//! and numbers. What it reads and this does not is what may not happen without a word:
//!
//! - two entries of one name, of which it keeps the last (in `__metadata__` both do);
//! - offsets so large that its sum of them and the header's length overflows to the file's size.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use safetensors::tensor::{TensorInfo, TensorView};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Value, json};

use super::kind::kind;

/// The same limit as in the `safetensors` crate.
const LONGEST: u64 = 100_000_000;
const LENGTH_BYTES: usize = size_of::<u64>();
const TWICE: &str = "two entries are called";

/// What a header says.
pub(super) struct Header {
    /// Where the data section begins: the length field and the JSON end here.
    pub(super) data_start: usize,
    pub(super) metadata: HashMap<String, String>,
    /// By offset, without holes or overlaps. Offsets count from `data_start`.
    pub(super) tensors: Vec<(String, TensorInfo)>,
}

impl Header {
    /// Reads the header of a whole file. The error is the reason, without the file's name.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let json = json_bytes(file)?;
        let data_start = LENGTH_BYTES + json.len();
        let broken = |e: &dyn fmt::Display| format!("the safetensors header is broken: {e}");
        let json = std::str::from_utf8(json).map_err(|e| broken(&e))?;
        let Entries { metadata, tensors: Tensors(mut tensors) } =
            serde_json::from_str(json).map_err(|e| broken(&e))?;
        let metadata = metadata.unwrap_or_default();
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        check_offsets(&tensors, file.len() - data_start)?;
        Ok(Self { data_start, metadata, tensors })
    }
}

fn json_bytes(file: &[u8]) -> Result<&[u8], String> {
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(format!("not a safetensors file: {} bytes are too few for a header", file.len()));
    };
    let length = u64::from_le_bytes(*length);
    if length > rest.len() as u64 {
        if let Some(kind) = kind(file) {
            return Err(format!("{kind}, not a safetensors file"));
        }
        return Err(format!(
            "the safetensors header should have {length} bytes, but only {} follow: cut short, or another format",
            rest.len()
        ));
    }
    if length > LONGEST {
        return Err(format!("the safetensors header has {length} bytes, more than the {LONGEST} allowed"));
    }
    Ok(&rest[..length as usize])
}

/// Every tensor must start where the one before it ends, be as long as its type and shape say, and end in the file.
fn check_offsets(tensors: &[(String, TensorInfo)], data_len: usize) -> Result<(), String> {
    let mut end = 0;
    for (name, info) in tensors {
        let (from, to) = info.data_offsets;
        if from < end {
            return Err(format!("tensor {name:?} starts at byte {from}, inside the one that ends at {end}"));
        }
        if from > end {
            return Err(format!("a hole of {} bytes before tensor {name:?} at byte {from}", from - end));
        }
        if to < from {
            return Err(format!("tensor {name:?} ends at byte {to}, before its start at {from}"));
        }
        let Some(len) = byte_len(info) else {
            return Err(format!("tensor {name:?}: no size for {} {:?}", info.dtype, info.shape));
        };
        if to - from != len {
            let found = to - from;
            return Err(format!(
                "tensor {name:?}: {} {:?} takes {len} bytes, but its offsets hold {found}",
                info.dtype, info.shape
            ));
        }
        if to > data_len {
            return Err(format!(
                "tensor {name:?} ends at byte {to} of the data, but the file has {data_len}: cut short or damaged"
            ));
        }
        end = to;
    }
    match data_len - end {
        0 => Ok(()),
        left => Err(format!("{left} bytes after the last tensor belong to none")),
    }
}

/// How many bytes the type and the shape call for; `None` when that overflows or is no whole number.
fn byte_len(info: &TensorInfo) -> Option<usize> {
    let elements = info.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    let bits = elements.checked_mul(info.dtype.bitsize())?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

/// A header for tensors that lie one after the other: name, type, shape and bytes of each. Length and JSON, with spaces up to
/// a multiple of `alignment` bytes, where the first tensor begins.
pub(crate) fn write_header<'a>(
    tensors: impl Iterator<Item = (&'a str, String, &'a [usize], usize)>,
    metadata: Value,
    alignment: usize,
) -> Vec<u8> {
    let mut entries = BTreeMap::from([("__metadata__", metadata)]);
    let mut start = 0;
    for (name, dtype, shape, bytes) in tensors {
        let end = start + bytes;
        entries.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let json = json!(entries).to_string();
    let len = (LENGTH_BYTES + json.len()).next_multiple_of(alignment);
    let mut header = ((len - LENGTH_BYTES) as u64).to_le_bytes().to_vec();
    header.extend(json.as_bytes());
    header.resize(len, b' ');
    header
}

/// The header's JSON, told apart by the same rules as in the `safetensors` crate, whose own structure is like this one but
/// for the tensors.
#[derive(Deserialize)]
struct Entries {
    #[serde(rename = "__metadata__")]
    metadata: Option<HashMap<String, String>>,
    #[serde(flatten)]
    tensors: Tensors,
}

/// In the header's order, each under a name of its own.
struct Tensors(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TensorsVisitor)
    }
}

struct TensorsVisitor;

impl<'de> Visitor<'de> for TensorsVisitor {
    type Value = Tensors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensors, A::Error> {
        let (mut tensors, mut names) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("{TWICE} {name:?}")));
            }
            let info = map.next_value();
            let info = info.map_err(|e: A::Error| A::Error::custom(format_args!("{name:?}: {e}")))?;
            tensors.push((name, info));
        }
        Ok(Tensors(tensors))
    }
}

type Views<'a> = Vec<(String, TensorView<'a>)>;

/// Reads a file in memory: its metadata, and its tensors in file order. What the fuzzer compares with the `safetensors`
/// crate. The error is the reason; of what the crate reads it is one that [`Header`] lists.
#[doc(hidden)]
pub fn fuzz_safetensors(file: &[u8]) -> Result<(HashMap<String, String>, Views<'_>), String> {
    let Header { data_start, metadata, tensors } = Header::parse(file)?;
    let view = |(name, TensorInfo { dtype, shape, data_offsets: (from, to) })| {
        let view = TensorView::new(dtype, shape, &file[data_start..][from..to]).map_err(|e| e.to_string())?;
        Ok((name, view))
    };
    Ok((metadata, tensors.into_iter().map(view).collect::<Result<_, String>>()?))
}
