//! What a request has as its inputs: one text or several, pairs, or tokens. Each protocol has its own grammar.

use serde_json::Value;

use super::{
    failure::Failure,
    fields::{Fields, kind},
    served::{Input, Truncation},
};

/// Inputs, and whether they were given as one that stands by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) all: Vec<Input>,
    pub(super) is_one: bool,
}

/// Text that is one or several: `"a"`, `["a", "b"]`.
pub(super) fn texts(value: Value, key: &str) -> Result<(Vec<String>, bool), Failure> {
    match value {
        Value::String(text) => Ok((vec![text], true)),
        Value::Array(all) => {
            let each = |(i, value)| string(value, &format!("{key}[{i}]"));
            Ok((all.into_iter().enumerate().map(each).collect::<Result<_, _>>()?, false))
        }
        other => Err(Failure::validation(format!(
            "`{key}` is {}, expected a string or a list of strings",
            kind(&other)
        ))),
    }
}

fn string(value: Value, place: &str) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Failure::validation(format!("`{place}` is {}, expected a string", kind(&other)))),
    }
}

/// Of the hosted inference API: a list of strings is several texts; a pair is `{"text": …, "text_pair": …}`.
pub(super) fn of_pipeline(value: Value) -> Result<Inputs, Failure> {
    let input = |value: Value, place: &str| match value {
        Value::String(text) => Ok(Input::Text(text)),
        Value::Object(_) => {
            let mut fields = Fields::new(value, place)?;
            let (text, pair) = (fields.need("text")?, fields.take("text_pair")?);
            fields.end("text, text_pair")?;
            Ok(match pair {
                Some(pair) => Input::Pair(text, pair),
                None => Input::Text(text),
            })
        }
        other => Err(Failure::validation(format!(
            "`{place}` is {}, expected a string, or an object with text and text_pair",
            kind(&other)
        ))),
    };
    match value {
        Value::Array(all) => {
            let each = |(i, value)| input(value, &format!("inputs[{i}]"));
            let all = all.into_iter().enumerate().map(each).collect::<Result<_, _>>()?;
            Ok(Inputs { all, is_one: false })
        }
        one => Ok(Inputs { all: vec![input(one, "inputs")?], is_one: true }),
    }
}

/// Of text-embeddings-inference's `/predict`: `"a"` and `["a"]` are one text, `["a", "b"]` is one pair, and a list of lists is several of
/// either.
pub(super) fn of_predict(value: Value) -> Result<Inputs, Failure> {
    let wrong = |found: &str| {
        Failure::validation(format!(
            "`inputs` {found}: expected a text, a pair [first, second], or a list of [text] and [first, second]"
        ))
    };
    let sequence = |mut texts: Vec<String>| match texts.len() {
        1 => Ok(Input::Text(texts.remove(0))),
        2 => {
            let second = texts.remove(1);
            Ok(Input::Pair(texts.remove(0), second))
        }
        n => Err(wrong(&format!("has a list of {n} strings"))),
    };
    let strings = |all: Vec<Value>| -> Result<Vec<String>, Failure> {
        let each = |(i, value)| string(value, &format!("inputs[{i}]"));
        all.into_iter().enumerate().map(each).collect()
    };
    match value {
        Value::String(text) => Ok(Inputs { all: vec![Input::Text(text)], is_one: true }),
        Value::Array(all) if all.iter().any(Value::is_array) => {
            let each = |value| match value {
                Value::Array(texts) => sequence(strings(texts)?),
                other => Err(wrong(&format!("has {} among lists", kind(&other)))),
            };
            Ok(Inputs { all: all.into_iter().map(each).collect::<Result<_, _>>()?, is_one: false })
        }
        // Not the deserialization error that it is there.
        Value::Array(all) if all.is_empty() => Ok(Inputs { all: Vec::new(), is_one: false }),
        Value::Array(all) => Ok(Inputs { all: vec![sequence(strings(all)?)?], is_one: true }),
        other => Err(wrong(&format!("is {}", kind(&other)))),
    }
}

