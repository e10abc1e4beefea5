//! Texts that name a file or a model, which was meant more often than its name.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::error::ErrorKind;

use crate::{hint, shorten::shorten, usage_error};

/// Characters of a suggested command.
const COMMAND: usize = 300;

/// A text that names a model is an error that says the right command; of one that names another file that is a hint.
pub(crate) fn check(command: &str, texts: &[String]) -> Result<()> {
    for (at, text) in texts.iter().enumerate() {
        let Some(model) = model(Path::new(text)) else { continue };
        let others = texts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, text)| quoted(text));
        let others = others.collect::<Vec<_>>().join(" ");
        let others = if others.is_empty() { "TEXT" } else { &others };
        let right = format!("nimbert {command} --model {} {others}", quoted(&model.to_string_lossy()));
        let how = format!("{text:?} is a model, not a text: {}", shorten(&right, COMMAND));
        return Err(usage_error(command, ErrorKind::ValueValidation, &how));
    }
    if let Some(text) = texts.iter().find(|text| Path::new(text).is_file()) {
        let right = format!("nimbert {command} --input {}", quoted(text));
        hint(&format!("{text:?} is a file; for its lines: {}", shorten(&right, COMMAND)));
    }
    Ok(())
}

/// What to give `--model` if this is a model: a checkpoint directory, its weights or its configuration, or a packed file.
fn model(path: &Path) -> Option<PathBuf> {
    let is_checkpoint = |directory: &Path| directory.join("config.json").is_file();
    if path.is_dir() {
        return Some(path.to_owned()).filter(|path| is_checkpoint(path));
    }
    let (name, parent) = (path.file_name()?.to_str()?, path.parent()?);
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let is_part = matches!(name, "config.json" | "model.safetensors" | "pytorch_model.bin");
    if is_part && path.is_file() && is_checkpoint(parent) {
        return Some(parent.to_owned());
    }
    is_safetensors(path).then(|| path.to_owned())
}

/// Packed files are safetensors files: eight bytes for the header's length, and the header is a JSON object.
fn is_safetensors(path: &Path) -> bool {
    let mut start = [0; 9];
    let is_read =
        path.is_file() && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok());
    is_read && start[8] == b'{' && start[4..8] == [0; 4]
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:@%+=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_suggested_command_can_be_pasted() {
        let words = ["a.txt", "", "好看", "it's", "a b", "$HOME"].map(quoted);
        assert_eq!(words, ["a.txt", "''", "好看", r"'it'\''s'", "'a b'", "'$HOME'"]);
    }
}
