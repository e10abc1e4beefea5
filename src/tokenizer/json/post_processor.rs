//! The special tokens of a `tokenizer.json`, which names them with their ids.

use serde::Deserialize;
use serde_json::Value;

use crate::tokenizer::spec::{Part as _, PostProcessing, SequenceId, TemplatePiece};

/// Which special tokens the part names with their ids. In its place it has their names alone afterwards.
pub(super) fn special_tokens(part: &mut Value) -> Result<Vec<(String, u32)>, String> {
    let mut tokens = Vec::new();
    for part in part.get_mut(PostProcessing::PARTS).and_then(Value::as_array_mut).into_iter().flatten() {
        tokens.extend(special_tokens(part)?);
    }
    let Some(part) = part.as_object_mut() else { return Ok(tokens) };
    for key in ["cls", "sep"] {
        if let Some(value) = part.get_mut(key) {
            let (token, id) =
                <(String, u32)>::deserialize(&*value).map_err(|error| format!("{key}: {error}"))?;
            *value = token.clone().into();
            tokens.push((token, id));
        }
    }
    if part.get("type").and_then(Value::as_str) == Some("TemplateProcessing") {
        let special = part.remove("special_tokens").unwrap_or_default();
        for key in ["single", "pair"] {
            for piece in part.get(key).and_then(Value::as_array).into_iter().flatten() {
                let Some(token) = piece.pointer("/SpecialToken/id").and_then(Value::as_str) else { continue };
                let ids = special.get(token).and_then(|token| token.get("ids")).and_then(Value::as_array);
                let id = match ids.map(Vec::as_slice) {
                    Some([id]) => id.as_u64().and_then(|id| u32::try_from(id).ok()),
                    _ => None,
                };
                tokens.push((
                    token.to_owned(),
                    id.ok_or_else(|| format!("special_tokens: {token:?} has not one id"))?,
                ));
            }
        }
    }
    Ok(tokens)
}

/// A template that is BERT's in the form in which BERT has it.
pub(super) fn as_bert(processing: PostProcessing) -> PostProcessing {
    use TemplatePiece::{Sequence, SpecialToken};
    let PostProcessing::TemplateProcessing { single, pair } = &processing else { return processing };
    let [
        SpecialToken { id: cls, type_id: 0 },
        Sequence { id: SequenceId::A, type_id: 0 },
        SpecialToken { id: sep, type_id: 0 },
    ] = single.as_slice()
    else {
        return processing;
    };
    let second = [Sequence { id: SequenceId::B, type_id: 1 }, SpecialToken { id: sep.clone(), type_id: 1 }];
    if pair[..] == [single.as_slice(), &second].concat() {
        return PostProcessing::BertProcessing { cls: cls.clone(), sep: sep.clone() };
    }
    processing
}
