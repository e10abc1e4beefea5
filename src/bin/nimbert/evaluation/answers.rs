//! Answers beside the right ones: exact match and F1 of their words as SQuAD's own scripts have them.

use std::collections::HashMap;

use unicode_categories::UnicodeCategories;

use super::{Table, worst::Top};

/// Which of SQuAD's scripts is followed. They differ where nothing is left of an answer but articles and punctuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// evaluate-v1.1.py: each question has an answer.
    V1,
    /// evaluate-v2.0.py: some have none.
    V2,
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Match {
    /// Whether it is a right answer's words.
    pub(crate) is_exact: bool,
    /// Of its words and a right answer's, where they have the most in common.
    pub(crate) f1: f64,
}

/// A question and what was found.
pub(crate) struct Question<'a> {
    /// File, and line or question.
    pub(crate) place: &'a str,
    pub(crate) text: &'a str,
    /// None of a question without an answer.
    pub(crate) right: &'a [String],
    /// Empty if the model found none.
    pub(crate) found: &'a str,
    /// How sure the model is of it.
    pub(crate) score: f32,
}

/// A question whose answer is not exact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mistake {
    /// File, and line or question.
    pub(crate) place: String,
    pub(crate) question: String,
    pub(crate) right: Vec<String>,
    pub(crate) found: String,
    pub(crate) score: f32,
    pub(crate) f1: f64,
}

/// Sums over questions.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    questions: usize,
    exact: usize,
    f1: f64,
}

/// All questions, counted.
#[derive(Debug)]
pub(crate) struct Questions {
    script: Script,
    answerable: Sums,
    unanswerable: Sums,
    /// The answers of the lowest F1, and of those the ones that the model was surest of.
    worst: Top<(f64, f32), Mistake>,
}

impl Script {
    /// The best that `found` is beside any of the `right` answers, of which version 1.1 must have one.
    pub(crate) fn judge(self, found: &str, right: &[String]) -> Match {
        let found = words(found);
        let mut right: Vec<_> = right.iter().map(|answer| words(answer)).collect();
        if self == Self::V2 {
            right.retain(|answer| !answer.is_empty());
            if right.is_empty() {
                right.push(Vec::new());
            }
        }
        Match {
            is_exact: right.contains(&found),
            f1: right.iter().map(|answer| self.f1(&found, answer)).fold(0.0, f64::max),
        }
    }

    fn f1(self, found: &[String], right: &[String]) -> f64 {
        if self == Self::V2 && (found.is_empty() || right.is_empty()) {
            return f64::from(u8::from(found == right));
        }
        match in_common(found, right) as f64 {
            0.0 => 0.0,
            common => {
                let (precision, recall) = (common / found.len() as f64, common / right.len() as f64);
                2.0 * precision * recall / (precision + recall)
            }
        }
    }
}

/// How many words both have, each as often as it is in both.
fn in_common(found: &[String], right: &[String]) -> usize {
    let mut left: HashMap<&str, usize> = HashMap::new();
    right.iter().for_each(|word| *left.entry(word).or_default() += 1);
    let mut common = 0;
    for word in found {
        if let Some(left) = left.get_mut(word.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            common += 1;
        }
    }
    common
}

/// The words of an answer in lower case, without ASCII's punctuation and without articles: the scripts' `normalize_answer`.
fn words(answer: &str) -> Vec<String> {
    let bare = answer.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect::<Vec<_>>();
    let mut kept = String::new();
    // `\b` of Python's expressions is where such a run begins or ends.
    for run in bare.chunk_by(|&a, &b| is_of_word(a) == is_of_word(b)) {
        let run: String = run.iter().collect();
        kept += if matches!(&*run, "a" | "an" | "the") { " " } else { &run };
    }
    kept.split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Python's `\w` without the underscore, which is punctuation here: other than Rust's, no mark is one.
fn is_of_word(c: char) -> bool {
    c.is_letter() || c.is_number()
}

/// Python's: the four separators of ASCII count.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

impl Sums {
    fn add(&mut self, judged: Match) {
        self.questions += 1;
        self.exact += usize::from(judged.is_exact);
        self.f1 += judged.f1;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            questions: self.questions + other.questions,
            exact: self.exact + other.exact,
            f1: self.f1 + other.f1,
        }
    }

    /// Exact match and F1 on average; `which` they are.
    fn means(self, which: &str) -> [Result<f64, String>; 2] {
        [self.exact as f64, self.f1].map(|sum| match self.questions {
            0 => Err(format!("there is no {which}")),
            questions => Ok(sum / questions as f64),
        })
    }
}

impl Questions {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, answerable: Sums::default(), unanswerable: Sums::default(), worst: Top::default() }
    }

    pub(crate) fn push(&mut self, question: &Question<'_>) {
        let &Question { place, text, right, found, score } = question;
        let judged = self.script.judge(found, right);
        let sums = if right.is_empty() { &mut self.unanswerable } else { &mut self.answerable };
        sums.add(judged);
        if !judged.is_exact {
            self.worst.offer((1.0 - judged.f1, score), || Mistake {
                place: place.to_owned(),
                question: text.to_owned(),
                right: right.to_vec(),
                found: found.to_owned(),
                score,
                f1: judged.f1,
            });
        }
    }

    /// How many there are, and how many of them have no answer.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.answerable.plus(self.unanswerable).questions, self.unanswerable.questions]
    }

    /// The worst first.
    pub(crate) fn mistakes(&self) -> impl ExactSizeIterator<Item = &Mistake> {
        self.worst.iter()
    }

    /// Shares, where the scripts have percents; for version 2.0 also of the questions with an answer and of those without.
    pub(crate) fn table(&self) -> Table {
        let [exact, f1] = self.answerable.plus(self.unanswerable).means("question");
        let mut table = vec![("exact_match", "exact match", exact), ("f1", "F1", f1)];
        if self.script == Script::V2 {
            let [exact, f1] = self.answerable.means("question with an answer");
            table.extend([
                ("has_ans_exact_match", "exact match, with answers", exact),
                ("has_ans_f1", "F1, with answers", f1),
            ]);
            let [exact, f1] = self.unanswerable.means("question without an answer");
            table.extend([
                ("no_ans_exact_match", "exact match, without answers", exact),
                ("no_ans_f1", "F1, without answers", f1),
            ]);
        }
        table
    }
}
