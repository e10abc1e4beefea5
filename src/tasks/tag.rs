//! Entities in a text, by a classifier of tokens, as the token-classification pipeline of transformers finds them.

mod entities;
mod options;

use std::{borrow::Cow, collections::BTreeSet, path::Path};

use self::entities::{Rules, Token, best, kind, without_overlap};
pub use self::options::{Aggregation, TagOptions};
use super::{Scoring, characters::Characters, of_text};
use crate::{
    checkpoint::opened::Opened,
    encoder::Row,
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
    tokenizer::{Encoding, Origin, Window},
};

/// A classifier of tokens. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{Options, TagOptions, Tagger};
///
/// let tagger = Tagger::load("bert-base-NER", Options::default())?;
/// let text = "Maria Olsen moved to Ghent";
/// for entity in tagger.tag(&[text], &TagOptions::default()).remove(0)?.entities {
///     println!("{} {:.3} {} ({} to {})", entity.label, entity.score, entity.word, entity.start, entity.end);
/// }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tagger {
    engine: Engine,
}

/// A part of a text that is of a kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entity {
    /// The kind, such as `PER`; of a single token the label, such as `B-PER`.
    pub label: String,
    /// How likely it is, from 0 to 1: of several tokens or words the mean.
    pub score: f32,
    /// Its tokens, put together: not the text, where a tokenizer lowers case.
    pub word: String,
    /// From this character of the text, counted from 0,
    pub start: usize,
    /// to before this one.
    pub end: usize,
    /// Of a single token: its place among all, special ones included.
    pub index: Option<usize>,
}

/// The entities of a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tagged {
    /// In the order of the text.
    pub entities: Vec<Entity>,
    /// What the model says of each token, special ones included: `[tokens, labels]`.
    pub logits: Vec<f32>,
    /// Tokens that were read, special ones and those of every window included.
    pub tokens: usize,
    /// Whether the text was cut to the allowed tokens.
    pub truncated: bool,
}

/// The labels of words that were told apart before.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaggedWords {
    /// Of each word, by its first token: the label's index, and how likely it is. `None` of a word without tokens, or cut off.
    pub labels: Vec<Option<(usize, f32)>>,
    /// Tokens that were read, special ones included.
    pub tokens: usize,
    /// Whether words were cut off to respect the limit of tokens.
    pub truncated: bool,
}

