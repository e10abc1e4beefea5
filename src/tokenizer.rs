//! Text → token ids, as Hugging Face's tokenizers do it.
//!
//! Not over the `tokenizers` crate, but with its tables of characters: loading takes a fraction of the time, the program is
//! smaller, and a text is read as far as its tokens are kept. Characters pass through [`added`], [`normalizer`], [`added`] again,
//! and [`words`] or [`split`], words through a [`model`], and ids into a [`template`]: none of them sees more of a text than a
//! few thousand characters and a word.

use std::{fs, io, path::Path};

use nimbert_kernels::aligned_copy;

use crate::{
    checkpoint::weights::Bytes,
    error::{Error, Result},
};
pub use encoding::{Cut, Encoding, OnLong, Origin, Window};

use added::{AddedTokens, BertUnits, Units};
use byte_level::ByteWords;
use decode::Decoder;
use ids::{Ids, Token};
use model::{Lexicon, Model};
use normalizer::Normalizer;
use place::{Place, Span};
use settings::Settings;
use spec::{Normalization, PreTokenization, Spec};
use split::{SplitWords, Splitter};
use template::Template;
use truncation::{Side, cut_longest_first, longest_first};
use vocabulary::Vocabulary;
use words::BertWords;

mod added;
mod bpe;
mod build;
mod byte_level;
mod decode;
mod encoding;
mod ids;
mod json;
mod model;
mod normalizer;
mod place;
mod settings;
mod spec;
mod split;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod truncation;
mod unigram;
mod vocabulary;
mod windows;
mod wordpiece;
mod words;

