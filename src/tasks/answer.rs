//! Answers to questions as they stand in a text, as the question-answering pipeline of transformers found them, which newer versions of it
//! no longer have.

mod options;
mod spans;

use std::{borrow::Cow, collections::BTreeSet, path::Path};

pub use self::options::ReadOptions;
use self::spans::{Place, answers};
use super::{characters::Characters, of_text};
use crate::{
    checkpoint::opened::Opened,
    encoder::Row,
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
    tokenizer::{Cut, Encoding, OnLong, Origin, Window},
};

/// Tokens of a window, unless said otherwise or the model takes fewer.
const WINDOW: usize = 384;
/// Tokens that two windows have in common, unless said otherwise or half a window is less.
const STRIDE: usize = 128;

/// A model that finds answers. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{Options, ReadOptions, Reader};
///
/// let reader = Reader::load("bert-large-uncased-whole-word-masking-finetuned-squad", Options::default())?;
/// let context = "The harbour pilot from Lisbon met Maria Olsen on Tuesday.";
/// let found = reader.answer(&[("Who met Maria?", context)], &ReadOptions::default()).remove(0)?;
/// println!("{} ({:.3})", found.answers[0].text, found.answers[0].score);
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    engine: Engine,
    window: usize,
}

/// A part of a context that may be the answer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// How likely it starts and ends there, among the parts of its window.
    pub score: f32,
    /// From this character of the context, counted from 0,
    pub start: usize,
    /// to before this one.
    pub end: usize,
    /// As it stands in the context; empty if there is none.
    pub text: String,
}

/// An answer as tokens of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct TokenSpan {
    /// How likely it starts and ends there, among the parts of its window.
    pub score: f32,
    /// Which of the windows, from 0.
    pub window: usize,
    /// Its first token there, `[CLS]` being 0,
    pub first: usize,
    /// and its last.
    pub last: usize,
}

/// The answers to a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answers {
    /// The best first.
    pub answers: Vec<Answer>,
    /// Of each token of each window, how well an answer starts there and how well it ends there: `[tokens, 2]`.
    pub logits: Vec<f32>,
    /// Tokens that were read, the question's and special ones of every window included.
    pub tokens: usize,
    /// In how many windows the context was read.
    pub windows: usize,
    /// Whether the question was cut to the allowed tokens. A context never is.
    pub truncated: bool,
}

/// A question and its context, ready for the model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Asked {
    /// What the context was cut to, with the question before each.
    pub windows: Vec<Window>,
    /// Whether the question was cut to the allowed tokens.
    pub truncated: bool,
}

