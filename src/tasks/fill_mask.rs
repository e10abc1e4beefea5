//! Words for what is masked, by a masked language model, as the fill-mask pipeline of transformers finds them.

use std::{collections::BTreeSet, path::Path};

use crate::{
    checkpoint::opened::Opened,
    encoder::{Batch, Row, Wanted},
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
    tokenizer::Encoding,
};

/// Masks whose logits are in memory at once: each has one for every word. Enough that every weight is used often when it is read.
const ROWS: usize = 32;

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

/// Which words are given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FillOptions {
    /// The most words for a mask.
    pub top_k: usize,
    /// The tokens that words are chosen of, as [`MaskFiller::targets`] gives them; `None`: all. Scores are parts of 1 of all tokens, these
    /// or not.
    pub targets: Option<Vec<u32>>,
}

impl Default for FillOptions {
    fn default() -> Self {
        Self { top_k: 5, targets: None }
    }
}

impl FillOptions {
    /// So [many](Self::top_k) words.
    #[must_use]
    pub fn top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Of [these](Self::targets).
    #[must_use]
    pub fn targets(self, targets: impl Into<Option<Vec<u32>>>) -> Self {
        Self { targets: targets.into(), ..self }
    }
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
        if let Err(error) = self.check(options) {
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
        if let Err(error) = self.check(options) {
            return rows.iter().map(|_| Err(error.clone())).collect();
        }
        let found =
            self.masks_of_rows(rows, |row, place, logits| self.filled(&rows[row], place, logits, options));
        let filling = |(row, masks): (&Encoding, Result<_>)| {
            Ok(Filling { masks: masks?, tokens: row.token_ids.len(), truncated: row.truncated })
        };
        rows.iter().zip(found).map(filling).collect()
    }

    /// [`MaskFiller::masks_of`] for rows of which some may have no mask.
    fn masks_of_rows<A>(
        &self,
        rows: &[Encoding],
        mut each: impl FnMut(usize, usize, &[f32]) -> A,
    ) -> Vec<Result<Vec<A>>> {
        let has_mask = |row: &Encoding| row.token_ids.contains(&self.mask);
        let (indices, with_masks): (Vec<_>, Vec<_>) =
            rows.iter().enumerate().filter(|(_, row)| has_mask(row)).unzip();
        let found = self.masks_of(&with_masks, |row, place, logits| each(indices[row], place, logits));
        let mut found = found.into_iter();
        let masks = |(index, row)| {
            if !has_mask(row) {
                return Err(Error::Text { index, reason: "no mask in it".to_owned() });
            }
            found.next().expect("an answer for every row").map_err(|error| error.at(index))
        };
        rows.iter().enumerate().map(masks).collect()
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
                    [id] if id != tokenizer.unknown() => id,
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

    /// What the options ask of this model.
    fn check(&self, options: &FillOptions) -> Result<()> {
        let words = self.engine.config().encoder.vocab_size;
        let refuse = |option, reason| Err(Error::Option { option, reason });
        if options.top_k == 0 {
            return refuse("top-k", "0 is not at least 1".to_owned());
        }
        match &options.targets {
            Some(targets) if targets.is_empty() => refuse("targets", "there are none".to_owned()),
            Some(targets) => match targets.iter().find(|&&id| id as usize >= words) {
                Some(id) => {
                    refuse("targets", format!("id {id} is out of range: the model has {words} words"))
                }
                None => Ok(()),
            },
            None => Ok(()),
        }
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

    /// What `each` makes of every mask of rows, told the row, the mask's place in it, and the logits of all words.
    fn masks_of<A>(
        &self,
        rows: &[&Encoding],
        mut each: impl FnMut(usize, usize, &[f32]) -> A,
    ) -> Vec<Result<Vec<A>>> {
        let head = self.engine.model().masked_head().expect("loaded to fill masks");
        self.engine.answers(rows.iter().map(|row| Row::from(*row)), |batch, ws, exec, answer| {
            let (positions, cu) = self.places(batch);
            let wanted = Wanted::Rows { positions: &positions, cu: &cu };
            self.engine.model().hidden(exec, batch, wanted, ws)?;
            head.transform(exec, positions.len(), ws)?;
            let mut found: Vec<_> = batch.indices.iter().map(|_| Ok(Vec::new())).collect();
            for start in (0..positions.len()).step_by(ROWS) {
                let end = positions.len().min(start + ROWS);
                let logits = head.decode(exec, start..end, ws)?;
                for (mask, logits) in (start..end).zip(logits.chunks_exact(logits.len() / (end - start))) {
                    let row = cu.partition_point(|&first| first as usize <= mask) - 1;
                    let Ok(answers) = &mut found[row] else { continue };
                    let index = batch.indices[row];
                    let place = positions[mask] as usize - batch.range(row).start;
                    match self.engine.finite(index, logits) {
                        Ok(logits) => answers.push(each(index, place, logits)),
                        Err(error) => found[row] = Err(error),
                    }
                }
            }
            for (&index, found) in batch.indices.iter().zip(found) {
                answer(index, found);
            }
            Ok(())
        })
    }

    /// Where a batch's masks are, and how many are before those of each row.
    fn places(&self, batch: &Batch) -> (Vec<u32>, Vec<u32>) {
        let (mut positions, mut cu) = (Vec::new(), vec![0]);
        for row in 0..batch.rows() {
            let masks = batch.range(row).filter(|&token| batch.token_ids[token] == self.mask);
            positions.extend(masks.map(|token| token as u32));
            cu.push(positions.len() as u32);
        }
        (positions, cu)
    }

    fn filled(&self, row: &Encoding, place: usize, logits: &[f32], options: &FillOptions) -> Vec<Filled> {
        let tokenizer = self.engine.tokenizer();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A sum of tens of thousands loses digits in f32.
        let sum: f64 = logits.iter().map(|logit| f64::from((logit - largest).exp())).sum();
        let is_only = row.token_ids.iter().filter(|&&id| id == self.mask).count() == 1;
        let word = |id: u32| {
            let mut ids = row.token_ids.clone();
            ids[place] = id;
            Filled {
                score: (f64::from((logits[id as usize] - largest).exp()) / sum) as f32,
                id,
                token: tokenizer.decode(&[id], false),
                sequence: tokenizer.decode(&ids, is_only),
            }
        };
        let candidates = match &options.targets {
            Some(targets) => targets.clone(),
            None => (0..logits.len() as u32).collect(),
        };
        best(candidates, logits, options.top_k).into_iter().map(word).collect()
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

/// The `count` of `ids` with the highest logits, the highest first; of equals, the lower id.
fn best(mut ids: Vec<u32>, logits: &[f32], count: usize) -> Vec<u32> {
    let order = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    if count < ids.len() {
        ids.select_nth_unstable_by(count, order);
        ids.truncate(count);
    }
    ids.sort_unstable_by(order);
    ids
}
