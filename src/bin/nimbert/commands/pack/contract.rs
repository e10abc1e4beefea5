//! The accuracy contract: a packed file is measured before it gets its name, and does not get it if it costs too much.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, anyhow, bail, ensure};
use nimbert::{Classification, Encoding, Engine, NumberType, OnLong, Options, PackSummary, Precision};

use super::{Check, Pack};
use crate::{
    count::count,
    data::Task,
    evaluation::{Decision, Figure, Metric, Outcomes, Sample, decided},
    model::load,
    progress,
    scoring::{self, Speed, truth},
};

/// Texts on which each part's share in the error is measured.
const SAMPLE: usize = 256;

/// What the file was found to cost.
pub(super) struct Verdict {
    pub(super) summary: PackSummary,
    /// What is in f16, those that hurt most first.
    pub(super) promoted: Vec<String>,
    pub(super) texts: usize,
    /// The criterion's value in f32 and packed.
    pub(super) values: [f64; 2],
    /// Of the f32 model and of the file without promotions, scored batch by batch in turn.
    pub(super) speeds: [Speed; 2],
    /// With promotions: the size without them, and how fast the file is beside one without.
    pub(super) cost: Option<(u64, f64)>,
}

fn loss([reference, packed]: [f64; 2]) -> f64 {
    100.0 * (reference - packed)
}

/// What is compared: a metric on labelled data, or with how many texts the best label stays.
#[derive(Clone, Copy)]
pub(super) enum Criterion {
    Metric(Metric),
    Agreement,
}

impl Criterion {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.name(),
            Self::Agreement => "label agreement",
        }
    }
}

/// The f32 model and what it says of the data.
struct Reference<'a> {
    check: &'a Check,
    criterion: Criterion,
    engine: Engine,
    task: Option<Task>,
    /// The criterion's value.
    value: f64,
    /// Of each text.
    best: Vec<u32>,
    sample: Vec<Encoding>,
}

/// What one pass over the data says of a model.
struct Seen {
    outcomes: Option<Outcomes>,
    agreeing: usize,
}

