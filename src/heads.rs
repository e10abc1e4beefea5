//! What is computed from the encoder's hidden states, a file for each kind of head.

mod masked;
mod sequence;
mod tokens;

pub(crate) use self::masked::MaskedHead;
use self::{sequence::SequenceHead, tokens::TokensHead};
use crate::{
    checkpoint::source::Source,
    encoder::{Batch, LayerNorm, Wanted, Workspace},
    error::Result,
    exec::Exec,
    linear::Linear,
    options::NumberType,
    plan,
};

#[derive(Debug, Clone)]
pub(crate) enum Head {
    /// Hidden states are the answer.
    None,
    Sequence(Box<SequenceHead>),
    Tokens(Box<TokensHead>),
    Masked(Box<MaskedHead>),
}

impl Head {
    pub(crate) fn load(source: Source<'_>, plan: &plan::Head, precision: NumberType) -> Result<Self> {
        Ok(match plan {
            plan::Head::None => Self::None,
            plan::Head::Sequence { pooler, activation, classifier } => {
                Self::Sequence(Box::new(SequenceHead {
                    pooler: source.matmul(pooler, precision)?,
                    activation: *activation,
                    classifier: source.matmul(classifier, precision)?,
                }))
            }
            plan::Head::Tokens { classifier } => {
                Self::Tokens(Box::new(TokensHead { classifier: source.matmul(classifier, precision)? }))
            }
            plan::Head::Masked { transform, activation, norm, decoder } => {
                Self::Masked(Box::new(MaskedHead {
                    transform: source.matmul(transform, precision)?,
                    activation: *activation,
                    norm: LayerNorm::load(source, norm)?,
                    decoder: source.matmul(decoder, precision)?,
                }))
            }
        })
    }

    /// Reads the first `rows` rows of `hidden`, those that this head is made for: the first token of each text, or all. Writes
    /// `pooled` and `logits`.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub(crate) fn forward(&self, exec: Exec<'_>, rows: usize, ws: &mut Workspace) -> Result<()> {
        match self {
            Self::None => {}
            Self::Sequence(head) => head.forward(exec, rows, ws)?,
            Self::Tokens(head) => head.forward(exec, rows, ws)?,
            Self::Masked(head) => {
                head.transform(exec, rows, ws)?;
                head.decode(exec, 0..rows, ws)?;
            }
        }
        Ok(())
    }

    /// The rows that it is made for.
    pub(crate) fn wanted<'a>(&self, batch: &'a Batch) -> Wanted<'a> {
        if let Self::Sequence(_) = self { batch.first() } else { Wanted::All }
    }

    /// What [`Head::forward`] has written: `pooled`, `[rows, H]`, and `logits`, `[rows, n]`.
    pub(crate) fn outputs<'a>(&self, rows: usize, ws: &'a Workspace) -> (&'a [f32], &'a [f32]) {
        let (pooled, logits) = match self {
            Self::None => (0, 0),
            Self::Sequence(head) => (head.pooler.n(), head.classifier.n()),
            Self::Tokens(head) => (0, head.classifier.n()),
            Self::Masked(head) => (head.transform.n(), head.decoder.n()),
        };
        (&ws.pooled[..rows * pooled], &ws.logits[..rows * logits])
    }

    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let linears = match self {
            Self::None => [None, None],
            Self::Sequence(head) => [Some(&head.pooler), Some(&head.classifier)],
            Self::Tokens(head) => [Some(&head.classifier), None],
            Self::Masked(head) => [Some(&head.transform), Some(&head.decoder)],
        };
        linears.into_iter().flatten()
    }

    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        let linears = match self {
            Self::None => [None, None],
            Self::Sequence(head) => {
                let SequenceHead { pooler, classifier, .. } = &mut **head;
                [Some(pooler), Some(classifier)]
            }
            Self::Tokens(head) => [Some(&mut head.classifier), None],
            Self::Masked(head) => {
                let MaskedHead { transform, decoder, .. } = &mut **head;
                [Some(transform), Some(decoder)]
            }
        };
        linears.into_iter().flatten()
    }
}
