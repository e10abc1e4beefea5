//! The accuracy contract: a packed file is measured before it gets its name, and does not get it if it costs too much.

use std::{collections::BTreeSet, iter, path::Path};

use anyhow::{Result, anyhow, bail, ensure};
use nimbert::{MaskFiller, NumberType, Options, PackSummary, Precision, Reader, Tagger, Task};

use super::{
    Check, Pack,
    judge::{Decisions, Judge, Labels, Ranks, Vectors},
};
use crate::{
    count::count,
    evaluation::Sample,
    input::Row,
    progress,
    scoring::{self, Model, Source, Speed, all},
};

/// Texts on which each part's share in the error is measured.
const SAMPLE: usize = 256;

/// What the file was found to cost.
pub(super) struct Verdict {
    pub(super) summary: PackSummary,
    /// What is in f16, those that hurt most first.
    pub(super) promoted: Vec<String>,
    pub(super) texts: usize,
    /// What is judged, by name.
    pub(super) criterion: &'static str,
    /// Its value in f32 and packed.
    pub(super) values: [f64; 2],
    /// Of the f32 model and of the file without promotions, scored batch by batch in turn.
    pub(super) speeds: [Speed; 2],
    /// With promotions: the size without them, and how fast the file is beside one without.
    pub(super) cost: Option<(u64, f64)>,
}

fn loss([reference, packed]: [f64; 2]) -> f64 {
    100.0 * (reference - packed)
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
    let model = pack.model.path();
    match check.task(model)? {
        Task::Rerank => Contract::open(pack, check, data, |_| Ok(Ranks::new(check)))?.fulfil(),
        Task::Embed => Contract::open(pack, check, data, |_| Ok(Vectors::new(check)))?.fulfil(),
        Task::Tag => {
            Contract::open(pack, check, data, |_| Ok(Decisions::<Tagger>::new(check, Check::texts)))?.fulfil()
        }
        Task::Answer => {
            Contract::open(pack, check, data, |_| Ok(Decisions::<Reader>::new(check, Check::questions)))?
                .fulfil()
        }
        Task::FillMask => {
            Contract::open(pack, check, data, |_| Ok(Decisions::<MaskFiller>::new(check, Check::texts)))?
                .fulfil()
        }
        _ => Contract::open(pack, check, data, |engine| Labels::new(check, engine, model))?.fulfil(),
    }
}

/// The f32 model and what it says of the data.
struct Contract<'a, J: Judge> {
    pack: &'a Pack,
    check: &'a Check,
    data: &'a Path,
    model: J::Model,
    judge: J,
    /// What it is worth by the judge.
    value: f64,
    sample: Vec<Row>,
}

/// What is to be done, found with a first file.
struct Plan<M> {
    promoted: Vec<String>,
    value: f64,
    speeds: [Speed; 2],
    /// The first file's size.
    bytes: u64,
    /// The first file's model, which lives on when the file is gone.
    packed: M,
}

impl<'a, J: Judge> Contract<'a, J> {
    fn open(
        pack: &'a Pack,
        check: &'a Check,
        data: &'a Path,
        judge: impl FnOnce(&J::Model) -> Result<J>,
    ) -> Result<Self> {
        let options = check.options(Precision::F32);
        let model = progress::during("loading the model", || J::Model::open(pack.model.path(), options))?;
        let judge = judge(&model)?;
        Ok(Self { pack, check, data, model, judge, value: 1.0, sample: Vec::new() })
    }

    fn fulfil(mut self) -> Result<Verdict> {
        let (pack, check) = (self.pack, self.check);
        let mut found = None;
        let plain = pack.write(&BTreeSet::new(), |file| {
            let outcome = self.plan(file);
            let accepted = matches!(&outcome, Ok(plan) if plan.promoted.is_empty());
            found = Some(outcome);
            accepted
        })?;
        let Plan { promoted, value, speeds, bytes, packed } = found.expect("a complete file is measured")?;
        let (texts, criterion, own) = (self.judge.rows(), self.judge.name(), self.value);
        if let Some(summary) = plain {
            let values = [own, value];
            return Ok(Verdict { summary, promoted, texts, criterion, values, speeds, cost: None });
        }
        let mut last = None;
        let summary = pack.write(&promoted.iter().cloned().collect(), |file| {
            let measured = self.load(file).and_then(|model| self.score([&packed, &model]));
            let accepted = matches!(&measured, Ok(([_, value], _)) if check.allows(loss([own, *value])));
            last = Some(measured);
            accepted
        })?;
        let ([_, value], [before, after]) = last.expect("a complete file is measured")?;
        let summary =
            summary.ok_or_else(|| anyhow!("no file written: it does not do as well as its parts did"))?;
        let cost = Some((bytes, after.texts_per_second() / before.texts_per_second()));
        Ok(Verdict { summary, promoted, texts, criterion, values: [own, value], speeds, cost })
    }

    fn load(&self, file: &Path) -> Result<J::Model> {
        let options = self.check.options(Precision::Auto);
        J::Model::open(file, options).map_err(|error| self.pack.named(file, &error))
    }

