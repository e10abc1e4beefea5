//! The one command that makes a checkpoint readable which has its tensors under other names, or deeper down. It is only
//! ever told: nothing of it is run here.
//!
//! The file that was there stays beside the new one, with `.whole` after its name.

use std::{borrow::Cow, collections::HashSet, path::Path};

use super::INDEX;
use crate::family::PREFIXES;

/// The name that every BERT has, without what may come before it.
const WORDS: &str = "embeddings.word_embeddings.weight";

/// What stands before the names of a BERT's tensors and should not, such as `module.`; `None` where there is none, or where
/// names without it would be those of other tensors.
pub(super) fn prefix<'a>(names: &[&'a str]) -> Option<&'a str> {
    let before =
        names.iter().find_map(|name| name.strip_suffix(WORDS).filter(|before| !before.is_empty()))?;
    let prefix = PREFIXES.iter().find_map(|model| before.strip_suffix(model)).unwrap_or(before);
    let mut seen = HashSet::new();
    let stay_apart = names.iter().all(|name| seen.insert(name.strip_prefix(prefix).unwrap_or(name)));
    (prefix.ends_with('.') && stay_apart).then_some(prefix)
}

/// Whether one of the names is that of BERT's words.
pub(super) fn is_bert(names: &[&str]) -> bool {
    names.iter().any(|name| name.ends_with(WORDS))
}

/// How a new `pytorch_model.bin` is made of `path`: `tensors` is Python for the dictionary to be saved, of what is loaded as
/// `d`. Where loading it makes objects of other classes than tensors, PyTorch has to be told that it may.
pub(super) fn torch_command(path: &Path, tensors: &str, makes_objects: bool) -> String {
    let trust = if makes_objects { ", weights_only=False" } else { "" };
    let code = format!(
        "import os, sys, torch; p = sys.argv[1]; d = torch.load(p, map_location=\"cpu\"{trust}); t = {tensors}; \
         os.rename(p, p + \".whole\"); torch.save(t, p)"
    );
    python(&code, path)
}

/// How the names in the file or the shards' index at `path` lose their prefix. Shards become one file, which is preferred
/// to them.
pub(super) fn rename_command(path: &Path, prefix: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (file, is_index) = name.strip_suffix(INDEX).map_or((&*name, false), |file| (file, true));
    let tensors = without_prefix("d", prefix);
    let is_safetensors = file.ends_with(".safetensors");
    if !is_index && !is_safetensors {
        return torch_command(path, &tensors, false);
    }
    let (import, load, save) = if is_safetensors {
        let import = "from safetensors.torch import load_file as load, save_file";
        (import, "load(p)", "save_file(t, p, {\"format\": \"pt\"})")
    } else {
        ("from torch import load, save", "load(p, map_location=\"cpu\")", "save(t, p)")
    };
    let code = if is_index {
        format!(
            "import json, os, sys; {import}; i = sys.argv[1]; \
             f = sorted(set(json.load(open(i))[\"weight_map\"].values())); \
             d = {{k: v for p in f for k, v in {}.items()}}; t = {tensors}; p = i.removesuffix(\"{INDEX}\"); {save}",
            load.replace("(p", "(os.path.join(os.path.dirname(i), p)")
        )
    } else {
        format!(
            "import os, sys; {import}; p = sys.argv[1]; d = {load}; t = {tensors}; os.rename(p, p + \".whole\"); {save}"
        )
    };
    python(&code, path)
}

fn python(code: &str, path: &Path) -> String {
    format!("python3 -c {} {}", quoted(code), quoted(&path.display().to_string()))
}

/// Python for the dictionary `of` without a prefix in its names.
pub(super) fn without_prefix(of: &str, prefix: &str) -> String {
    format!("{{k.removeprefix({}): v for k, v in {of}.items()}}", literal(prefix))
}

/// A string as Python has it: JSON's are a subset.
pub(super) fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One word for a shell.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_what_stands_before_the_words_and_is_not_the_model_s_own() {
        let found = |names: &[&'static str]| prefix(names);
        assert_eq!(found(&["bert.embeddings.word_embeddings.weight", "classifier.weight"]), None);
        assert_eq!(found(&["embeddings.word_embeddings.weight"]), None);
        assert_eq!(found(&["a", "module.bert.embeddings.word_embeddings.weight"]), Some("module."));
        assert_eq!(
            found(&["_orig_mod.module.bert.embeddings.word_embeddings.weight"]),
            Some("_orig_mod.module.")
        );
        assert_eq!(
            found(&["bert_model.embeddings.word_embeddings.weight", "classifier.bias"]),
            Some("bert_model.")
        );
        assert_eq!(found(&["my_embeddings.word_embeddings.weight"]), None);
        let clash = ["m.bert.embeddings.word_embeddings.weight", "m.classifier.bias", "classifier.bias"];
        assert_eq!(found(&clash), None);
    }

    #[test]
    fn commands_are_quoted_for_the_shell_and_for_python() {
        let path = Path::new("it's a/pytorch_model.bin");
        let command = torch_command(path, &format!("d[{}]", literal("a'b\"c\n")), false);
        assert!(command.ends_with(r"'it'\''s a/pytorch_model.bin'"), "{command}");
        assert!(command.contains(r#"t = d["a'\''b\"c\n"];"#) && !command.contains('\n'), "{command}");
        let plain = rename_command(Path::new("a/model.safetensors"), "module.");
        assert!(plain.ends_with("' a/model.safetensors"), "{plain}");
        assert!(plain.contains(r#"{k.removeprefix("module."): v for k, v in d.items()}"#), "{plain}");
    }
}
