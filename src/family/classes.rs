//! The classes that transformers has for each family: what a model's last part is, and the keys that say more of it.

use serde_json::{Map, Value, json};

use crate::{
    config::{Config, File, Head, Sequence},
    error::Result,
    tasks::Scoring,
};

/// The names of a family's classes.
pub(super) struct Classes {
    pub(super) sequence: &'static str,
    pub(super) token: &'static str,
    pub(super) span: &'static str,
    pub(super) masked: &'static str,
    /// What it was trained as: a masked language model, and something that is not read.
    pub(super) pretrained: Option<&'static str>,
    pub(super) encoder: &'static str,
    /// Classes whose encoder is read; what else they have is not.
    pub(super) others: &'static [&'static str],
}

/// The classes whose names begin alike.
macro_rules! classes {
    ($stem:literal, $pretrained:expr, $others:expr) => {
        $crate::family::classes::Classes {
            sequence: concat!($stem, "ForSequenceClassification"),
            token: concat!($stem, "ForTokenClassification"),
            span: concat!($stem, "ForQuestionAnswering"),
            masked: concat!($stem, "ForMaskedLM"),
            pretrained: $pretrained,
            encoder: concat!($stem, "Model"),
            others: $others,
        }
    };
}
pub(super) use classes;

impl Classes {
    /// That of the class which is named, or of a sequence classifier where none is.
    pub(super) fn head(&self, file: &File<'_>) -> Result<Head> {
        let named = match file.get("architectures") {
            Some(Value::Array(names)) if names.is_empty() => None,
            other => other,
        };
        let is = |class: &str| match named {
            None => class == self.sequence,
            Some(named) => named.as_array().is_some_and(|names| names.contains(&json!(class))),
        };
        if is(self.sequence) {
            let (labels, problem_type) = (file.labels()?, file.problem_type()?);
            let scoring = Scoring::new(problem_type.as_deref(), labels.len());
            return Ok(Head::Sequence(Sequence {
                labels,
                scoring,
                problem_type,
                activation: file.activation()?,
            }));
        }
        if is(self.token) {
            return Ok(Head::Token { labels: file.labels()? });
        }
        if is(self.span) {
            return Ok(Head::Span);
        }
        if is(self.masked) || self.pretrained.is_some_and(is) {
            return Ok(Head::Masked { tied: file.flag("tie_word_embeddings", true)? });
        }
        let mut encoders = std::iter::once(self.encoder).chain(self.others.iter().copied());
        if let Some(class) = encoders.find(|class| is(class)) {
            return Ok(Head::Encoder { class: class.to_owned() });
        }
        let named = named.unwrap_or(&Value::Null);
        Err(file.error("architectures", format!("{named} is none of {}", self.names().join(", "))))
    }

    fn names(&self) -> Vec<&str> {
        let Self { sequence, token, span, masked, pretrained, encoder, others } = *self;
        let read = [sequence, token, span, masked].into_iter().chain(pretrained);
        read.chain([encoder]).chain(others.iter().copied()).collect()
    }

    /// That of a model with this head.
    pub(super) fn class<'a>(&'a self, head: &'a Head) -> &'a str {
        match head {
            Head::Sequence(_) => self.sequence,
            Head::Token { .. } => self.token,
            Head::Span => self.span,
            Head::Masked { .. } => self.masked,
            Head::Encoder { class } => class,
        }
    }

    /// Adds to a `config.json` what [`Classes::head`] reads of it.
    pub(super) fn describe(&self, config: &Config, json: &mut Value) {
        let class = match &config.head {
            // A head that was left out is none to who reads this.
            Head::Encoder { class } if !self.others.contains(&class.as_str()) => self.encoder,
            head => self.class(head),
        };
        json["architectures"] = json!([class]);
        let labels = config.labels();
        if !labels.is_empty() {
            let id2label = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
            json["id2label"] = id2label.collect::<Map<_, _>>().into();
        }
        match &config.head {
            Head::Sequence(Sequence { problem_type, activation, .. }) => {
                json["problem_type"] = json!(problem_type);
                if let Some(activation) = activation {
                    json["sentence_transformers"] = json!({ "activation_fn": activation });
                }
            }
            Head::Masked { tied } => json["tie_word_embeddings"] = json!(tied),
            Head::Token { .. } | Head::Span | Head::Encoder { .. } => {}
        }
    }
}