    fn plan(&mut self, file: &Path) -> Result<Plan<J::Model>> {
        let packed = self.load(file)?;
        let output = self.pack.output.display();
        let bytes = std::fs::metadata(file).map_err(|error| anyhow!("{output}: {error}"))?.len();
        let (value, speeds) = self.score_with(&packed)?;
        let lost = loss([self.value, value]);
        let mut promoted = Vec::new();
        if !self.check.allows(lost) {
            let (name, budget) = (self.judge.name(), self.check.budget);
            let lost = format!("a loss of {lost:.2} points in {name}, the budget is {budget} points");
            ensure!(
                packed.engine().precision() == NumberType::Int8,
                "no file written: {lost}; only int8 files have parts that can be stored in a better way"
            );
            let names = nimbert::f16_parts(self.pack.model.path())?;
            ensure!(
                !names.is_empty(),
                "no file written: {lost}; every part has weights beyond f16, which holds at most 65504"
            );
            let half = self.in_f16(&names)?;
            let mut names = self.by_sensitivity(&names, &packed, &half)?;
            names.truncate(self.fewest(&names, &packed, &half)?);
            promoted = names;
        }
        Ok(Plan { promoted, value, speeds, bytes, packed })
    }

    /// The same model with these parts in f16, exactly as a file has them.
    fn in_f16(&self, names: &BTreeSet<String>) -> Result<J::Model> {
        let mut model = None;
        self.pack.write(names, |file| {
            model = Some(self.load(file));
            false
        })?;
        model.expect("a complete file is loaded")
    }

    /// The first pass: both models on the data, batch by batch in turn.
    fn score_with(&mut self, packed: &J::Model) -> Result<(f64, [Speed; 2])> {
        let Self { judge, model, data, .. } = self;
        let (mut own, mut seen) = (judge.nothing(), judge.nothing());
        let mut sample = Sample::new(SAMPLE);
        let rows = judge.open(data)?;
        let speeds = scoring::score([&*model, packed], rows, |row, [ours, theirs]| {
            judge.keep(&mut own, row, ours)?;
            judge.see(&mut seen, judge.rows() - 1, row, theirs)?;
            sample.offer(|| Ok(Row { fields: row.fields.clone(), ..Row::default() }))
        })?;
        ensure!(judge.rows() > 0, "{}: no texts", data.display());
        self.sample = sample.into_items();
        self.value = self.judge.value(&own)?;
        Ok((self.judge.value(&seen)?, speeds))
    }

    /// A later pass, of other models alone.
    fn score<const N: usize>(&self, models: [&J::Model; N]) -> Result<([f64; N], [Speed; N])> {
        let Self { judge, data, .. } = self;
        let changed = || anyhow!("{}: changed while it was read", data.display());
        let mut seen = [(); N].map(|()| judge.nothing());
        let mut number = 0;
        let speeds = scoring::score(models, judge.open(data)?, |row, answers| {
            ensure!(number < judge.rows(), changed());
            for (seen, answer) in iter::zip(&mut seen, answers) {
                judge.see(seen, number, row, answer)?;
            }
            number += 1;
            Ok(())
        })?;
        ensure!(number == judge.rows(), changed());
        let mut values = [0.0; N];
        for (value, seen) in iter::zip(&mut values, &seen) {
            *value = judge.value(seen)?;
        }
        Ok((values, speeds))
    }

    /// The parts (words and matmuls) of these names by how much nearer the sample's numbers come to f32's when it alone is in
    /// f16, the most first.
    fn by_sensitivity(
        &self,
        can_be_f16: &BTreeSet<String>,
        packed: &J::Model,
        half: &J::Model,
    ) -> Result<Vec<String>> {
        let reference = self.numbers(&self.model)?;
        let mut names = packed.engine().config().quantized_parts();
        names.retain(|name| can_be_f16.contains(name));
        let bar = progress::steps("measuring parts");
        bar.set_length(names.len() as u64);
        let mut distances = Vec::with_capacity(names.len());
        for name in names {
            let mixed = packed.mixed(half, &BTreeSet::from([name.clone()]))?;
            let numbers = self.numbers(&mixed)?;
            let apart: f64 = iter::zip(&numbers, &reference).map(|(a, b)| f64::from((a - b).abs())).sum();
            distances.push((apart, name));
            bar.inc(1);
        }
        bar.finish_and_clear();
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(distances.into_iter().map(|(_, name)| name).collect())
    }

    /// All that a model computes of the sample.
    fn numbers(&self, model: &J::Model) -> Result<Vec<f32>> {
        let answers = all(model.answers(&self.sample), &self.sample)?;
        Ok(answers.iter().flat_map(J::Model::numbers).copied().collect())
    }

    /// The fewest of `names`, from the first on, that must be in f16 for the budget; found by doubling and halving, since
    /// each try is a pass over the data. A count that fits was always tried itself.
    fn fewest(&self, names: &[String], packed: &J::Model, half: &J::Model) -> Result<usize> {
        let fits = |count: usize| -> Result<bool> {
            let mixed = packed.mixed(half, &names[..count].iter().cloned().collect())?;
            let ([value], _) = self.score([&mixed])?;
            Ok(self.check.allows(loss([self.value, value])))
        };
        let (mut too_few, mut enough) = (0, 1);
        while !fits(enough)? {
            if enough == names.len() {
                bail!(
                    "no file written: even with everything in f16 that it holds the loss in {} is above the budget of {} points",
                    self.judge.name(),
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

impl Check {
    /// A loss of exactly the budget is within it, however its decimals are rounded.
    fn allows(&self, loss: f64) -> bool {
        loss <= self.budget + 1e-9
    }

    fn texts(&self, data: &Path) -> Result<Source> {
        self.columns.open("pack", data)
    }

    fn questions(&self, data: &Path) -> Result<Source> {
        self.columns.open_asked("pack", data, self.query_column.as_deref(), ["question", "context"])
    }

    fn options(&self, precision: Precision) -> Options {
        self.columns.options(Options::default().precision(precision).threads(self.threads))
    }
}

impl Verdict {
    /// For people.
    pub(super) fn describe(&self, check: &Check, data: &Path) -> String {
        let [own, packed] = self.values.map(|value| 100.0 * value);
        let name = self.criterion;
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