/// A tokenizer. Immutable: share it between threads as you like.
#[derive(Debug)]
pub struct Tokenizer {
    spec: Spec,
    normalizer: Normalizer,
    splitters: Vec<Splitter>,
    model: Model,
    template: Template,
    decoder: Decoder,
    added: AddedTokens,
    vocab_size: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or where there is none `vocab.txt`, or RoBERTa's `vocab.json` and `merges.txt`, with `tokenizer_config.json` and its older companions
    /// `special_tokens_map.json` and `added_tokens.json`. The files' settings combine as in
    /// `AutoTokenizer.from_pretrained`: casing, accents and Chinese characters of BERT are `tokenizer_config.json`'s business.
    ///
    /// # Errors
    /// Files that are missing, broken, or describe a tokenizer of a kind that is not known here.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let settings = Settings::read(dir)?;
        let path = dir.join("tokenizer.json");
        if let Some(bytes) = read_if_there(&path)? {
            let (mut spec, lexicon) = json::parse(&bytes, &path)?;
            settings.apply(&mut spec, &lexicon);
            return Self::build(spec, lexicon, &path);
        }
        if settings.has_merges() {
            return Self::from_merges(dir, &settings);
        }
        let path = dir.join("vocab.txt");
        let Some(bytes) = read_if_there(&path)? else { return Err(missing(dir)) };
        Self::from_text(&bytes, &settings, &path)
    }

    /// From the text of a `vocab.txt`, with the settings of an uncased BERT; `path` only names it in errors.
    pub(crate) fn from_vocabulary(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::from_text(bytes, &Settings::bert(), path)
    }

    fn from_text(bytes: &[u8], settings: &Settings, path: &Path) -> Result<Self> {
        let lexicon = Lexicon::WordPiece(Vocabulary::from_text(bytes, path)?);
        let mut spec = settings.spec(path.parent().unwrap_or(path))?;
        settings.apply(&mut spec, &lexicon);
        Self::build(spec, lexicon, path)
    }

    fn from_merges(dir: &Path, settings: &Settings) -> Result<Self> {
        let [vocabulary, merges] = ["vocab.json", "merges.txt"].map(|name| dir.join(name));
        let read = |path: &Path| {
            let lacks = || Error::tokenizer(dir, "no tokenizer.json, and not both vocab.json and merges.txt");
            read_if_there(path)?.ok_or_else(lacks)
        };
        let (tokens, list) = (read(&vocabulary)?, read(&merges)?);
        let lexicon = Lexicon::from_files((&tokens, &vocabulary), (&list, &merges))?;
        let mut spec = settings.spec(dir)?;
        settings.apply(&mut spec, &lexicon);
        Self::build(spec, lexicon, &vocabulary)
    }

    /// Restores what [`Tokenizer::to_parts`] gave; `path` only names the file in errors.
    ///
    /// # Errors
    /// Parts that are broken or don't belong together.
    pub fn from_parts(spec_json: &str, vocab: &[u8], index: &[u8], path: &Path) -> Result<Self> {
        let [vocab, index] = [vocab, index].map(|part| Bytes::from_lines(aligned_copy(part)));
        Self::from_packed(spec_json, &vocab, &index, path)
    }

    /// [`Tokenizer::from_parts`] that leaves the tokens where they are.
    pub(crate) fn from_packed(spec_json: &str, vocab: &Bytes, index: &Bytes, path: &Path) -> Result<Self> {
        let spec: Spec = serde_json::from_str(spec_json).map_err(Error::json(path))?;
        let lexicon = Lexicon::from_parts(&spec.model, vocab, index, path)?;
        Self::build(spec, lexicon, path)
    }

    /// What a packed file stores: the settings as JSON; the tokens in the order of their ids, each ended by a line
    /// feed, where an id without a token has an empty line; and what else the model has of them, ready to be used, which is
    /// nothing for WordPiece.
    pub fn to_parts(&self) -> (String, Vec<u8>, Vec<u8>) {
        let spec = serde_json::to_string(&self.spec).expect("strings, numbers and flags are always JSON");
        let [vocab, index] = self.model.to_parts();
        (spec, vocab, index)
    }

    /// What a reader of a packed file has to know for it, beside what is in all files.
    pub(crate) fn needs(&self) -> &'static str {
        match self.model {
            Model::WordPiece(_) => "",
            Model::Unigram(_) => "unigram",
            Model::Bpe(_) => "bpe",
        }
    }

    /// For a model that takes no token types: all are 0, whatever the files say.
    pub(crate) fn without_types(mut self) -> Self {
        self.template.forget_types();
        self
    }

    /// The highest id that a text can give, plus 1.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The most tokens for which the model was made, where `tokenizer_config.json` says so.
    pub fn model_max_length(&self) -> Option<usize> {
        self.spec.model_max_length
    }

    /// One line for people, e.g. `WordPiece, 13,705 tokens, lower-casing`.
    pub fn describe(&self) -> String {
        let digits = self.vocab_size.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        let casing = match &self.spec.normalizer {
            Some(Normalization::BertNormalizer(normalizer)) if normalizer.lowercase => ", lower-casing",
            Some(Normalization::BertNormalizer(_)) => ", case kept",
            _ => "",
        };
        format!("{}, {} tokens{casing}", self.model.name(), groups.join(","))
    }

    /// Encodes a text, or a pair of texts, in at most `max_tokens` tokens, `[CLS]` and `[SEP]` included.
    ///
    /// # Errors
    /// Says why, for the caller to add which text it was: too long and to be refused, or a limit below the special tokens.
    pub fn encode(
        &self,
        text: &str,
        pair: Option<&str>,
        max_tokens: usize,
        on_long: OnLong,
    ) -> Result<Encoding, String> {
        let room = self.room(max_tokens, pair.is_some())?;
        let mut first = Side::read(self.token_ids(text), room);
        let mut second = pair.map(|pair| Side::read(self.token_ids(pair), room));
        let total = first.ids.len() + second.as_ref().map_or(0, |second| second.ids.len());
        let truncated = total > room;
        if truncated {
            if on_long == OnLong::Error {
                return Err(format!("longer than {max_tokens} tokens"));
            }
            match &mut second {
                None => first.ids.truncate(room),
                Some(second) => cut_longest_first(&mut first, second, room),
            }
        }
        Ok(self.with_special_tokens(
            &first.ids,
            second.as_ref().map(|second| second.ids.as_slice()),
            truncated,
        ))
    }

    /// The same, but of a longer text, or pair of texts, the end stays: the `truncation_side` left of transformers.
    ///
    /// # Errors
    /// A limit below the special tokens.
    pub fn encode_end(&self, text: &str, pair: Option<&str>, max_tokens: usize) -> Result<Encoding, String> {
        let room = self.room(max_tokens, pair.is_some())?;
        let ids = |text: &str| self.token_ids(text).collect::<Vec<_>>();
        let (first, second) = (ids(text), pair.map(ids));
        let lengths = [first.len(), second.as_ref().map_or(0, Vec::len)];
        let truncated = lengths[0] + lengths[1] > room;
        let kept = match (truncated, &second) {
            (false, _) => lengths,
            (true, None) => [room, 0],
            (true, Some(_)) => longest_first(lengths, room),
        };
        let first = &first[lengths[0] - kept[0]..];
        let second = second.as_ref().map(|second| &second[lengths[1] - kept[1]..]);
        Ok(self.with_special_tokens(first, second, truncated))
    }

    /// A text with each of several others: `[CLS] text [SEP] second [SEP]`, in at most `max_tokens` tokens. The text is read once; where
    /// there is no room for all, it alone is cut.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`], and when a second text leaves no room for the text.
    pub(crate) fn encode_pairs(
        &self,
        text: &str,
        seconds: &[String],
        max_tokens: usize,
        on_long: OnLong,
    ) -> Result<Vec<Encoding>, String> {
        let room = self.room(max_tokens, true)?;
        // One more than there is room for tells that it is too long.
        let ids = |text: &str| -> Vec<_> { self.token_ids(text).take(room.saturating_add(1)).collect() };
        let first = ids(text);
        let pair = |second: &String| {
            let ids = ids(second);
            let left = room.checked_sub(ids.len()).filter(|&left| left > 0).ok_or_else(|| {
                format!("at most {max_tokens} tokens leave no room for a text beside {second:?}")
            })?;
            let truncated = first.len() > left;
            if truncated && on_long == OnLong::Error {
                return Err(format!("longer than {max_tokens} tokens"));
            }
            Ok(self.with_special_tokens(&first[..left.min(first.len())], Some(&ids), truncated))
        };
        seconds.iter().map(pair).collect()
    }

    fn with_special_tokens(&self, first: &[u32], second: Option<&[u32]>, truncated: bool) -> Encoding {
        self.template.encode(first, second, truncated)
    }

    /// How many special tokens there are around a text, or a pair of texts.
    pub fn special_tokens(&self, has_pair: bool) -> usize {
        self.template.special(has_pair)
    }

    /// How many tokens of texts there is room for beside the special ones.
    fn room(&self, max_tokens: usize, has_pair: bool) -> Result<usize, String> {
        let special = self.special_tokens(has_pair);
        max_tokens.checked_sub(special).ok_or_else(|| {
            format!("at most {max_tokens} tokens leave no room for the {special} special ones")
        })
    }

    /// The text's tokens without special ones, read as they are taken.
    fn tokens<'a, P: Place>(&'a self, text: &'a str) -> Tokens<'a, P> {
        let pieces = self.model.pieces();
        match (&self.normalizer, &self.spec.pre_tokenizer) {
            (Normalizer::Bert(bert), Some(PreTokenization::BertPreTokenizer)) => {
                Tokens::Bert(Ids::new(BertWords::new(self.added.bert_units(text, bert)), pieces))
            }
            (normalizer, &Some(PreTokenization::ByteLevel(settings))) => {
                let units = self.added.units(text, normalizer);
                Tokens::Bytes(Ids::new(ByteWords::new(units, settings), pieces))
            }
            (normalizer, _) => {
                let units = self.added.units(text, normalizer);
                Tokens::Any(Ids::new(SplitWords::new(units, &self.splitters), pieces))
            }
        }
    }

    /// Their ids.
    fn token_ids<'a>(&'a self, text: &'a str) -> TokenIds<'a> {
        if self.splitters.iter().any(Splitter::needs_places) {
            TokenIds::Placed(self.tokens(text))
        } else {
            TokenIds::Plain(self.tokens(text))
        }
    }
}

