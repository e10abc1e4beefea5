//! `--task tag`: does a classifier of tokens find the entities that people marked?

use std::{collections::BTreeSet, fmt::Write, iter, time::Instant};

use anyhow::{Result, bail, ensure};
use indicatif::HumanCount;
use nimbert::{TaggedWords, Tagger};
use serde_json::{Map, Value, json};

use super::{
    Eval,
    report::{cut, head, json_head, json_table, rate_of, summary},
};
use crate::{
    count::count,
    evaluation::{
        entities::{Entities, Sentence},
        page,
    },
    input::{Label, Row},
    progress,
    scoring::{Speed, all, batches},
    shorten::shorten,
    tags::{Scheme, Tag},
    texts,
};

/// A model's tags on a file.
struct Marked {
    entities: Entities,
    scheme: Option<Scheme>,
    speed: Speed,
    /// Sentences that were cut to the tokens allowed.
    truncated: usize,
    /// Words without a tag: they were cut off, or no token is theirs.
    untagged: usize,
    /// Types of the data that the model has no label for.
    unknown: Vec<String>,
}

/// What the model's labels are as tags.
struct Labels<'a> {
    names: &'a [String],
    tags: Vec<Tag<'a>>,
    scheme: Option<Scheme>,
    /// Whether numbers are places among them.
    has_indexes: bool,
}

pub(super) fn run(eval: &Eval) -> Result<()> {
    let model = eval.model.resolve();
    let (path, options) = (eval.path(&model)?, eval.options(&model));
    let tagger = progress::during("loading the model", || Tagger::load(path, options))?;
    let labels = Labels::new(tagger.labels(), eval)?;
    let page = eval.page(&model)?;
    let found = Marked::measure(eval, &tagger, &labels)?;
    let about = found.about(&model.to_string(), eval, &tagger);
    let written = page.map_or(Ok(()), |page| page.fill(page::entities(&about, &found.entities)?.as_bytes()));
    let human = || summary(&about, &found.entities.table()) + &found.types();
    eval.show(written, human, || found.object(&model.to_string(), &tagger))
}

impl<'a> Labels<'a> {
    /// Refuses a model whose labels are no tags: there would be no entities.
    fn new(names: &'a [String], eval: &Eval) -> Result<Self> {
        let mut labels =
            Self { names, tags: Vec::new(), scheme: eval.scheme, has_indexes: eval.columns.has_indexes() };
        for name in names {
            match labels.tag(name) {
                Ok(tag) => labels.tags.push(tag),
                Err(why) => bail!("the model's label {:?} is {why}", shorten(name, 80)),
            }
        }
        Ok(labels)
    }

    fn tag<'t>(&self, name: &'t str) -> Result<Tag<'t>, String> {
        let tag = Tag::parse(name)?;
        match self.scheme.filter(|scheme| !scheme.has(tag)) {
            Some(scheme) => Err(format!("not of --scheme {}", scheme.name())),
            None => Ok(tag),
        }
    }

    /// A row's own tags. `Err` says which is none.
    fn own<'t>(&self, row: &'t Row) -> Result<Vec<Tag<'t>>>
    where
        'a: 't,
    {
        let Some(Label::List(tags)) = &row.label else { bail!("{}: no tags", row.place) };
        let one = |(number, name): (usize, &'t String)| {
            let named = if self.has_indexes { self.at(name) } else { self.tag(name) };
            named.or_else(|why| {
                let is_number = !self.has_indexes && name.parse::<usize>().is_ok();
                let hint = if is_number { "; --labels-as index takes it for the model's label" } else { "" };
                bail!("{}: the tag of word {number}, {:?}, is {why}{hint}", row.place, shorten(name, 80))
            })
        };
        (1..).zip(tags).map(one).collect()
    }

    fn at(&self, index: &str) -> Result<Tag<'a>, String> {
        let tag = index.parse::<usize>().ok().and_then(|index| self.tags.get(index)).copied();
        tag.ok_or_else(|| format!("no index from 0 to {}", self.names.len() - 1))
    }

    fn kinds(&self) -> BTreeSet<&'a str> {
        self.tags.iter().filter_map(|tag| tag.kind()).collect()
    }
}