impl Reader {
    /// Loads a checkpoint directory or a packed file. [`Options::max_tokens`] are those of a window: 384, or as many as the model takes.
    ///
    /// # Errors
    /// As [`Engine::load`]; when the model does not find answers.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let (path, said) = (path.as_ref(), options.max_tokens);
        Self::of(Engine::of(Opened::at(path)?, path, options, Purpose::Answer)?, said)
    }

    /// Reads spans of a model that is loaded, such as a [`Preset`](crate::Preset), in windows of 384 tokens or as many as the model takes.
    ///
    /// # Errors
    /// When it does not find answers.
    pub fn new(engine: Engine) -> Result<Self> {
        Self::of(engine, None)
    }

    /// In windows of so many tokens, where the user `said` it.
    pub(super) fn of(engine: Engine, said: Option<usize>) -> Result<Self> {
        engine.check(Purpose::Answer)?;
        let window = said.unwrap_or(engine.max_tokens().min(WINDOW));
        Ok(Self { engine, window })
    }

    /// The answers to questions, each in its context, or an error for a question that has none. A question's are the same bits whatever the
    /// others are.
    ///
    /// # Errors
    /// Of a question: that it or its context is empty, or it is so long that a window has no room for the context, or the answer is not
    /// finite. Of every question: that an option does not fit, or that there is no memory.
    pub fn answer(&self, questions: &[(&str, &str)], options: &ReadOptions) -> Vec<Result<Answers>> {
        if let Err(error) = options.check() {
            return questions.iter().map(|_| Err(error.clone())).collect();
        }
        let ask = |(index, (question, context)): (usize, &(&str, &str))| {
            self.asked(question, context, options).map_err(|reason| Error::Text { index, reason })
        };
        let rows: Vec<_> = questions.iter().enumerate().map(ask).collect();
        let windows = rows.iter().flatten().flat_map(|asked| &asked.windows);
        let mut logits =
            self.engine.token_logits_of(windows.map(|window| Row::from(&window.encoding))).into_iter();
        let answer = |(index, (asked, (_, context))): (usize, (Result<Asked>, &(&str, &str)))| {
            let asked = asked?;
            let logits = of_text(&mut logits, asked.windows.len(), index)?;
            Ok(self.answers(&asked, context, &logits, options))
        };
        rows.into_iter().zip(questions).enumerate().map(answer).collect()
    }

    /// The model's raw outputs for rows of tokens, `[tokens, 2]` for each row: for who tokenizes apart.
    ///
    /// # Errors
    /// As [`Engine::logits`].
    pub fn logits(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        self.engine.token_logits_of(rows.iter().map(Row::from))
    }

    /// The tokens that answer a question best, of the windows that its context was read in: for who tokenizes apart. A window's context is
    /// what has token type 1, but for the `[SEP]` that ends it; `None`: there is nothing in it.
    ///
    /// # Errors
    /// The first of [`Reader::logits`], and that there are no tokens in an answer.
    pub fn span(&self, windows: &[Encoding], options: &ReadOptions) -> Result<Option<TokenSpan>> {
        options.check()?;
        let logits = self.logits(windows).into_iter().collect::<Result<Vec<_>>>()?;
        let of_window = |(window, (encoding, logits)): (usize, (&Encoding, &Vec<f32>))| {
            let places = context_tokens(encoding);
            spans::Window { logits: logits.as_chunks().0, places: &places }.best(window, options)
        };
        let spans = windows.iter().zip(&logits).enumerate().filter_map(of_window);
        // Of equals the first.
        Ok(spans.reduce(|best, span| if span.score > best.score { span } else { best }))
    }

    /// A question and its context in windows: the first step of [`Reader::answer`], for who computes many questions together.
    /// [`Reader::logits`] is the second, [`Reader::answers`] the third.
    ///
    /// # Errors
    /// As [`Reader::answer`].
    pub fn encode(&self, question: &str, context: &str, options: &ReadOptions) -> Result<Asked> {
        options.check()?;
        self.asked(question, context, options).map_err(|reason| Error::Text { index: 0, reason })
    }

    fn asked(&self, question: &str, context: &str, options: &ReadOptions) -> Result<Asked, String> {
        let tokenizer = self.engine.tokenizer();
        let [alone, together] = [false, true].map(|has_pair| tokenizer.special_tokens(has_pair));
        let count =
            |text, most: usize| tokenizer.windows(text, None, most.saturating_add(alone), Cut::First, None);
        let mut asked = Cow::from(question);
        let head = count(question, options.max_question_tokens)?.remove(0);
        let Some(last) = head.origins.iter().rev().flatten().next() else {
            return Err("an empty question".to_owned());
        };
        let truncated = head.encoding.truncated;
        if truncated {
            if self.engine.on_long() == OnLong::Error {
                return Err(format!("a question of more than {} tokens", options.max_question_tokens));
            }
            asked = Characters::of(question).slice(0, last.end).to_owned().into();
        }
        let tokens = head.encoding.token_ids.len() - alone;
        let room = self.window.checked_sub(together + tokens).filter(|&room| room > 0).ok_or_else(|| {
            format!(
                "a question of {tokens} tokens leaves no room for a context in windows of {}",
                self.window
            )
        })?;
        let usual = STRIDE.min(self.window / 2);
        // A long question may leave less room than that.
        let stride = options.stride.unwrap_or(if usual < room { usual } else { room / 2 });
        let windows = tokenizer.windows(&asked, Some(context), self.window, Cut::Second, Some(stride))?;
        if !windows[0].origins.iter().flatten().any(|origin| origin.sequence == 1) {
            return Err("an empty context".to_owned());
        }
        Ok(Asked { windows, truncated })
    }

    /// The answers to a question, from the logits of each of its windows.
    ///
    /// # Panics
    /// When there are logits of another number of tokens.
    pub fn answers(
        &self,
        asked: &Asked,
        context: &str,
        logits: &[Vec<f32>],
        options: &ReadOptions,
    ) -> Answers {
        let Asked { windows, truncated } = asked;
        let fits = |(window, logits): (&Window, &Vec<f32>)| logits.len() == window.origins.len() * 2;
        assert!(
            windows.len() == logits.len() && windows.iter().zip(logits).all(fits),
            "logits of each token"
        );
        let places: Vec<_> = windows.iter().map(|window| places(window, options.align_to_words)).collect();
        let spans = logits.iter().zip(&places);
        let spans = spans.map(|(logits, places)| spans::Window { logits: logits.as_chunks().0, places });
        Answers {
            answers: answers(&spans.collect::<Vec<_>>(), &Characters::of(context), options),
            logits: logits.concat(),
            tokens: windows.iter().map(|window| window.encoding.token_ids.len()).sum(),
            windows: windows.len(),
            truncated: *truncated,
        }
    }

    /// The same with some parts of the model as `other` has them: see [`Engine::with_parts_of`].
    ///
    /// # Errors
    /// As there.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        Ok(Self { engine: self.engine.with_parts_of(&other.engine, names)?, window: self.window })
    }

    /// The same in windows of so many tokens.
    ///
    /// # Errors
    /// When the model has not so many positions.
    pub fn with_window(&self, tokens: usize) -> Result<Self> {
        let most = self.engine.max_tokens();
        if !(1..=most).contains(&tokens) {
            let reason = format!("{tokens} is not between 1 and the model's {most}");
            return Err(Error::Option { option: "max-tokens", reason });
        }
        Ok(Self { engine: self.engine.clone(), window: tokens })
    }

    /// The most tokens of a window, special ones included.
    pub fn window(&self) -> usize {
        self.window
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The tokens of the context where they stand in a row, whatever their text is.
fn context_tokens(encoding: &Encoding) -> Vec<Option<Place>> {
    let last = encoding.token_ids.len().saturating_sub(1);
    let types = encoding.token_type_ids.iter().enumerate();
    types.map(|(at, &kind)| (kind == 1 && at < last).then_some(Place { start: at, end: at + 1 })).collect()
}

/// Where each token of the context is, or with `whole_words` what the window has of its word.
fn places(window: &Window, whole_words: bool) -> Vec<Option<Place>> {
    let of_context = |origin: &Option<Origin>| origin.filter(|origin| origin.sequence == 1);
    let mut places = vec![None; window.origins.len()];
    let tokens: Vec<_> = window
        .origins
        .iter()
        .enumerate()
        .filter_map(|(at, origin)| Some((at, of_context(origin)?)))
        .collect();
    for word in tokens.chunk_by(|(_, one), (_, next)| whole_words && one.word == next.word) {
        let (start, end) = (word[0].1.start, word[word.len() - 1].1.end);
        word.iter().for_each(|&(at, _)| places[at] = Some(Place { start, end }));
    }
    places
}
