//! Two classifiers' labels of the same texts.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use nimbert::{Classification, Engine};

use super::{Compare, report};
use crate::{
    evaluation::{Interval, Metric, Outcomes, Resamples, decided},
    file::NewFile,
    format::Format,
    input::Row,
    model::load,
    progress,
    scoring::{self, Speed, truth},
    show, texts,
};

/// What two models said of the same texts.
#[derive(Default)]
pub(super) struct Comparison {
    pub(super) texts: usize,
    /// Texts with the same best label.
    pub(super) agreeing: usize,
    pub(super) largest: f32,
    sum: f64,
    logits: usize,
    pub(super) speeds: [Speed; 2],
    /// With the interval, where both are defined.
    pub(super) metrics: Vec<(Metric, Values)>,
}

/// A metric of A and of B, and the difference.
pub(super) type Values = Result<([f64; 2], Interval), String>;

impl Comparison {
    fn see(&mut self, [a, b]: [&Classification; 2]) {
        self.texts += 1;
        self.agreeing += usize::from(decided(&a.scores) == decided(&b.scores));
        for (a, b) in a.logits.iter().zip(&b.logits) {
            let apart = (a - b).abs();
            self.largest = self.largest.max(apart);
            self.sum += f64::from(apart);
            self.logits += 1;
        }
    }

    pub(super) fn agreement(&self) -> f64 {
        self.agreeing as f64 / self.texts as f64
    }

    pub(super) fn mean(&self) -> f64 {
        self.sum / self.logits as f64
    }

    fn measure(&mut self, [a, b]: &[Outcomes; 2], resamples: usize) {
        let bar = progress::steps("resampling");
        bar.set_length((resamples * Metric::ALL.len()) as u64);
        for metric in Metric::ALL {
            let difference = Resamples(resamples).difference(metric, a, b, &mut || bar.inc(1));
            self.metrics.push((metric, difference));
        }
        bar.finish_and_clear();
    }
}

pub(super) fn run(compare: &Compare, paths: &[PathBuf; 2]) -> Result<()> {
    let [a, b] = compare.load(paths, |path, options| load(Some(path), options))?;
    let names = paths.each_ref().map(|path| path.display().to_string());
    expect_same_kind([&a, &b], &names)?;
    let inputs = [compare.input.as_path(), &paths[0], &paths[1]];
    let mut flips = compare.flips.as_deref().map(|path| Flips::create(path, &inputs)).transpose()?;
    let comparison = measure(compare, [&a, &b], flips.as_mut())?;
    // What was found is shown even if the flips cannot be written.
    let written = flips.map_or(Ok(()), Flips::finish);
    let flips = compare.flips.as_deref().filter(|_| written.is_ok());
    let [name_a, name_b] = names;
    let models = [(name_a, &a), (name_b, &b)];
    let text = match compare.format {
        Format::Human => report::human(&models, &texts::name(&compare.input), &comparison, flips),
        Format::Json => format!("{}\n", report::object(&models, &comparison)),
    };
    let shown = show(&text);
    written.and(shown)
}

fn measure(compare: &Compare, [a, b]: [&Engine; 2], mut flips: Option<&mut Flips<'_>>) -> Result<Comparison> {
    let labelling = compare.columns.is_labelled().then(|| compare.columns.labelling(a)).transpose()?;
    let mut outcomes = labelling.as_ref().map(|of| [of.outcomes(), of.outcomes()]);
    let mut comparison = Comparison::default();
    let source = compare.columns.open("compare", &compare.input)?;
    comparison.speeds = scoring::score([a, b], source, |row, answers| {
        if let (Some(labelling), Some(outcomes)) = (&labelling, &mut outcomes) {
            let truth = truth(labelling, row)?;
            outcomes.iter_mut().zip(answers).for_each(|(outcomes, answer)| outcomes.push(answer, &truth));
        }
        comparison.see(answers);
        if let Some(flips) = &mut flips {
            flips.see(row, answers);
        }
        Ok(())
    })?;
    if comparison.texts == 0 {
        bail!("{}: no texts", texts::name(&compare.input));
    }
    if let Some(outcomes) = &mut outcomes {
        outcomes.iter_mut().for_each(Outcomes::end);
        comparison.measure(outcomes, compare.resamples);
    }
    Ok(comparison)
}

/// Models compare that give the same labels in the same way.
fn expect_same_kind([a, b]: [&Engine; 2], [name_a, name_b]: &[String; 2]) -> Result<()> {
    let [labels_a, labels_b] = [a, b].map(|engine| engine.labels().join(", "));
    ensure!(a.labels() == b.labels(), "{name_b} has other labels than {name_a}: {labels_b} and {labels_a}");
    let [scoring_a, scoring_b] = [a, b].map(|engine| engine.scoring());
    ensure!(
        scoring_a == scoring_b,
        "{name_b} makes scores in another way than {name_a} ({scoring_b:?} and {scoring_a:?}): their decisions do not \
         compare"
    );
    Ok(())
}

/// The file of `--flips`. What goes wrong with it is told at its end, so that the comparison goes on.
struct Flips<'a> {
    path: &'a Path,
    out: csv::Writer<NewFile>,
    outcome: Result<(), csv::Error>,
}

impl<'a> Flips<'a> {
    fn create(path: &'a Path, inputs: &[&Path]) -> Result<Self> {
        let mut out = csv::Writer::from_writer(NewFile::create(path, inputs)?);
        let outcome = out.write_record(["where", "text", "pair", "label_a", "score_a", "label_b", "score_b"]);
        Ok(Self { path, out, outcome })
    }

    fn see(&mut self, row: &Row, [a, b]: [&Classification; 2]) {
        if self.outcome.is_err() || decided(&a.scores) == decided(&b.scores) {
            return;
        }
        let [a, b] = [a.top(), b.top()];
        let [score_a, score_b] = [a, b].map(|top| top.score.to_string());
        let pair = row.fields.get(1).map_or("", String::as_str);
        self.outcome =
            self.out.write_record([&row.place, &row.fields[0], pair, a.label, &score_a, b.label, &score_b]);
    }

    fn finish(self) -> Result<()> {
        let name = self.path.display();
        self.outcome.map_err(|error| anyhow!("{name}: {error}"))?;
        let file = self.out.into_inner().map_err(|error| anyhow!("{name}: {}", error.error()))?;
        file.finish()
    }
}