impl Reference<'_> {
    fn open<'a>(pack: &'a Pack, check: &'a Check) -> Result<Reference<'a>> {
        let engine = load(Some(pack.model.path()), check.options(Precision::F32))?;
        ensure!(
            Decision::of(engine.scoring()).is_some(),
            "{}: a regression, which has no labels that could change",
            pack.model.path().display()
        );
        let task = check.columns.is_labelled().then(|| check.columns.task(&engine)).transpose()?;
        let criterion = check.criterion();
        Ok(Reference { check, criterion, engine, task, value: 1.0, best: Vec::new(), sample: Vec::new() })
    }

    /// The first pass: both models on the data, batch by batch in turn.
    fn score_with(&mut self, packed: &Engine, data: &Path) -> Result<(f64, [Speed; 2])> {
        let new = || self.task.as_ref().map(Task::outcomes);
        let (mut own, mut seen) = (new(), Seen { outcomes: new(), agreeing: 0 });
        let (mut sample, mut labels) = (Sample::new(SAMPLE), Vec::new());
        let rows = self.check.columns.open("pack", data)?;
        let speeds = scoring::score([&self.engine, packed], rows, |row, [ours, theirs]| {
            if let (Some(task), Some(own)) = (&self.task, &mut own) {
                let truth = truth(task, row)?;
                own.push(ours, &truth);
                seen.push(theirs, Some(&truth));
            }
            labels.push(decided(&ours.scores) as u32);
            seen.agreeing += usize::from(decided(&ours.scores) == decided(&theirs.scores));
            sample.offer(|| self.encode(row.fields[0].as_str(), row.fields.get(1).map(String::as_str)))
        })?;
        ensure!(!labels.is_empty(), "{}: no texts", data.display());
        (self.best, self.sample) = (labels, sample.into_items());
        let agreeing = self.best.len(); // with itself
        self.value = self.value_of(&Seen { outcomes: own, agreeing })?;
        Ok((self.value_of(&seen)?, speeds))
    }

    fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        let encoding = self.engine.tokenizer().encode(text, pair, self.engine.max_tokens(), OnLong::Truncate);
        encoding.map_err(|reason| anyhow!("{reason}"))
    }

    /// A later pass, of another model alone.
    fn score<const N: usize>(&self, engines: [&Engine; N], data: &Path) -> Result<([f64; N], [Speed; N])> {
        let mut seen =
            [(); N].map(|()| Seen { outcomes: self.task.as_ref().map(Task::outcomes), agreeing: 0 });
        let mut row_number = 0;
        let rows = self.check.columns.open("pack", data)?;
        let speeds = scoring::score(engines, rows, |row, answers| {
            let truth = self.task.as_ref().map(|task| truth(task, row)).transpose()?;
            let reference = self.best.get(row_number).copied();
            row_number += 1;
            for (seen, answer) in seen.iter_mut().zip(answers) {
                seen.push(answer, truth.as_ref());
                seen.agreeing += usize::from(reference == Some(decided(&answer.scores) as u32));
            }
            Ok(())
        })?;
        ensure!(row_number == self.best.len(), "{}: changed while it was read", data.display());
        let mut values = [0.0; N];
        for (value, seen) in values.iter_mut().zip(&seen) {
            *value = self.value_of(seen)?;
        }
        Ok((values, speeds))
    }

    fn value_of(&self, seen: &Seen) -> Result<f64> {
        match (self.criterion, &seen.outcomes) {
            (Criterion::Metric(metric), Some(outcomes)) => defined(metric, metric.of(outcomes)),
            _ => Ok(seen.agreeing as f64 / self.best.len() as f64),
        }
    }

    /// The parts (words and matmuls) of these names by how much nearer the logits of the sample come to f32's when it alone
    /// is in f16, the most first.
    fn by_sensitivity(
        &self,
        can_be_f16: &BTreeSet<String>,
        packed: &Engine,
        half: &Engine,
    ) -> Result<Vec<String>> {
        let reference = logits(&self.engine, &self.sample)?;
        let mut names = packed.config().quantized_parts();
        names.retain(|name| can_be_f16.contains(name));
        let bar = progress::steps("measuring parts");
        bar.set_length(names.len() as u64);
        let mut distances = Vec::with_capacity(names.len());
        for name in names {
            let mixed = packed.with_parts_of(half, &BTreeSet::from([name.clone()]))?;
            let logits = logits(&mixed, &self.sample)?;
            let pairs = logits.iter().flatten().zip(reference.iter().flatten());
            distances.push((pairs.map(|(a, b)| f64::from((a - b).abs())).sum::<f64>(), name));
            bar.inc(1);
        }
        bar.finish_and_clear();
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(distances.into_iter().map(|(_, name)| name).collect())
    }

    /// The fewest of `names`, from the first on, that must be in f16 for the budget; found by doubling and halving, since
    /// each try is a pass over the data. A count that fits was always tried itself.
    fn fewest(&self, names: &[String], packed: &Engine, half: &Engine, data: &Path) -> Result<usize> {
        let fits = |count: usize| -> Result<bool> {
            let mixed = packed.with_parts_of(half, &names[..count].iter().cloned().collect())?;
            let ([value], _) = self.score([&mixed], data)?;
            Ok(self.check.allows(loss([self.value, value])))
        };
        let (mut too_few, mut enough) = (0, 1);
        while !fits(enough)? {
            if enough == names.len() {
                bail!(
                    "no file written: even with everything in f16 that it holds the loss in {} is above the budget of {} points",
                    self.criterion.name(),
                    self.check.budget
                );
            }
            (too_few, enough) = (enough, (2 * enough).min(names.len()));
        }
        while enough - too_few > 1 {
            let middle = usize::midpoint(too_few, enough);
            if fits(middle)? {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Ok(enough)
    }
}

impl Seen {
    fn push(&mut self, answer: &Classification, truth: Option<&crate::evaluation::LabelSet>) {
        if let (Some(outcomes), Some(truth)) = (&mut self.outcomes, truth) {
            outcomes.push(answer, truth);
        }
    }
}

fn defined(metric: Metric, figure: Figure) -> Result<f64> {
    figure.map_err(|reason| anyhow!("{} is undefined on these data: {reason}", metric.name()))
}

/// Packs, measures, promotes parts to f16 until the loss is within the budget, and writes the file; or an error, and no
/// file.
pub(super) fn pack(pack: &Pack, check: &Check, data: &Path) -> Result<Verdict> {
    let about = std::fs::metadata(data).map_err(|error| anyhow!("{}: {error}", data.display()))?;
    ensure!(
        about.is_file(),
        "{}: must be a regular file, since it may be read several times",
        data.display()
    );
    let mut reference = Reference::open(pack, check)?;
    let mut found = None;
    let plain = pack.write(&BTreeSet::new(), |file| {
        let outcome = plan(&mut reference, pack, file, data);
        let accepted = matches!(&outcome, Ok(plan) if plan.promoted.is_empty());
        found = Some(outcome);
        accepted
    })?;
    let Plan { promoted, value, speeds, bytes, packed } = found.expect("a complete file is measured")?;
    let (texts, own) = (reference.best.len(), reference.value);
    if let Some(summary) = plain {
        return Ok(Verdict { summary, promoted, texts, values: [own, value], speeds, cost: None });
    }
    let mut last = None;
    let summary = pack.write(&promoted.iter().cloned().collect(), |file| {
        let measured = pack
            .load(file, check.options(Precision::Auto))
            .and_then(|engine| reference.score([&packed, &engine], data));
        let accepted = matches!(&measured, Ok(([_, value], _)) if check.allows(loss([own, *value])));
        last = Some(measured);
        accepted
    })?;
    let ([_, value], [before, after]) = last.expect("a complete file is measured")?;
    let summary =
        summary.ok_or_else(|| anyhow!("no file written: it does not do as well as its parts did"))?;
    let cost = Some((bytes, after.texts_per_second() / before.texts_per_second()));
    Ok(Verdict { summary, promoted, texts, values: [own, value], speeds, cost })
}

/// What is to be done, found with a first file.
struct Plan {
    promoted: Vec<String>,
    value: f64,
    speeds: [Speed; 2],
    /// The first file's size.
    bytes: u64,
    /// The first file's model, which lives on when the file is gone.
    packed: Engine,
}

fn plan(reference: &mut Reference<'_>, pack: &Pack, file: &Path, data: &Path) -> Result<Plan> {
    let packed = pack.load(file, reference.check.options(Precision::Auto))?;
    let bytes = std::fs::metadata(file).map_err(|error| anyhow!("{}: {error}", pack.output.display()))?.len();
    let (value, speeds) = reference.score_with(&packed, data)?;
    let lost = loss([reference.value, value]);
    let mut promoted = Vec::new();
    if !reference.check.allows(lost) {
        ensure!(
            packed.precision() == NumberType::Int8,
            "no file written: a loss of {lost:.2} points in {}, the budget is {} points; \
             only int8 files have parts that can be stored in a better way",
            reference.criterion.name(),
            reference.check.budget
        );
        let names = nimbert::f16_parts(pack.model.path())?;
        ensure!(
            !names.is_empty(),
            "no file written: a loss of {lost:.2} points in {}, the budget is {} points; \
             every part has weights beyond f16, which holds at most 65504",
            reference.criterion.name(),
            reference.check.budget
        );
        let half = in_f16(pack, reference.check, &names)?;
        let mut names = reference.by_sensitivity(&names, &packed, &half)?;
        names.truncate(reference.fewest(&names, &packed, &half, data)?);
        promoted = names;
    }
    Ok(Plan { promoted, value, speeds, bytes, packed })
}

/// The same model with these parts in f16, exactly as a file has them.
fn in_f16(pack: &Pack, check: &Check, names: &BTreeSet<String>) -> Result<Engine> {
    let mut engine = None;
    pack.write(names, |file| {
        engine = Some(pack.load(file, check.options(Precision::Auto)));
        false
    })?;
    engine.expect("a complete file is loaded")
}

/// Of all rows, or the first error.
fn logits(engine: &Engine, rows: &[Encoding]) -> Result<Vec<Vec<f32>>> {
    Ok(engine.logits(rows).into_iter().collect::<Result<_, _>>()?)
}

impl Check {
    /// A loss of exactly the budget is within it, however its decimals are rounded.
    fn allows(&self, loss: f64) -> bool {
        loss <= self.budget + 1e-9
    }

    fn options(&self, precision: Precision) -> Options {
        self.columns.options(Options::default().precision(precision).threads(self.threads))
    }
}

impl Verdict {
    /// For people.
    pub(super) fn describe(&self, check: &Check, data: &Path) -> String {
        let [own, packed] = self.values.map(|value| 100.0 * value);
        let name = check.criterion().name();
        let mut text = format!(
            "check    {}: {}, {name} {own:.2} % in f32, {packed:.2} % packed: {:+.2} points, {} may be lost\n",
            data.display(),
            count(self.texts, "text"),
            0.0 - loss(self.values), // 0.0 - 0.0 has no sign
            check.budget,
        );
        let [f32, int8] = self.speeds.map(|speed| speed.texts_per_second());
        text += &format!("speed    {:.2} times that of f32", int8 / f32);
        if let Some((bytes, speed)) = self.cost {
            let more = 100.0 * (self.summary.bytes as f64 / bytes as f64 - 1.0);
            text += " before anything was promoted\n";
            text += &format!("in f16   {}\n", self.promoted.join("\n         "));
            text += &format!(
                "which    makes the file {more:.1} % larger, and its speed {speed:.2} times what it was"
            );
        }
        text + "\n"
    }
}
