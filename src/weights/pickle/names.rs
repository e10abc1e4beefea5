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

/// The function of a name, or a refusal.
pub(super) fn function(module: &str, name: &str) -> Result<Function, String> {
    Ok(match (module, name) {
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
        _ => {
            let name: String = format!("{module}.{name}").chars().take(200).collect();
            return Err(format!(
                "it asks for {name:?}, which no state dict needs: refused, it could run code"
            ));
        }
    })
}

/// Its name in `pickletools`, of those that one may come across.
pub(super) fn instruction(code: u8) -> String {
    let name = match code {
        b'i' => "INST",
        b'o' => "OBJ",
        0x81 => "NEWOBJ",
        0x92 => "NEWOBJ_EX",
        0x82..=0x84 => "EXT",
        b'P' => "PERSID",
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'B' | b'C' | 0x8e => "BINBYTES",
        b'G' => "BINFLOAT",
        b'I' | b'L' => "INT",
        b'S' | b'V' => "STRING",
        _ => return format!("{code:#04x}"),
    };
    format!("{name} ({code:#04x})")
}
