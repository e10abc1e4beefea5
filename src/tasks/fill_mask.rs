//! Words for what is masked, by a masked language model, as the fill-mask pipeline of transformers finds them.

mod masks;
mod options;
mod words;

use std::{collections::BTreeSet, path::Path};

pub use self::options::FillOptions;
use crate::{
    checkpoint::opened::Opened,
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
    tokenizer::Encoding,
};

/// A masked language model. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{FillOptions, MaskFiller, Options};
///
/// let filler = MaskFiller::load("bert-base-chinese", Options::default())?;
/// let found = filler.fill(&["这部电[MASK]很好看"], &FillOptions::default()).remove(0)?;
/// for word in &found.masks[0] {
///     println!("{:.3} {} {}", word.score, word.token, word.sequence);
/// }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MaskFiller {
    engine: Engine,
    mask: u32,
}

/// A word for a mask.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Filled {
    /// How likely it stands there.
    pub score: f32,
    /// The token's id.
    pub id: u32,
    /// Its text.
    pub token: String,
    /// The tokens of the whole text with it in its place, put together: not the text, where a tokenizer lowers case. Of a text with several
    /// masks the special tokens are in it, as the other masks are.
    pub sequence: String,
}

/// The words for the masks of a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Filling {
    /// Of each mask, in the order of the text, the best first.
    pub masks: Vec<Vec<Filled>>,
    /// Tokens that were read, special ones included.
    pub tokens: usize,
    /// Whether the text was cut to the allowed tokens.
    pub truncated: bool,
}

