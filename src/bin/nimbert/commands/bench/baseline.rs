//! An earlier measurement, and whether this one is slower.

use std::{fs, path::PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    forward::{Forward, Task},
    measure::Timing,
    record::{Entry, Record, rounded},
    rounds::Row,
    shape::{Lengths, Shape, Subject},
};
use crate::{architecture::Architecture, count::count, shorten::shorten};

/// What `--against` names.
pub(super) struct Baseline {
    path: PathBuf,
    /// How much slower a row may be, in percent.
    pub(super) tolerance: f64,
    pub(super) record: Record,
}

/// New over old.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Ratio {
    /// Of the fastest runs. It decides: whatever disturbs a run makes it slower, never faster, so the fastest of many is
    /// the steadiest of all figures.
    pub(super) min: f64,
    pub(super) median: f64,
}

/// Ratios and verdicts.
pub(super) struct Comparison<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) rows: Vec<Compared>,
}

pub(super) struct Compared {
    pub(super) subject: Subject,
    /// In milliseconds: the fastest run and the median, then and now.
    pub(super) min: [f64; 2],
    pub(super) median: [f64; 2],
    pub(super) ratio: Ratio,
    /// Whether it was measured once more, because it was slower at first.
    pub(super) again: bool,
    pub(super) is_slower: bool,
}

impl Baseline {
    pub(super) fn read(path: PathBuf, tolerance: f64) -> Result<Self> {
        let name = path.display();
        ensure!(!path.exists() || path.is_file(), "{name}: not a regular file");
        let text = fs::read_to_string(&path).map_err(|error| anyhow!("{name}: {error}"))?;
        let record = parse(&text).map_err(|reason| anyhow!("{name}: {reason}"))?;
        Ok(Self { path, tolerance, record })
    }

    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn shapes(&self) -> Vec<Shape> {
        self.record.shapes.keys().copied().collect()
    }

    /// Its texts of mixed lengths, where it has them.
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let (counts, batch) = (self.record.token_counts.clone()?, self.record.batch?);
        Some(Lengths { counts, batch })
    }

    /// Refuses to measure what it has no times of.
    pub(super) fn covers(&self, shapes: &[Shape], lengths: Option<&Lengths>) -> Result<()> {
        let name = self.path.display();
        if let Some(shape) = shapes.iter().find(|shape| !self.record.shapes.contains_key(shape)) {
            let known: Vec<_> = self.record.shapes.keys().map(Shape::to_string).collect();
            bail!("{name}: shapes: no {shape} in it, only {}", known.join(", "));
        }
        let Some(lengths) = lengths else { return Ok(()) };
        let then = self.lengths().ok_or_else(|| anyhow!("{name}: lengths: none in it to compare with"))?;
        self.same("batch", &then.batch, &lengths.batch)?;
        let describe = |counts: &[usize]| {
            format!("{}, {}", count(counts.len(), "text"), count(counts.iter().sum(), "token"))
        };
        let [there, here] = [&then.counts, &lengths.counts].map(|counts| describe(counts));
        self.same("token_counts", &there, &here)?;
        ensure!(
            then.counts == lengths.counts,
            "{name}: token_counts: other ones than here, or in another order"
        );
        Ok(())
    }

    /// Refuses a forward that would compute something else, or in another way.
    pub(super) fn fits(&self, model: &str, forward: &Forward) -> Result<()> {
        let Record { task, pooling, model: name, architecture, precision, isa, threads, .. } = &self.record;
        self.same("task", &task.name(), &forward.task().name())?;
        let engine = forward.engine();
        let here = Architecture::new(engine.config());
        if *architecture != here {
            let describe = |name: &str, sizes: &Architecture| format!("{name} ({})", sizes.in_full());
            self.same("model", &describe(name, architecture), &describe(model, &here))?;
        }
        let [there, here] = [pooling.clone(), forward.pooling()].map(Option::unwrap_or_default);
        self.same("pooling", &there, &here)?;
        self.same("precision", precision, &engine.precision().to_string())?;
        self.same("isa", isa, &engine.isa().to_string())?;
        self.same("threads", threads, &engine.threads())
    }

    fn same<T: PartialEq + ToString>(&self, key: &str, there: &T, here: &T) -> Result<()> {
        let [old, new] = [there, here].map(|value| shorten(&value.to_string(), 160));
        ensure!(
            there == here,
            "{}: {key}: {old} in it, {new} here: these do not compare",
            self.path.display()
        );
        Ok(())
    }

    /// Whether so much slower that it counts.
    pub(super) fn is_slower(&self, subject: Subject, timing: &Timing) -> bool {
        self.ratio(subject, timing).min > 1.0 + self.tolerance / 100.0
    }

    fn entry(&self, subject: Subject) -> &Entry {
        self.record.entry(subject).expect("nothing else is measured")
    }

    fn ratio(&self, subject: Subject, timing: &Timing) -> Ratio {
        let then = self.entry(subject);
        Ratio { min: timing.min_ms() / then.min_ms, median: timing.median_ms() / then.median_ms }
    }

    pub(super) fn compare(&self, rows: &[Row<'_>]) -> Comparison<'_> {
        let rows = rows.iter().map(|Row { subject, timing, again, .. }| {
            let then = self.entry(*subject);
            Compared {
                subject: *subject,
                min: [then.min_ms, timing.min_ms()],
                median: [then.median_ms, timing.median_ms()],
                ratio: self.ratio(*subject, timing),
                again: *again,
                is_slower: self.is_slower(*subject, timing),
            }
        });
        Comparison { baseline: self, rows: rows.collect() }
    }
}

impl Ratio {
    pub(super) fn rounded(self) -> Self {
        Self { min: rounded(self.min), median: rounded(self.median) }
    }
}

impl Comparison<'_> {
    pub(super) fn slower(&self) -> impl Iterator<Item = &Compared> {
        self.rows.iter().filter(|row| row.is_slower)
    }

    /// An error that names what is slower.
    pub(super) fn verdict(&self) -> Result<()> {
        let slower =
            self.slower().map(|row| format!("{} by {:.1} %", row.subject, 100.0 * (row.ratio.min - 1.0)));
        let slower: Vec<_> = slower.collect();
        let Baseline { path, tolerance, .. } = self.baseline;
        ensure!(
            slower.is_empty(),
            "slower than {} allows ({tolerance} %): {}",
            path.display(),
            slower.join(", ")
        );
        Ok(())
    }
}