impl Tagger {
    /// Loads a checkpoint directory or a packed file.
    ///
    /// # Errors
    /// As [`Engine::load`]; when the model is no classifier of tokens.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        Self::new(Engine::of(Opened::at(path)?, path, options, Purpose::Tag)?)
    }

    /// Reads the labels of a model that is loaded, such as a [`Preset`](crate::Preset).
    ///
    /// # Errors
    /// When it is no classifier of tokens.
    pub fn new(engine: Engine) -> Result<Self> {
        engine.check(Purpose::Tag)?;
        Ok(Self { engine })
    }

    /// The entities of each text, or an error for a text that has no answer. A text's are the same bits whatever the others are.
    ///
    /// # Errors
    /// Of a text: that it is longer than allowed and [`Options::on_long`] says so, or the answer is not finite. Of every text: that the
    /// stride is too long or asked for single tokens, or that there is no memory.
    pub fn tag(&self, texts: &[&str], options: &TagOptions) -> Vec<Result<Tagged>> {
        if let Err(error) = self.check(options) {
            return texts.iter().map(|_| Err(error.clone())).collect();
        }
        let windows = |(index, text): (usize, &&str)| self.engine.windows(index, text, options.stride);
        let rows: Vec<_> = texts.iter().enumerate().map(windows).collect();
        let mut logits = self.logits_of(&rows).into_iter();
        let tagged = |(index, (windows, text)): (usize, (Result<Vec<Window>>, &&str))| {
            let windows = windows?;
            let logits = of_text(&mut logits, windows.len(), index)?;
            Ok(self.tagged(text, &windows, &logits, options))
        };
        rows.into_iter().zip(texts).enumerate().map(tagged).collect()
    }

    /// The labels of words, the first token of each speaking for it. Longer rows than the model takes are cut.
    ///
    /// # Errors
    /// As [`Tagger::tag`].
    pub fn tag_words(&self, rows: &[&[&str]]) -> Vec<Result<TaggedWords>> {
        let texts: Vec<_> = rows.iter().map(|words| words.join(" ")).collect();
        let windows = |(index, text): (usize, &String)| self.engine.windows(index, text, None);
        let windows: Vec<_> = texts.iter().enumerate().map(windows).collect();
        let mut logits = self.logits_of(&windows).into_iter();
        let tagged = |(index, (windows, words)): (usize, (Result<Vec<Window>>, &&[&str]))| {
            let window = windows?.remove(0);
            let logits = logits.next().expect("logits for every row").map_err(|error| error.at(index))?;
            Ok(self.of_words(words, &window, &logits))
        };
        windows.into_iter().zip(rows).enumerate().map(tagged).collect()
    }

    /// The tokens of a text, in as many windows as it takes: the first step of [`Tagger::tag`], for who computes many texts together.
    /// [`Tagger::logits`] is the second, [`Tagger::tagged`] the third.
    ///
    /// # Errors
    /// As [`Tagger::tag`].
    pub fn encode(&self, text: &str, options: &TagOptions) -> Result<Vec<Window>> {
        self.check(options)?;
        self.engine.windows(0, text, options.stride)
    }

    /// The model's raw outputs for rows of tokens, `[tokens, labels]` for each row: for who tokenizes apart.
    ///
    /// # Errors
    /// As [`Engine::logits`].
    pub fn logits(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        self.engine.token_logits_of(rows.iter().map(Row::from))
    }

    /// Whether the options fit this model: what [`Tagger::tag`] would say of every text is said before any.
    ///
    /// # Errors
    /// When the stride is too long, or asked for single tokens.
    pub fn check(&self, options: &TagOptions) -> Result<()> {
        let Some(stride) = options.stride else { return Ok(()) };
        let refuse = |reason: String| Err(Error::Option { option: "stride", reason });
        if options.aggregation == Aggregation::None {
            return refuse("single tokens of windows that overlap would be there twice".to_owned());
        }
        let special = self.engine.tokenizer().special_tokens(false);
        let room = self.engine.max_tokens().saturating_sub(special);
        if stride >= room {
            return refuse(format!(
                "{stride} tokens are not less than the {room} that a window has of a text"
            ));
        }
        Ok(())
    }

    fn logits_of(&self, rows: &[Result<Vec<Window>>]) -> Vec<Result<Vec<f32>>> {
        let windows = rows.iter().flatten().flatten();
        self.engine.token_logits_of(windows.map(|window| Row::from(&window.encoding)))
    }

    /// The entities of a text, from its windows and the logits of each.
    ///
    /// # Panics
    /// When there are no windows, or logits of another number of tokens.
    pub fn tagged(
        &self,
        text: &str,
        windows: &[Window],
        logits: &[Vec<f32>],
        options: &TagOptions,
    ) -> Tagged {
        let labels = self.labels().len();
        let fits = |(window, logits): (&Window, &Vec<f32>)| logits.len() == window.origins.len() * labels;
        assert!(
            windows.len() == logits.len() && windows.iter().zip(logits).all(fits),
            "logits of each token"
        );
        let text = Characters::of(text);
        let tokenizer = self.engine.tokenizer();
        let rules = Rules {
            labels: self.labels(),
            aggregation: options.aggregation,
            join: &|tokens| tokenizer.join(tokens.iter().copied()),
        };
        let mut entities = Vec::new();
        for (window, logits) in windows.iter().zip(logits) {
            let scores = self.scores(logits);
            let mut found = rules.entities(&self.tokens(&text, window, &scores));
            found.retain(|entity| !options.ignore_labels.contains(&entity.label));
            entities.append(&mut found);
        }
        if windows.len() > 1 {
            entities = without_overlap(entities);
        }
        Tagged {
            entities,
            logits: logits.concat(),
            tokens: windows.iter().map(|window| window.encoding.token_ids.len()).sum(),
            truncated: options.stride.is_none() && windows[0].encoding.truncated,
        }
    }

    /// A window's tokens but for the special ones.
    fn tokens<'a>(&'a self, text: &Characters<'a>, window: &'a Window, scores: &'a [f32]) -> Vec<Token<'a>> {
        let tokenizer = self.engine.tokenizer();
        let scores = scores.chunks_exact(self.labels().len());
        let ids = window.encoding.token_ids.iter().copied();
        let mut tokens = Vec::new();
        for (index, ((id, origin), scores)) in ids.zip(&window.origins).zip(scores).enumerate() {
            let Some(Origin { start, end, .. }) = *origin else { continue };
            let own = tokenizer.token(id).unwrap_or_default();
            let is_unknown = Some(id) == tokenizer.unknown();
            let goes_on = if tokenizer.marks_subwords() {
                // It is not as long as what it stands for: it has a prefix.
                own.chars().count() != end - start
            } else {
                start > 0 && !text.is_at_space(start)
            };
            tokens.push(Token {
                word: Cow::from(if is_unknown { text.slice(start, end) } else { own }),
                scores,
                start,
                end,
                index,
                is_subword: !is_unknown && goes_on,
            });
        }
        tokens
    }

    fn of_words(&self, words: &[&str], window: &Window, logits: &[f32]) -> TaggedWords {
        let scores = self.scores(logits);
        let mut labels = vec![None; words.len()];
        // Where each word ends in the text, in characters; a space is between two.
        let ends = words.iter().scan(0, |end, word| {
            *end += word.chars().count() + 1;
            Some(*end - 1)
        });
        let ends: Vec<_> = ends.collect();
        for (origin, scores) in window.origins.iter().zip(scores.chunks_exact(self.labels().len())) {
            let Some(origin) = origin else { continue };
            let word = ends.partition_point(|&end| end <= origin.start);
            let label = best(scores);
            if let Some(first) = labels.get_mut(word).filter(|label| label.is_none()) {
                *first = Some((label, scores[label]));
            }
        }
        let encoding = &window.encoding;
        TaggedWords { labels, tokens: encoding.token_ids.len(), truncated: encoding.truncated }
    }

    /// How likely each label of each token is.
    fn scores(&self, logits: &[f32]) -> Vec<f32> {
        let mut scores = logits.to_vec();
        scores.chunks_exact_mut(self.labels().len()).for_each(|token| Scoring::Softmax.apply(token));
        scores
    }

    /// The same with some parts of the model as `other` has them: see [`Engine::with_parts_of`].
    ///
    /// # Errors
    /// As there.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        Ok(Self { engine: self.engine.with_parts_of(&other.engine, names)? })
    }

    /// The labels' names, by index.
    pub fn labels(&self) -> &[String] {
        self.engine.labels()
    }

    /// What entities of several tokens are called, by label.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.labels().iter().map(|label| kind(label))
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
