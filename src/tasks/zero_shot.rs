//! Labels that a model was not trained on, by a classifier of inference (NLI): does the text entail "This example is LABEL."?
//! As the zero-shot pipeline of transformers does it (Yin, Hay and Roth, 2019).

use std::path::Path;

use super::{Scoring, of_text};
use crate::{
    encoder::Row,
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
    tokenizer::Encoding,
};

/// A classifier of inference. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{Hypotheses, Options, ZeroShot};
///
/// let model = ZeroShot::load("mDeBERTa-v3-base-mnli-xnli", Options::default(), None)?;
/// let labels = Hypotheses::new(&["film", "travel", "money"], "This text is about {}.", false)?;
/// for found in model.rank(&["The harbour pilot from Lisbon"], &labels).remove(0)?.labels {
///     println!("{:.3} {}", found.score, labels.label(found.index));
/// }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ZeroShot {
    engine: Engine,
    entailment: usize,
    contradiction: usize,
}

/// Labels, and what they say of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hypotheses {
    labels: Vec<String>,
    texts: Vec<String>,
    multi_label: bool,
}

/// The labels of one text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ZeroShotAnswer {
    /// All of them, the best first; of equals, the first.
    pub labels: Vec<Hypothesis>,
    /// Whether the text was cut to the allowed tokens. A hypothesis never is.
    pub truncated: bool,
}

/// How likely a label is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Hypothesis {
    /// Its place among those that were given, from 0.
    pub index: usize,
    /// Of all labels together 1, or with several labels to a text each by itself.
    pub score: f32,
}

impl Hypotheses {
    /// What `{}` in `template` stands for is each label. With `multi_label` a text may have several, or none, and each has a score of
    /// its own; else the scores are parts of 1. (A single label always has a score of its own.)
    ///
    /// # Errors
    /// Without labels, when one is blank or there twice, or the template has no `{}`.
    pub fn new(labels: &[&str], template: &str, multi_label: bool) -> Result<Self> {
        let refuse = |option, reason: String| Err(Error::Option { option, reason });
        if labels.is_empty() {
            return refuse("labels", "there are none".to_owned());
        }
        if !template.contains("{}") {
            return refuse("template", format!("{template:?} has no {{}}, where a label goes"));
        }
        for (i, label) in labels.iter().enumerate() {
            if label.trim().is_empty() {
                return refuse("labels", format!("label {} is blank", i + 1));
            }
            if labels[..i].contains(label) {
                return refuse("labels", format!("{label:?} is there twice"));
            }
        }
        let texts = labels.iter().map(|label| template.replace("{}", label)).collect();
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Ok(Self { labels, texts, multi_label })
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// What each label says of a text.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The label at a place.
    ///
    /// # Panics
    /// When there is none.
    pub fn label(&self, index: usize) -> &str {
        &self.labels[index]
    }
}

impl ZeroShot {
    /// Loads a checkpoint directory or a packed file. `entailment` names the label that says that the first text entails the second;
    /// `None`: the one that begins with `entail`.
    ///
    /// # Errors
    /// As [`Engine::load`]; when there is no such label, or no other.
    pub fn load(path: impl AsRef<Path>, options: Options, entailment: Option<&str>) -> Result<Self> {
        Self::new(Engine::load(path.as_ref(), options)?, entailment)
    }

    /// Reads the labels of a classifier that is loaded.
    ///
    /// # Errors
    /// When it is none; when there is no such label, or no other.
    pub fn new(engine: Engine, entailment: Option<&str>) -> Result<Self> {
        engine.check(Purpose::Classify)?;
        let labels = engine.labels();
        let found = match entailment {
            Some(name) => labels.iter().position(|label| label == name),
            None => entailment_of(labels),
        };
        let found = found.filter(|_| labels.len() > 1).ok_or_else(|| {
            let named = labels.join(", ");
            let reason = match entailment {
                Some(name) => format!("no label is called {name:?}: they are {named}"),
                None => format!("no label of {named} begins with \"entail\": name the one that means it"),
            };
            Error::Option { option: "entailment-label", reason }
        })?;
        // The pipeline's: the first label contradicts, or the last where the first entails.
        let contradiction = if found == 0 { labels.len() - 1 } else { 0 };
        Ok(Self { engine, entailment: found, contradiction })
    }