/// A saved measurement; an error says the key where it is at.
fn parse(text: &str) -> Result<Record, String> {
    let record: Record = serde_json::from_str(text).map_err(|error| {
        let path = if error.is_data() { path(text, error.line(), error.column()) } else { Vec::new() };
        if path.is_empty() { error.to_string() } else { format!("{}: {error}", path.join(".")) }
    })?;
    let rows = record.shapes.iter().map(|(shape, entry)| (format!("shapes.{shape}"), entry));
    for (key, entry) in rows.chain(record.lengths.iter().map(|entry| ("lengths".to_owned(), entry))) {
        for (time, ms) in [("min_ms", entry.min_ms), ("median_ms", entry.median_ms)] {
            if ms <= 0.0 {
                return Err(format!("{key}.{time}: {ms} is no time"));
            }
        }
    }
    if (record.task == Task::Embed) != record.pooling.is_some() {
        return Err("pooling: a measurement of vectors has one, and no other".to_owned());
    }
    match (&record.lengths, &record.token_counts, record.batch) {
        (None, ..) if record.shapes.is_empty() => Err("shapes: none in it, and no lengths".to_owned()),
        (Some(_), None, _) => Err("token_counts: missing, and it has lengths".to_owned()),
        (Some(_), _, None | Some(0)) => Err("batch: missing, and it has lengths".to_owned()),
        (_, Some(counts), _) if counts.is_empty() || !counts.iter().all(|n| (1..=1 << 20).contains(n)) => {
            Err("token_counts: a text has at least one token, and not millions".to_owned())
        }
        _ => Ok(record),
    }
}

/// The keys around a place in JSON whose syntax is right until there. Columns count bytes.
fn path(text: &str, line: usize, column: usize) -> Vec<String> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut bytes = text.bytes().take(start + column);
    let (mut keys, mut last) = (Vec::new(), Vec::new());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                last.clear();
                while let Some(byte) = bytes.next().filter(|&byte| byte != b'"') {
                    last.extend(if byte == b'\\' { bytes.next() } else { Some(byte) });
                }
            }
            b':' => {
                keys.pop();
                keys.push(String::from_utf8_lossy(&last).into_owned());
            }
            b'{' | b'[' => keys.push(String::new()),
            b'}' | b']' => drop(keys.pop()),
            _ => {}
        }
    }
    keys.iter().filter(|key| !key.is_empty()).map(|key| shorten(key, 80)).collect()
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_place_in_json_has_the_keys_around_it() {
        let text = "{\"a\": [1, {\"b:{\": 2}],\n \"c\\\"d\": {\"e\": {}, \"f\": 3}}";
        let at = |line, column| path(text, line, column).join("/");
        assert_eq!((at(1, 8), at(1, 19), at(1, 21)), ("a".into(), "a/b:{".into(), "a".into()));
        assert_eq!((at(2, 25), at(2, 26), at(2, 99)), ("c\"d/f".into(), "c\"d".into(), String::new()));
        assert_eq!(path("", 0, 0), Vec::<String>::new());
        assert_eq!(path("{\"a", 7, 7), Vec::<String>::new());
    }
}
