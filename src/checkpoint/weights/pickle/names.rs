//! What a state dict may ask for, by its name in Python.

use safetensors::Dtype;

/// All that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

/// The function of a name, if it is one of them.
pub(super) fn function(module: &str, name: &str) -> Option<Function> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Function::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Function::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Function::RebuildParameter,
        ("torch", "FloatStorage") => Function::Storage(Dtype::F32),
        ("torch", "HalfStorage") => Function::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Function::Storage(Dtype::BF16),
        ("torch", "DoubleStorage") => Function::Storage(Dtype::F64),
        ("torch", "LongStorage") => Function::Storage(Dtype::I64),
        ("torch", "IntStorage") => Function::Storage(Dtype::I32),
        ("torch", "ShortStorage") => Function::Storage(Dtype::I16),
        ("torch", "CharStorage") => Function::Storage(Dtype::I8),
        ("torch", "ByteStorage") => Function::Storage(Dtype::U8),
        ("torch", "BoolStorage") => Function::Storage(Dtype::BOOL),
        _ => return None,
    })
}

/// Its name in `pickletools`, of those that one may come across.
pub(super) fn instruction(code: u8) -> String {
    let name = match code {
        0x82..=0x84 => "EXT",
        b'P' => "PERSID",
        b'F' => "FLOAT",
        b'I' | b'L' => "INT",
        b'S' | b'V' | b'T' | b'U' => "STRING",
        b'd' => "DICT",
        b'l' => "LIST",
        b'g' => "GET",
        b'p' => "PUT",
        0x96..=0x98 => "BUFFER",
        _ => return format!("{code:#04x}"),
    };
    format!("{name} ({code:#04x})")
}
