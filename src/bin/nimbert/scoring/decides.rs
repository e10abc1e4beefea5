//! What models decide, so that two of them can be seen to agree.

use nimbert::{Answers, MaskFiller, Reader, Tagged, Tagger};

use super::models::{Masks, Model};

/// A model that decides something of a text, none or several times, so that two of them can be seen to agree.
pub(crate) trait Decides: Model {
    type Decision: Clone + PartialEq;
    /// Of two models, what their agreement is called.
    const AGREEMENT: &'static str;
    /// What they are.
    const DECISIONS: &'static str;

    fn decisions(answer: &Self::Answer) -> Vec<Self::Decision>;
}

impl Decides for Tagger {
    type Decision = (String, usize, usize);
    const AGREEMENT: &'static str = "entity F1";
    const DECISIONS: &'static str = "entities";

    fn decisions(answer: &Tagged) -> Vec<(String, usize, usize)> {
        answer.entities.iter().map(|entity| (entity.label.clone(), entity.start, entity.end)).collect()
    }
}

impl Decides for Reader {
    type Decision = String;
    const AGREEMENT: &'static str = "same answer";
    const DECISIONS: &'static str = "answers";

    fn decisions(answer: &Answers) -> Vec<String> {
        answer.answers.iter().take(1).map(|answer| answer.text.clone()).collect()
    }
}

impl Decides for MaskFiller {
    type Decision = (usize, usize);
    const AGREEMENT: &'static str = "same best word";
    const DECISIONS: &'static str = "masks";

    fn decisions(answer: &Masks) -> Vec<(usize, usize)> {
        answer.best.iter().copied().enumerate().collect()
    }
}
