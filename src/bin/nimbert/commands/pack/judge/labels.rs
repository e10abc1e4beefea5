//! A classifier: a metric on labelled data, or with how many texts the best label stays.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use nimbert::{Classification, Engine};

use super::Judge;
use crate::{
    commands::pack::Check,
    data::Labelling,
    evaluation::{Decision, Figure, Metric, Outcomes, decided},
    input::Row,
    scoring::{Source, truth},
};

pub(in crate::commands::pack) struct Labels<'a> {
    check: &'a Check,
    /// Of labelled data.
    labelling: Option<Labelling>,
    /// Of each text.
    best: Vec<u32>,
}

/// What one pass over the data says of a model.
pub(in crate::commands::pack) struct Seen {
    outcomes: Option<Outcomes>,
    agreeing: usize,
}

impl<'a> Labels<'a> {
    pub(in crate::commands::pack) fn new(check: &'a Check, engine: &Engine, model: &Path) -> Result<Self> {
        ensure!(
            Decision::of(engine.scoring()).is_some(),
            "{}: a regression, which has no labels that could change",
            model.display()
        );
        let labelling = check.columns.is_labelled().then(|| check.columns.labelling(engine)).transpose()?;
        Ok(Self { check, labelling, best: Vec::new() })
    }

    fn metric(&self) -> Option<Metric> {
        self.labelling.as_ref().map(|_| self.check.metric.unwrap_or(Metric::Top1))
    }
}

impl Judge for Labels<'_> {
    type Model = Engine;
    type Seen = Seen;

    fn name(&self) -> &'static str {
        self.metric().map_or("label agreement", Metric::name)
    }

    fn open(&self, data: &Path) -> Result<Source> {
        self.check.columns.open("pack", data)
    }

    fn nothing(&self) -> Seen {
        Seen { outcomes: self.labelling.as_ref().map(Labelling::outcomes), agreeing: 0 }
    }

    fn keep(&mut self, own: &mut Seen, row: &Row, answer: &Classification) -> Result<()> {
        self.best.push(decided(&answer.scores) as u32);
        self.see(own, self.best.len() - 1, row, answer)
    }

    fn see(&self, seen: &mut Seen, number: usize, row: &Row, answer: &Classification) -> Result<()> {
        if let (Some(outcomes), Some(labelling)) = (&mut seen.outcomes, &self.labelling) {
            outcomes.push(answer, &truth(labelling, row)?);
        }
        seen.agreeing += usize::from(self.best[number] == decided(&answer.scores) as u32);
        Ok(())
    }

    fn value(&self, seen: &Seen) -> Result<f64> {
        match (self.metric(), &seen.outcomes) {
            (Some(metric), Some(outcomes)) => defined(metric, metric.of(outcomes)),
            _ => Ok(seen.agreeing as f64 / self.best.len() as f64),
        }
    }

    fn rows(&self) -> usize {
        self.best.len()
    }
}

fn defined(metric: Metric, figure: Figure) -> Result<f64> {
    figure.map_err(|reason| anyhow!("{} is undefined on these data: {reason}", metric.name()))
}
