//! Texts of different lengths, one after the other: no padding, no mask.

use std::ops::Range;

use super::Wanted;
use crate::{config::Shape, tokenizer::Encoding};

/// The tokens of one text, or pair of texts, where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Special tokens included.
    pub token_ids: &'a [u32],
    /// As long as `token_ids`; `None`: all 0, as for any single text.
    pub token_type_ids: Option<&'a [u32]>,
}

impl<'a> From<&'a Encoding> for Row<'a> {
    fn from(Encoding { token_ids, token_type_ids, .. }: &'a Encoding) -> Self {
        Self { token_ids, token_type_ids: Some(token_type_ids) }
    }
}

/// Rows of tokens, ragged. `T` is the number of tokens of all rows, `B` that of rows.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// `[T]`
    pub(crate) token_ids: Vec<u32>,
    /// `[T]`
    pub(crate) token_type_ids: Vec<u32>,
    /// `[B + 1]`: row `b` is tokens `cu_seqlens[b]..cu_seqlens[b + 1]`.
    pub(crate) cu_seqlens: Vec<u32>,
    /// `[B]`: the position of each row's last token.
    last: Vec<u32>,
    /// `[B]`: which of a call's rows each is.
    pub(crate) indices: Vec<usize>,
    /// `[B + 1]`: 0, 1, 2 … B, the `cu_seqlens` of one token a row.
    pub(crate) cu_rows: Vec<u32>,
}

impl Batch {
    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.token_ids.clear();
        self.token_type_ids.clear();
        self.cu_seqlens.clear();
        self.cu_seqlens.push(0);
        self.last.clear();
        self.indices.clear();
        self.cu_rows.clear();
        self.cu_rows.push(0);
    }

    /// Adds row `index` of a call, or says why the model has no answer for it.
    pub(crate) fn push(&mut self, index: usize, row: Row<'_>, shape: &Shape) -> Result<(), String> {
        let Row { token_ids, token_type_ids } = row;
        let (len, most) = (token_ids.len(), shape.max_tokens());
        if len == 0 {
            return Err("no tokens, not even [CLS]".to_owned());
        }
        if len > most {
            return Err(format!("{len} tokens, and the model has positions for {most}"));
        }
        if let Some(types) = token_type_ids.filter(|types| types.len() != len) {
            return Err(format!("{len} token ids, but {} token type ids", types.len()));
        }
        let outside = |ids: &[u32], size: usize| ids.iter().copied().find(|&id| id as usize >= size);
        if let Some(id) = outside(token_ids, shape.vocab_size) {
            return Err(format!("token id {id} is out of range: the model has {} words", shape.vocab_size));
        }
        // A model without token types takes all tokens as being of type 0.
        if let Some(id) = token_type_ids.and_then(|types| outside(types, shape.type_vocab_size.max(1))) {
            let size = shape.type_vocab_size;
            return Err(format!(
                "token type {id} is out of range: the model has {size} (is it made for pairs?)"
            ));
        }
        self.token_ids.extend(token_ids);
        self.token_type_ids.extend(token_type_ids.unwrap_or_default());
        self.token_type_ids.resize(self.token_ids.len(), 0);
        self.cu_seqlens.push(self.token_ids.len() as u32);
        self.last.push(self.token_ids.len() as u32 - 1);
        self.indices.push(index);
        self.cu_rows.push(self.cu_rows.len() as u32);
        Ok(())
    }

    /// `T`
    pub(crate) fn tokens(&self) -> usize {
        self.token_ids.len()
    }

    /// `B`
    pub(crate) fn rows(&self) -> usize {
        self.cu_rows.len().saturating_sub(1)
    }

    /// The tokens of row `row` among all.
    pub(crate) fn range(&self, row: usize) -> Range<usize> {
        self.cu_seqlens[row] as usize..self.cu_seqlens[row + 1] as usize
    }

    /// Each row's last token.
    pub(crate) fn last(&self) -> Wanted<'_> {
        Wanted::Rows { positions: &self.last, cu: &self.cu_rows }
    }

    /// Each row's first token, `[CLS]`.
    pub(crate) fn first(&self) -> Wanted<'_> {
        Wanted::Rows { positions: &self.cu_seqlens[..self.rows()], cu: &self.cu_rows }
    }
}
