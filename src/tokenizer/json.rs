//! `tokenizer.json`: the parts of it that describe a BERT tokenizer, and refusal of all others by name.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    spec::{self, AddedToken, PostProcessing, PreTokenization, Spec},
    vocabulary::{TokenIds, Vocabulary},
};
use crate::error::{Error, Result};

/// The file. `truncation` and `padding` are the caller's business, and nothing is ever decoded.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(default)]
    added_tokens: Value,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

#[derive(Deserialize)]
struct Model<'a> {
    /// Files from before 2021 do not say.
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    #[serde(borrow)]
    vocab: TokenIds<'a>,
}

/// `[CLS]` and `[SEP]` with their ids.
#[derive(Deserialize)]
struct PostProcessor {
    cls: (String, u32),
    sep: (String, u32),
}

/// Reads the text of a `tokenizer.json`; `path` only names the file in errors.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<(Spec, Vocabulary)> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| not_this_kind(bytes, error, path))?;
    refuse_other("model", file.model.kind.as_deref().unwrap_or(MODEL), &[MODEL], path)?;
    refuse_other("pre_tokenizer", kind(&file.pre_tokenizer), &["BertPreTokenizer"], path)?;
    refuse_other("normalizer", kind(&file.normalizer), &["BertNormalizer"], path)?;
    let normalizer = serde_json::from_value(file.normalizer)
        .map_err(|error| Error::tokenizer(path, format!("normalizer: {error}")))?;
    let added_tokens = Option::<Vec<AddedToken>>::deserialize(file.added_tokens)
        .map_err(|error| Error::tokenizer(path, format!("added_tokens: {error}")))?
        .unwrap_or_default();
    let special = post_processor(&file.post_processor, path)?;
    let vocabulary = Vocabulary::new(file.model.vocab.0, path)?;

    for (token, id) in [&special.cls, &special.sep] {
        if vocabulary.get(token) != Some(*id)
            && !added_tokens.iter().any(|added| added.id == Some(*id) && added.content == *token)
        {
            let reason = format!("post_processor: the vocabulary lacks {token} with the id {id}");
            return Err(Error::tokenizer(path, reason));
        }
    }
    let model = spec::Model::WordPiece {
        unk_token: file.model.unk_token,
        continuing_subword_prefix: file.model.continuing_subword_prefix,
        max_input_chars_per_word: file.model.max_input_chars_per_word,
    };
    let spec = Spec {
        normalizer,
        pre_tokenizer: PreTokenization::BertPreTokenizer,
        model,
        post_processor: PostProcessing::BertProcessing { cls: special.cls.0, sep: special.sep.0 },
        added_tokens,
        split_special_tokens: false,
        model_max_length: None,
        mask_token: None,
    };
    Ok((spec, vocabulary))
}

const MODEL: &str = "WordPiece";

/// Other models have other keys: name the model where that is why the file was not understood.
fn not_this_kind(bytes: &[u8], error: serde_json::Error, path: &Path) -> Error {
    #[derive(Deserialize)]
    struct Probe {
        model: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let refused = serde_json::from_slice::<Probe>(bytes)
        .ok()
        .and_then(|probe| refuse_other("model", &probe.model.kind, &[MODEL], path).err());
    refused.unwrap_or_else(|| Error::json(path)(error))
}

fn refuse_other(part: &str, kind: &str, accepted: &[&str], path: &Path) -> Result<()> {
    if accepted.contains(&kind) {
        return Ok(());
    }
    let reason = format!("{part}: {kind:?} is not supported, only {}", accepted.join(" and "));
    Err(Error::tokenizer(path, reason))
}

fn kind(part: &Value) -> &str {
    part.get("type").and_then(Value::as_str).unwrap_or("none")
}

/// `BertProcessing`, or the `TemplateProcessing` that does the same.
fn post_processor(value: &Value, path: &Path) -> Result<PostProcessor> {
    refuse_other("post_processor", kind(value), &["BertProcessing", "TemplateProcessing"], path)?;
    if kind(value) == "BertProcessing" {
        return PostProcessor::deserialize(value).map_err(Error::json(path));
    }
    bert_template(value).ok_or_else(|| {
        let reason = "post_processor: a template other than BERT's [CLS] A [SEP] and [CLS] A [SEP] B [SEP]";
        Error::tokenizer(path, reason)
    })
}

fn bert_template(value: &Value) -> Option<PostProcessor> {
    let cls = value.pointer("/single/0/SpecialToken/id")?.as_str()?;
    let sep = value.pointer("/single/2/SpecialToken/id")?.as_str()?;
    let special = |token: &str, kind: u32| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
    let single = json!([special(cls, 0), sequence("A", 0), special(sep, 0)]);
    let pair = json!([special(cls, 0), sequence("A", 0), special(sep, 0), sequence("B", 1), special(sep, 1)]);
    let id = |token: &str| {
        let ids = value.get("special_tokens")?.get(token)?.get("ids")?.as_array()?;
        let [id] = ids.as_slice() else { return None };
        u32::try_from(id.as_u64()?).ok()
    };
    let found = PostProcessor { cls: (cls.to_owned(), id(cls)?), sep: (sep.to_owned(), id(sep)?) };
    (value.get("single") == Some(&single) && value.get("pair") == Some(&pair)).then_some(found)
}