/// Of `/embed` and `/v1/embeddings`: a text, tokens, or a list of these.
pub(super) fn of_embed(value: Value, key: &str) -> Result<Inputs, Failure> {
    let ids = |all: Vec<Value>, place: &str| {
        let id = |(i, value): (usize, Value)| {
            let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
            id.ok_or_else(|| Failure::validation(format!("`{place}[{i}]` is no token id")))
        };
        all.into_iter().enumerate().map(id).collect::<Result<Vec<_>, _>>()
    };
    match value {
        Value::String(text) => Ok(Inputs { all: vec![Input::Text(text)], is_one: true }),
        Value::Array(all) if all.first().is_some_and(Value::is_number) => {
            Ok(Inputs { all: vec![Input::Ids(ids(all, key)?)], is_one: true })
        }
        Value::Array(all) => {
            let each = |(i, value)| {
                let place = format!("{key}[{i}]");
                match value {
                    Value::String(text) => Ok(Input::Text(text)),
                    Value::Array(list) => Ok(Input::Ids(ids(list, &place)?)),
                    other => Err(Failure::validation(format!(
                        "`{place}` is {}, expected a string or a list of token ids",
                        kind(&other)
                    ))),
                }
            };
            let all = all.into_iter().enumerate().map(each).collect::<Result<_, _>>()?;
            Ok(Inputs { all, is_one: false })
        }
        other => Err(Failure::validation(format!(
            "`{key}` is {}, expected a string, a list of token ids, or a list of these",
            kind(&other)
        ))),
    }
}

/// `truncate`, true unless said otherwise, and `truncation_direction`, right unless said otherwise.
pub(super) fn truncation(fields: &mut Fields) -> Result<Truncation, Failure> {
    let truncate: Option<bool> = fields.take("truncate")?;
    let direction: Option<String> = fields.take("truncation_direction")?;
    let kept = match direction.as_deref() {
        None | Some("right" | "Right") => Truncation::KeepStart,
        Some("left" | "Left") => Truncation::KeepEnd,
        Some(other) => {
            let message = format!("`truncation_direction`: {other:?} is neither \"left\" nor \"right\"");
            return Err(Failure::validation(message));
        }
    };
    Ok(if truncate == Some(false) { Truncation::Refuse } else { kept })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    fn pair(first: &str, second: &str) -> Input {
        Input::Pair(first.to_owned(), second.to_owned())
    }

    #[test]
    fn two_strings_are_two_texts_or_one_pair() {
        let two = json!(["a", "b"]);
        assert_eq!(
            of_pipeline(two.clone()).unwrap(),
            Inputs { all: vec![text("a"), text("b")], is_one: false }
        );
        assert_eq!(of_predict(two.clone()).unwrap(), Inputs { all: vec![pair("a", "b")], is_one: true });
        assert_eq!(
            of_embed(two, "input").unwrap(),
            Inputs { all: vec![text("a"), text("b")], is_one: false }
        );
    }

    #[test]
    fn predict_takes_singles_and_pairs_together() {
        let found = of_predict(json!([["a"], ["b", "c"]])).unwrap();
        assert_eq!(found, Inputs { all: vec![text("a"), pair("b", "c")], is_one: false });
        assert_eq!(of_predict(json!(["a"])).unwrap(), Inputs { all: vec![text("a")], is_one: true });
        for bad in [json!(["a", "b", "c"]), json!([["a"], "b"]), json!([[]]), json!(3), json!([1]), json!({})]
        {
            assert!(of_predict(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_are_one_input_or_several() {
        let found = of_embed(json!([5, 6]), "input").unwrap();
        assert_eq!(found, Inputs { all: vec![Input::Ids(vec![5, 6])], is_one: true });
        let found = of_embed(json!(["a", [7]]), "input").unwrap();
        assert_eq!(found, Inputs { all: vec![text("a"), Input::Ids(vec![7])], is_one: false });
        for bad in [json!([1, "a"]), json!([[-1]]), json!([[1.5]]), json!([[4294967296_u64]]), json!(null)] {
            assert!(of_embed(bad.clone(), "input").is_err(), "{bad}");
        }
    }
}
