//! Results as a person wants to look at them: the text, and under it a line for each label shown.
//!
//! Everything whose width a terminal may count in its own way (texts, labels) ends its line, so columns stay aligned.

use std::{
    collections::HashMap,
    env,
    io::{self, IsTerminal, Write},
};

use clap::builder::styling::{AnsiColor, Style};
use nimbert::{Classification, Engine, Score, Scoring};

use crate::{input::Row, labels::ratings, shorten::shorten, stream::Writer};

/// How long a bar for the score 1 is.
const BAR: usize = 20;
/// How many characters of a text are shown.
const TEXT: usize = 80;

pub(crate) struct Human<W> {
    out: W,
    shown: usize,
    /// Whether a score is a part of 1, for which a bar can be drawn.
    has_bars: bool,
    /// The labels that are ratings, with their stars.
    stars: HashMap<String, String>,
    paint: Paint,
}

#[derive(Default)]
struct Paint {
    text: Style,
    stars: Style,
    bar: Style,
    note: Style,
}

impl Paint {
    /// Colours on a terminal that has them, unless `NO_COLOR` is set.
    fn for_stdout() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        if !io::stdout().is_terminal() || is_set("NO_COLOR") || is_dumb {
            return Self::default();
        }
        Self {
            text: Style::new().bold(),
            stars: AnsiColor::Yellow.on_default(),
            bar: AnsiColor::Cyan.on_default(),
            note: Style::new().dimmed(),
        }
    }
}

impl<W: Write> Human<W> {
    pub(crate) fn new(out: W, shown: usize, engine: &Engine) -> Self {
        let has_bars = engine.scoring() != Scoring::Identity;
        Self { out, shown, has_bars, stars: stars(engine.labels()), paint: Paint::for_stdout() }
    }

    fn text(&mut self, row: &Row, result: &Classification) -> io::Result<()> {
        let Paint { text, note, .. } = self.paint;
        for (at, field) in row.fields.iter().enumerate() {
            let lead = if at == 0 { "" } else { "+ " };
            match shorten(field, TEXT).as_str() {
                "" => write!(self.out, "{lead}{note}(empty){note:#}")?,
                shown => write!(self.out, "{lead}{text}{shown}{text:#}")?,
            }
            if result.truncated && at + 1 == row.fields.len() {
                write!(self.out, " {note}(cut at {} tokens){note:#}", result.tokens)?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn score(&mut self, Score { label, score }: Score<'_>) -> io::Result<()> {
        let Paint { stars, bar, note, .. } = self.paint;
        write!(self.out, "  ")?;
        if let Some(drawn) = self.stars.get(label) {
            write!(self.out, "{stars}{drawn}{stars:#}  ")?;
        }
        if self.has_bars {
            let full = ((score * BAR as f32).round() as usize).min(BAR);
            write!(self.out, "{bar}{:█<full$}{bar:#}{note}{:░<2$}{note:#}  ", "", "", BAR - full)?;
        }
        writeln!(self.out, "{score:.3}  {}", shorten(label, TEXT))
    }
}

impl<W: Write> Writer<Classification> for Human<W> {
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()> {
        if self.shown > 1 && index > 0 {
            writeln!(self.out)?;
        }
        self.text(row, result)?;
        result.ranked().into_iter().take(self.shown).try_for_each(|score| self.score(score))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What to draw for each label, when they are ratings.
fn stars(labels: &[String]) -> HashMap<String, String> {
    let best = labels.len();
    let draw = |n: usize| "★".repeat(n) + &"☆".repeat(best - n);
    match ratings(labels) {
        Some(ratings) if best <= 10 => labels.iter().cloned().zip(ratings.into_iter().map(draw)).collect(),
        _ => HashMap::new(),
    }
}
