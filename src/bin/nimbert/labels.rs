//! Labels as data files name them.

use std::collections::HashMap;

use clap::ValueEnum;
use nimbert::Engine;

use crate::{
    evaluation::{Decision, LabelSet},
    input::Label,
    shorten::shorten,
};

/// What a value in a label column is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelsAs {
    /// A name; a number that is no name: a star where the labels are stars, else an index
    Auto,
    /// The model's name of the label
    Name,
    /// Its place among the model's labels, from 0
    Index,
    /// A number of stars, from 1
    Star,
}

/// The labels' ratings, when they are all of those from 1 up: `Star_1`, `2 stars`, `STAR-3`.
pub(crate) fn ratings(labels: &[String]) -> Option<Vec<usize>> {
    let rating = |label: &String| -> Option<usize> {
        let (digits, word): (String, String) = label.chars().partition(char::is_ascii_digit);
        let word = word.trim_matches([' ', '_', '-']).to_ascii_lowercase();
        if word == "star" || word == "stars" { digits.parse().ok() } else { None }
    };
    let ratings = labels.iter().map(rating).collect::<Option<Vec<_>>>()?;
    let mut sorted = ratings.clone();
    sorted.sort_unstable();
    sorted.iter().copied().eq(1..=labels.len()).then_some(ratings)
}

/// Finds a model's labels by what a data file calls them.
pub(crate) struct LabelNames {
    labels: Vec<String>,
    by_name: HashMap<String, usize>,
    /// Then a number is never an index, unless it is said: it could be meant as either.
    names_are_numbers: bool,
    by_star: HashMap<usize, usize>,
    read_as: LabelsAs,
    separator: String,
    /// Whether a text may have several labels, or none.
    is_multi_label: bool,
}

impl LabelNames {
    /// An error where two labels have one name, and it matters.
    pub(crate) fn new(
        engine: &Engine,
        decision: Decision,
        read_as: LabelsAs,
        separator: &str,
    ) -> Result<Self, String> {
        let labels = engine.labels();
        let by_name: HashMap<_, _> = labels.iter().cloned().zip(0..).collect();
        if by_name.len() < labels.len() && matches!(read_as, LabelsAs::Auto | LabelsAs::Name) {
            return Err(
                "two of the model's labels have the same name: --labels-as index tells them apart".to_owned()
            );
        }
        let stars = ratings(labels).unwrap_or_else(|| {
            // Asked for as stars, labels without such names are stars in their order.
            if read_as == LabelsAs::Star { (1..=labels.len()).collect() } else { Vec::new() }
        });
        Ok(Self {
            labels: labels.to_vec(),
            names_are_numbers: labels.iter().any(|label| label.parse::<usize>().is_ok()),
            by_name,
            by_star: stars.into_iter().zip(0..).collect(),
            read_as,
            separator: separator.to_owned(),
            is_multi_label: decision == Decision::Threshold,
        })
    }

    /// The labels that `value` names, or what is wrong with it.
    pub(crate) fn parse(&self, value: &Label) -> Result<LabelSet, String> {
        let mut set = LabelSet::new(self.labels.len());
        match value {
            Label::Field(field) if self.labels.len() == 1 => {
                self.insert_only(field, &mut set)?;
                return Ok(set);
            }
            Label::List(several) if self.labels.len() == 1 => {
                several.iter().try_for_each(|value| self.insert_only(value, &mut set))?;
                return Ok(set);
            }
            // A name may have the separator in it.
            Label::Field(field) => match self.find(field.trim()) {
                Ok(label) => set.insert(label),
                Err(_) if field.trim().is_empty() => {}
                Err(error) if self.separator.is_empty() || !field.contains(&self.separator) => {
                    return Err(error);
                }
                Err(_) => {
                    for part in field.split(&self.separator) {
                        set.insert(self.find(part.trim())?);
                    }
                }
            },
            Label::List(several) => {
                for name in several {
                    set.insert(self.find(name.trim())?);
                }
            }
        }
        match set.len() {
            1 => Ok(set),
            _ if self.is_multi_label => Ok(set),
            0 => Err("no label, and this model gives exactly one".to_owned()),
            n => Err(format!("{n} labels, and this model gives exactly one")),
        }
    }

    /// Of a model of one label a value says whether it applies.
    fn insert_only(&self, value: &str, set: &mut LabelSet) -> Result<(), String> {
        match value.trim() {
            "1" | "1.0" | "true" => set.insert(0),
            "0" | "0.0" | "false" | "" => {}
            name => set.insert(self.find(name)?),
        }
        Ok(())
    }

    fn find(&self, value: &str) -> Result<usize, String> {
        let name = || self.by_name.get(value).copied();
        // pandas writes whole numbers so where a column lacks some.
        let number = || value.strip_suffix(".0").unwrap_or(value).parse::<usize>().ok();
        let star = || number().and_then(|star| self.by_star.get(&star).copied());
        let index = || number().filter(|index| *index < self.labels.len());
        let found = match self.read_as {
            LabelsAs::Auto if self.names_are_numbers => name(),
            LabelsAs::Auto if self.by_star.is_empty() => name().or_else(index),
            LabelsAs::Auto => name().or_else(star),
            LabelsAs::Name => name(),
            LabelsAs::Index => index(),
            LabelsAs::Star => star(),
        };
        found.ok_or_else(|| self.unknown(value))
    }

    fn unknown(&self, value: &str) -> String {
        let whole = value.strip_suffix(".0").filter(|whole| self.by_name.contains_key(*whole));
        let value = shorten(value, 80);
        let last = self.labels.len() - 1;
        match self.read_as {
            LabelsAs::Index => format!("unknown label {value:?}: expected an index from 0 to {last}"),
            LabelsAs::Star => format!("unknown label {value:?}: expected stars from 1 to {}", last + 1),
            LabelsAs::Auto | LabelsAs::Name if whole.is_some() => format!(
                "unknown label {value:?}: the model has {:?}, and names are taken as they are; write the column without \
                 decimal points (pandas: as Int64)",
                whole.unwrap_or_default()
            ),
            LabelsAs::Auto | LabelsAs::Name => {
                format!("unknown label {value:?}: the model has {}", shorten(&self.labels.join(", "), 200))
            }
        }
    }
}
