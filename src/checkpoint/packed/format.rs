//! What makes a file a packed model that this version reads, and what to say of any other file.

use std::path::Path;

use super::ALIGNMENT;
use crate::{
    checkpoint::weights::Weights,
    options::{NumberType, Precision},
};

pub(super) const FORMAT: &str = "nimbert";
pub(super) const FORMAT_VERSION: u32 = 3;
pub(super) const PANEL_LAYOUT: &str = "n32k4";
/// What a file can need to be understood beside what every file has, so that none is half understood: a later version may add
/// to it without another format.
pub(super) const SENTENCE: &str = "sentence";
pub(super) const CROSS_ENCODER: &str = "cross_encoder";
pub(super) const UNIGRAM: &str = "unigram";
pub(super) const BPE: &str = "bpe";

pub(super) const NOT_PACKED: &str = "a safetensors file, but not a packed model";

/// What to name instead of a file that is no packed model.
pub(super) fn advice(path: &Path) -> String {
    match path.parent().filter(|dir| dir.join("config.json").is_file()) {
        Some(dir) => {
            let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
            format!("part of a checkpoint: name its directory, {}", dir.display())
        }
        None => "neither a packed model (see `nimbert pack`) nor a checkpoint's directory".to_owned(),
    }
}

pub(super) fn metadata<'a>(weights: &'a Weights, key: &str) -> Result<&'a str, String> {
    weights.metadata().get(key).map(String::as_str).ok_or_else(|| format!("the metadata lacks {key:?}"))
}

pub(super) fn check_format(weights: &Weights) -> Result<(), String> {
    if weights.metadata().get("format").is_none_or(|format| format != FORMAT) {
        return Err(NOT_PACKED.to_owned());
    }
    let version = metadata(weights, "format_version")?;
    match version.parse::<u32>() {
        Ok(FORMAT_VERSION) => {}
        Ok(newer) if newer > FORMAT_VERSION => {
            return Err(format!("format version {newer} is newer than this program's {FORMAT_VERSION}"));
        }
        Ok(older @ 1..) => {
            let advice = "pack the checkpoint again";
            return Err(format!(
                "format version {older} is older than this program's {FORMAT_VERSION}: {advice}"
            ));
        }
        _ => return Err(format!("unknown format version {version:?}")),
    }
    for need in metadata(weights, "needs")?.split_whitespace() {
        if ![SENTENCE, CROSS_ENCODER, UNIGRAM, BPE].contains(&need) {
            return Err(format!("needs {need:?}, which this program does not know: a newer one reads it"));
        }
    }
    let layout = metadata(weights, "panel_layout")?;
    if layout != PANEL_LAYOUT {
        return Err(format!("panel_layout is {layout:?}, this program knows {PANEL_LAYOUT:?}"));
    }
    Ok(())
}

pub(super) fn stored_precision(weights: &Weights) -> Result<NumberType, String> {
    let name = metadata(weights, "precision")?;
    match name.parse() {
        Ok(Precision::F32) => Ok(NumberType::F32),
        Ok(Precision::F16) => Ok(NumberType::F16),
        Ok(Precision::Int8) => Ok(NumberType::Int8),
        Ok(Precision::Auto) | Err(_) => {
            Err(format!("precision is {name:?}, this program knows \"int8\", \"f16\" and \"f32\""))
        }
    }
}

pub(super) fn check_alignment(weights: &Weights, address: usize) -> Result<(), String> {
    match address % ALIGNMENT {
        0 => {}
        past => {
            return Err(format!(
                "in memory it must start on a {ALIGNMENT}-byte boundary, not {past} bytes past one"
            ));
        }
    }
    for (_, _, header_len) in weights.files() {
        if !header_len.is_multiple_of(ALIGNMENT) {
            return Err(format!("the data starts at byte {header_len}, not at a multiple of {ALIGNMENT}"));
        }
    }
    match weights.raw().find(|(_, bytes)| !bytes.len().is_multiple_of(ALIGNMENT)) {
        Some((name, bytes)) => {
            Err(format!("tensor {name:?} has {} bytes, not a multiple of {ALIGNMENT}", bytes.len()))
        }
        None => Ok(()),
    }
}