impl Marked {
    fn measure(eval: &Eval, tagger: &Tagger, labels: &Labels<'_>) -> Result<Self> {
        let mut found = Self {
            entities: Entities::new(eval.scheme),
            scheme: eval.scheme,
            speed: Speed::default(),
            truncated: 0,
            untagged: 0,
            unknown: Vec::new(),
        };
        batches(eval.columns.open_words("eval", &eval.input)?, |rows| {
            let own = rows.iter().map(|row| labels.own(row)).collect::<Result<Vec<_>>>()?;
            let words: Vec<Vec<_>> =
                rows.iter().map(|row| row.fields.iter().map(String::as_str).collect()).collect();
            let start = Instant::now();
            let tagged = tagger.tag_words(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let tagged = all(tagged, rows)?;
            found.speed.add(start, tagged.iter().map(|tagged| tagged.tokens));
            for ((row, own), tagged) in iter::zip(rows, own).zip(&tagged) {
                found.add(row, own, tagged, labels);
            }
            Ok(())
        })?;
        ensure!(found.speed.texts > 0, "{}: no sentences", texts::name(&eval.input));
        let known = labels.kinds();
        let is_unknown = |kind: &str| !known.contains(kind);
        let kinds = found.entities.kinds().map(|(kind, _)| kind);
        found.unknown = kinds.filter(|kind| is_unknown(kind)).map(str::to_owned).collect();
        Ok(found)
    }

    fn add<'r>(&mut self, row: &'r Row, own: Vec<Tag<'r>>, tagged: &TaggedWords, labels: &Labels<'r>) {
        self.truncated += usize::from(tagged.truncated);
        self.untagged += tagged.labels.iter().filter(|label| label.is_none()).count();
        let tag = |label: &Option<(usize, f32)>| label.map_or(Tag::OUTSIDE, |(label, _)| labels.tags[label]);
        let score = |label: &Option<(usize, f32)>| label.map_or(0.0, |(_, score)| score);
        self.entities.push(&Sentence {
            place: &row.place,
            words: &row.fields,
            own,
            found: tagged.labels.iter().map(tag).collect(),
            scores: tagged.labels.iter().map(score).collect(),
        });
    }

    /// What was measured, on what.
    fn about(&self, model: &str, eval: &Eval, tagger: &Tagger) -> Vec<(&'static str, String)> {
        let (engine, speed) = (tagger.engine(), &self.speed);
        let untagged = match self.untagged {
            0 => String::new(),
            untagged => format!(", {} of them without a tag", HumanCount(untagged as u64)),
        };
        let data = format!(
            "{}: {}{}; {}{untagged}",
            texts::name(&eval.input),
            count(speed.texts, "sentence"),
            cut(self.truncated, engine),
            count(self.entities.words(), "word"),
        );
        let mut about = head(model, engine, data, rate_of(speed, "sentences"));
        if !self.unknown.is_empty() {
            let unknown = shorten(&self.unknown.join(", "), 200);
            about
                .push(("unknown", format!("{unknown}: the model has no label for that, and never finds it")));
        }
        about
    }

    /// A line for each type.
    fn types(&self) -> String {
        if self.entities.kinds().len() == 0 {
            return String::new();
        }
        let mut out = format!(
            "\n{:>8} {:>8} {:>9} {:>9} {:>9}  type\n",
            "entities", "found", "precision", "recall", "F1"
        );
        for (kind, counts) in self.entities.kinds() {
            let [own, found] = [counts.own, counts.found].map(|count| HumanCount(count as u64).to_string());
            let [precision, recall, f1] = counts.rates();
            // Writing to a string does not fail.
            _ = writeln!(
                out,
                "{own:>8} {found:>8} {precision:>9.4} {recall:>9.4} {f1:>9.4}  {}",
                shorten(kind, 80)
            );
        }
        out
    }

    fn object(&self, model: &str, tagger: &Tagger) -> Value {
        let mut undefined = Map::new();
        let mut object = json_head(model, tagger.engine());
        let types: Vec<_> = self
            .entities
            .kinds()
            .map(|(kind, counts)| {
                let [precision, recall, f1] = counts.rates();
                json!({
                    "type": kind,
                    "entities": counts.own,
                    "found": counts.found,
                    "precision": precision,
                    "recall": recall,
                    "f1": f1,
                })
            })
            .collect();
        object.insert("figures".to_owned(), json_table(&self.entities.table(), &mut undefined));
        object.insert("undefined".to_owned(), undefined.into());
        object.insert("scheme".to_owned(), json!(self.scheme.map(Scheme::name)));
        object.insert("types".to_owned(), types.into());
        object.insert("unknown_types".to_owned(), json!(self.unknown));
        object.insert("sentences".to_owned(), json!(self.speed.texts));
        object.insert("words".to_owned(), json!(self.entities.words()));
        object.insert("untagged_words".to_owned(), json!(self.untagged));
        object.insert("truncated".to_owned(), json!(self.truncated));
        object.insert("sentences_per_second".to_owned(), json!(self.speed.texts_per_second()));
        Value::Object(object)
    }
}