impl MaskFiller {
    /// Loads a checkpoint directory or a packed file.
    ///
    /// # Errors
    /// As [`Engine::load`]; when the model has no words for masks, or its tokenizer no mask.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        Self::new(Engine::of(Opened::at(path)?, path, options, Purpose::FillMask)?)
    }

    /// Reads the words of a model that is loaded, such as a [`Preset`](crate::Preset).
    ///
    /// # Errors
    /// When it has no words for masks, or its tokenizer no mask.
    pub fn new(engine: Engine) -> Result<Self> {
        engine.check(Purpose::FillMask)?;
        let tokenizer = engine.tokenizer();
        let mask = tokenizer.mask().ok_or_else(|| {
            let reason = format!("the vocabulary lacks the mask, {}", tokenizer.mask_token());
            Error::tokenizer(Path::new(engine.name()), reason)
        })?;
        Ok(Self { engine, mask })
    }

    /// The words for the masks of each text, or an error for a text that has none. A text's are the same bits whatever the others are.
    ///
    /// # Errors
    /// Of a text: that it has no mask, or one that is cut off; that it is longer than allowed and [`Options::on_long`] says so; or that the
    /// answer is not finite. Of every text: that an option does not fit, or that there is no memory.
    pub fn fill(&self, texts: &[&str], options: &FillOptions) -> Vec<Result<Filling>> {
        if let Err(error) = options.check(self.engine.config().encoder.vocab_size) {
            return texts.iter().map(|_| Err(error.clone())).collect();
        }
        let encode = |(index, text): (usize, &&str)| self.encode_text(index, text);
        let rows: Vec<_> = texts.iter().enumerate().map(encode).collect();
        let encodings: Vec<_> = rows.iter().flatten().collect();
        let found = self
            .masks_of(&encodings, |row, place, logits| self.filled(encodings[row], place, logits, options));
        let mut found = found.into_iter();
        let filling = |(index, row): (usize, &Result<Encoding>)| {
            let row = row.as_ref().map_err(Clone::clone)?;
            let masks = found.next().expect("an answer for every row").map_err(|error| error.at(index))?;
            Ok(Filling { masks, tokens: row.token_ids.len(), truncated: row.truncated })
        };
        rows.iter().enumerate().map(filling).collect()
    }

    /// The model's raw outputs for the masks of rows of tokens, one for each word of the vocabulary: `[masks, words]` for each row.
    ///
    /// # Errors
    /// As [`Engine::logits`], and of a row without a mask.
    pub fn logits(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        let found = self.masks_of_rows(rows, |_, _, logits| logits.to_vec());
        found.into_iter().map(|masks| Ok(masks?.concat())).collect()
    }

    /// [`MaskFiller::fill`] for rows of tokens: for who tokenizes apart.
    ///
    /// # Errors
    /// As [`MaskFiller::logits`], and that an option does not fit.
    pub fn fill_rows(&self, rows: &[Encoding], options: &FillOptions) -> Vec<Result<Filling>> {
        if let Err(error) = options.check(self.engine.config().encoder.vocab_size) {
            return rows.iter().map(|_| Err(error.clone())).collect();
        }
        let found =
            self.masks_of_rows(rows, |row, place, logits| self.filled(&rows[row], place, logits, options));
        let filling = |(row, masks): (&Encoding, Result<_>)| {
            Ok(Filling { masks: masks?, tokens: row.token_ids.len(), truncated: row.truncated })
        };
        rows.iter().zip(found).map(filling).collect()
    }

    /// The words for the masks of a row, from its logits, `[masks, words]`: for who computes many texts together.
    ///
    /// # Errors
    /// When an option does not fit.
    ///
    /// # Panics
    /// When there are logits of another number of masks.
    pub fn filling(&self, row: &Encoding, logits: &[f32], options: &FillOptions) -> Result<Filling> {
        let words = self.engine.config().encoder.vocab_size;
        options.check(words)?;
        let places = row.token_ids.iter().enumerate().filter(|&(_, &id)| id == self.mask);
        let places: Vec<_> = places.map(|(place, _)| place).collect();
        assert_eq!(logits.len(), places.len() * words, "logits of each mask");
        let masks = places.into_iter().zip(logits.chunks_exact(words));
        let masks = masks.map(|(place, logits)| self.filled(row, place, logits, options)).collect();
        Ok(Filling { masks, tokens: row.token_ids.len(), truncated: row.truncated })
    }

    /// The tokens of a text, which has a mask.
    ///
    /// # Errors
    /// As [`MaskFiller::fill`].
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        self.encode_text(0, text)
    }

    /// The ids of words, for [`FillOptions::targets`]. A word is as the vocabulary has it, or as it would be in a text.
    ///
    /// # Errors
    /// When there is none, or one is not a single token.
    pub fn targets(&self, words: &[&str]) -> Result<Vec<u32>> {
        let refuse = |reason| Err(Error::Option { option: "targets", reason });
        if words.is_empty() {
            return refuse("there are none".to_owned());
        }
        let tokenizer = self.engine.tokenizer();
        let mut ids = Vec::new();
        for word in words {
            let id = match tokenizer.id(word) {
                Some(id) => id,
                None => match *tokenizer.ids(word) {
                    [id] if Some(id) != tokenizer.unknown() => id,
                    ref ids => {
                        let tokens: Vec<_> = ids.iter().filter_map(|&id| tokenizer.token(id)).collect();
                        return refuse(match tokens[..] {
                            [] => format!("{word:?} is no token"),
                            [_] => format!("{word:?} is not in the vocabulary"),
                            _ => format!(
                                "{word:?} is not one token but {}: {}",
                                tokens.len(),
                                tokens.join(" ")
                            ),
                        });
                    }
                },
            };
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn encode_text(&self, index: usize, text: &str) -> Result<Encoding> {
        let encoding = self.engine.encode_text(index, text, None, self.engine.max_tokens())?;
        if encoding.token_ids.contains(&self.mask) {
            return Ok(encoding);
        }
        let mask = self.engine.tokenizer().mask_token();
        let reason = if encoding.truncated {
            format!("no {mask} in its first {} tokens", encoding.token_ids.len())
        } else {
            format!("no {mask} in it")
        };
        Err(Error::Text { index, reason })
    }

    /// The same with some parts of the model as `other` has them: see [`Engine::with_parts_of`].
    ///
    /// # Errors
    /// As there.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        Ok(Self { engine: self.engine.with_parts_of(&other.engine, names)?, mask: self.mask })
    }

    /// The id of what stands for a word.
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