    /// The labels of each text, or an error for a text that has none. A text's are the same bits whatever the others are.
    ///
    /// # Errors
    /// Of a text: that it is longer than allowed and [`Options::on_long`] says so, that a hypothesis leaves no room for it, or that the
    /// answer is not finite. Of every text: that there is no memory.
    pub fn rank(&self, texts: &[&str], hypotheses: &Hypotheses) -> Vec<Result<ZeroShotAnswer>> {
        let encode = |(index, text): (usize, &&str)| self.engine.encode_pairs(index, text, &hypotheses.texts);
        let rows: Vec<Result<Vec<Encoding>>> = texts.iter().enumerate().map(encode).collect();
        let all = rows.iter().flatten().flatten().map(Row::from);
        let mut logits = self.engine.logits_of(all).into_iter();
        let answer = |(index, rows): (usize, Result<Vec<Encoding>>)| {
            let rows = rows?;
            let logits = of_text(&mut logits, rows.len(), index)?;
            Ok(self.answer(&rows, &logits, hypotheses))
        };
        rows.into_iter().enumerate().map(answer).collect()
    }

    /// The tokens of a text with each hypothesis: the first step of [`ZeroShot::rank`], for who computes many texts together.
    /// [`Engine::logits`] is the second, [`ZeroShot::answer`] the third.
    ///
    /// # Errors
    /// As [`ZeroShot::rank`].
    pub fn encode(&self, text: &str, hypotheses: &Hypotheses) -> Result<Vec<Encoding>> {
        self.engine.encode_pairs(0, text, &hypotheses.texts)
    }

    /// The labels of a text, from the logits of its pairs.
    ///
    /// # Panics
    /// When there are not those of each.
    pub fn answer(&self, rows: &[Encoding], logits: &[Vec<f32>], hypotheses: &Hypotheses) -> ZeroShotAnswer {
        assert!(rows.len() == logits.len() && rows.len() == hypotheses.count(), "logits of each hypothesis");
        let labels = self.ranked(logits, hypotheses.multi_label);
        ZeroShotAnswer { labels, truncated: rows.iter().any(|row| row.truncated) }
    }

    fn ranked(&self, logits: &[Vec<f32>], multi_label: bool) -> Vec<Hypothesis> {
        let mut scores: Vec<f32> = logits.iter().map(|logits| logits[self.entailment]).collect();
        if multi_label || logits.len() == 1 {
            for (score, logits) in scores.iter_mut().zip(logits) {
                let mut pair = [logits[self.contradiction], *score];
                Scoring::Softmax.apply(&mut pair);
                *score = pair[1];
            }
        } else {
            Scoring::Softmax.apply(&mut scores);
        }
        let mut ranked: Vec<_> =
            scores.into_iter().enumerate().map(|(index, score)| Hypothesis { index, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked
    }

    /// The name of the label that is read.
    pub fn entailment_label(&self) -> &str {
        &self.engine.labels()[self.entailment]
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The label that says that one text entails another, if a model's labels have one.
pub(super) fn entailment_of(labels: &[String]) -> Option<usize> {
    labels.iter().position(|label| label.to_lowercase().starts_with("entail"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_templates_are_checked() {
        let refused = |labels: &[&str], template: &str| {
            Hypotheses::new(labels, template, false).unwrap_err().to_string()
        };
        assert_eq!(refused(&[], "{}"), "labels: there are none");
        assert_eq!(refused(&["a", " "], "{}"), "labels: label 2 is blank");
        assert_eq!(refused(&["a", "b", "a"], "{}"), "labels: \"a\" is there twice");
        assert_eq!(refused(&["a"], "It is."), "template: \"It is.\" has no {}, where a label goes");
        let good = Hypotheses::new(&["a", "b"], "{} and {}.", false).unwrap();
        assert_eq!((good.count(), good.label(1), &*good.texts[1]), (2, "b", "b and b."));
    }

    #[test]
    fn the_label_of_entailment_is_found_in_any_case() {
        let find = |labels: &[&str]| entailment_of(&labels.iter().map(|&l| l.to_owned()).collect::<Vec<_>>());
        assert_eq!(find(&["contradiction", "neutral", "ENTAILMENT"]), Some(2));
        assert_eq!(find(&["entailment", "not_entailment"]), Some(0));
        assert_eq!(find(&["Star_1", "Star_2"]), None);
    }
}