/// See [`Tokenizer::tokens`]: BERT's, which most models have, are compiled apart.
enum Tokens<'a, P> {
    Bert(Ids<'a, BertWords<BertUnits<'a, P>, P>, P>),
    Bytes(Ids<'a, ByteWords<Units<'a, P>, P>, P>),
    Any(Ids<'a, SplitWords<'a, Units<'a, P>, P>, P>),
}

impl<P: Place> Iterator for Tokens<'_, P> {
    type Item = Token<P>;

    #[inline]
    fn next(&mut self) -> Option<Token<P>> {
        match self {
            Self::Bert(ids) => ids.next(),
            Self::Bytes(ids) => ids.next(),
            Self::Any(ids) => ids.next(),
        }
    }
}

/// See [`Tokenizer::token_ids`]: where words depend on their places, places have to be known.
enum TokenIds<'a> {
    Plain(Tokens<'a, ()>),
    Placed(Tokens<'a, Span>),
}

impl Iterator for TokenIds<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        match self {
            Self::Plain(tokens) => tokens.next().map(|token| token.id),
            Self::Placed(tokens) => tokens.next().map(|token| token.id),
        }
    }
}

/// There is nothing that is read here, but there may be a file that another program can make it of.
fn missing(dir: &Path) -> Error {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    match names.filter(|name| name.ends_with(".model")).min() {
        None => Error::tokenizer(dir, "no tokenizer.json and no vocab.txt"),
        Some(name) => {
            let made = format!(
                "AutoTokenizer.from_pretrained({0:?}).save_pretrained({0:?})",
                dir.display().to_string()
            );
            let command = format!("python -c 'from transformers import AutoTokenizer; {made}'");
            Error::tokenizer(
                dir,
                format!("{name}, but no tokenizer.json: transformers makes one of it, {command}"),
            )
        }
    }
}

/// The file's content, or `None` if there is no such file.
fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}
