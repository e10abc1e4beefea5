//! What is computed from the encoder's hidden states, a file for each kind of head.

mod sequence;

pub(crate) use self::sequence::SequenceHead;
use crate::{
    checkpoint::source::Source, encoder::Workspace, error::Result, exec::Exec, linear::Linear,
    options::NumberType, plan,
};

#[derive(Debug, Clone)]
pub(crate) enum Head {
    /// Hidden states are the answer.
    None,
    Sequence(Box<SequenceHead>),
}

impl Head {
    pub(crate) fn load(source: Source<'_>, plan: &plan::Head, precision: NumberType) -> Result<Self> {
        Ok(match plan {
            plan::Head::None => Self::None,
            plan::Head::Sequence { pooler, classifier } => Self::Sequence(Box::new(SequenceHead {
                pooler: source.matmul(pooler, precision)?,
                classifier: source.matmul(classifier, precision)?,
            })),
        })
    }

    /// Makes room for the outputs of so many texts.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn reserve(&self, texts: usize, ws: &mut Workspace) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Sequence(head) => head.reserve(texts, ws),
        }
    }

    /// Reads the first `texts` rows of `hidden`, the first token of each text; writes `pooled` and `logits`.
    pub(crate) fn forward(&self, exec: Exec<'_>, texts: usize, ws: &mut Workspace) {
        if let Self::Sequence(head) = self {
            head.forward(exec, texts, ws);
        }
    }

    /// What [`Head::forward`] has written: `pooled`, `[texts, H]`, and `logits`, `[texts, labels]`.
    pub(crate) fn outputs<'a>(&self, texts: usize, ws: &'a Workspace) -> (&'a [f32], &'a [f32]) {
        match self {
            Self::None => (&[], &[]),
            Self::Sequence(head) => {
                (&ws.pooled[..texts * head.pooler.n()], &ws.logits[..texts * head.classifier.n()])
            }
        }
    }

    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let linears = match self {
            Self::None => None,
            Self::Sequence(head) => Some([&head.pooler, &head.classifier]),
        };
        linears.into_iter().flatten()
    }

    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        let linears = match self {
            Self::None => None,
            Self::Sequence(head) => {
                let SequenceHead { pooler, classifier } = &mut **head;
                Some([pooler, classifier])
            }
        };
        linears.into_iter().flatten()
    }
}
