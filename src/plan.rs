//! The named parts of a model: one tree, made by its [family](crate::family), that whoever has to know a model's shape
//! walks: loading, packing, the choice of parts for f16, and the counts of parameters and operations.

use std::iter;

use nimbert_kernels::Activation;

use crate::exec::Operation;

/// All parts, in the order in which a forward meets them, which is also a packed file's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) embeddings: Embeddings,
    /// What all layers add to attention's scores.
    pub(crate) relative: Option<Relative>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) head: Head,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embeddings {
    pub(crate) words: Table,
    pub(crate) positions: Table,
    /// The id after which positions begin, where that is not 0.
    pub(crate) padding: Option<u32>,
    pub(crate) token_types: Option<Table>,
    pub(crate) norm: Norm,
}

/// A number for each head and bucket of distances.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relative {
    /// `[buckets or more, heads]`
    pub(crate) table: Table,
    pub(crate) buckets: usize,
    /// From here on distances are in the last bucket.
    pub(crate) max_distance: usize,
}

/// One layer of the encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    /// Query, key and value, one below the other.
    pub(crate) qkv: Matmul,
    pub(crate) attention_output: Matmul,
    pub(crate) attention_norm: Norm,
    pub(crate) intermediate: Matmul,
    pub(crate) output: Matmul,
    pub(crate) output_norm: Norm,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Head {
    /// Hidden states are the answer.
    None,
    /// Reads the first row of a text.
    Sequence { pooler: Matmul, activation: Activation, classifier: Matmul },
    /// Reads every row.
    Tokens { classifier: Matmul },
    /// Reads the rows that are to be words.
    Masked { transform: Matmul, activation: Activation, norm: Norm, decoder: Matmul },
}

/// Rows that are looked up by number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// The tensor's name.
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Whether it may be stored in fewer bits than f32 has.
    pub(crate) quantizable: bool,
}

/// Numbers that stay in f32.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vector {
    /// The tensor's name.
    pub(crate) name: String,
    pub(crate) len: usize,
}

/// The weights and bias of a normalization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Norm {
    pub(crate) weight: Vector,
    pub(crate) bias: Vector,
    pub(crate) epsilon: f32,
}

/// A fully connected layer from `k` numbers to `n`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matmul {
    /// Without `.weight` or `.bias`.
    pub(crate) name: String,
    /// What a checkpoint has in its place, one below the other.
    pub(crate) sources: Vec<Tensors>,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// What a profile counts it as.
    pub(crate) operation: Operation,
    /// Whether it is small and its outputs are the answer: then it is f32, stored row by row.
    pub(crate) decisive: bool,
}

/// The names of a fully connected layer's tensors in a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensors {
    pub(crate) weight: String,
    /// Names that it may have: the first that is there counts.
    pub(crate) bias: Vec<String>,
}

/// Any of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Table(&'a Table),
    Vector(&'a Vector),
    Matmul(&'a Matmul),
}

impl Plan {
    /// Everything, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let Embeddings { words, positions, token_types, norm, .. } = &self.embeddings;
        let tables = [words, positions].into_iter().chain(token_types).map(Part::Table);
        let relative = self.relative.iter().map(|relative| Part::Table(&relative.table));
        let layers = self.layers.iter().flat_map(Layer::parts);
        tables.chain(norm.parts()).chain(relative).chain(layers).chain(self.head.parts())
    }

    /// Whether it has a part of this name that may be stored in fewer bits than f32 has.
    pub(crate) fn has_quantizable(&self, name: &str) -> bool {
        self.parts().any(|part| part.is_quantizable() && part.name() == name)
    }

    /// Numbers that the model was trained to have.
    pub(crate) fn parameters(&self) -> usize {
        let words = &self.embeddings.words.name;
        let is_tied = |part: &Part<'_>| match part {
            Part::Matmul(matmul) => matmul.sources.iter().any(|tensors| tensors.weight == *words),
            Part::Table(_) | Part::Vector(_) => false,
        };
        // What is tied to the table of words is trained with it, once.
        let tied: usize = self.parts().filter(is_tied).map(|_| self.embeddings.words.numbers()).sum();
        self.parts().map(Part::parameters).sum::<usize>() - tied
    }
}

impl Layer {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let Self { qkv, attention_output, attention_norm, intermediate, output, output_norm } = self;
        let attention = [qkv, attention_output].map(Part::Matmul).into_iter().chain(attention_norm.parts());
        let feed_forward = [intermediate, output].map(Part::Matmul).into_iter().chain(output_norm.parts());
        attention.chain(feed_forward)
    }

    pub(crate) fn matmuls(&self) -> [&Matmul; 4] {
        [&self.qkv, &self.attention_output, &self.intermediate, &self.output]
    }
}

impl Head {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let parts = match self {
            Self::None => vec![],
            Self::Sequence { pooler, classifier, .. } => vec![Part::Matmul(pooler), Part::Matmul(classifier)],
            Self::Tokens { classifier } => vec![Part::Matmul(classifier)],
            Self::Masked { transform, norm, decoder, .. } => {
                let norm = norm.parts();
                iter::once(Part::Matmul(transform)).chain(norm).chain([Part::Matmul(decoder)]).collect()
            }
        };
        parts.into_iter()
    }
}

impl Table {
    pub(crate) fn new(name: String, rows: usize, columns: usize) -> Self {
        Self { name, rows, columns, quantizable: false }
    }

    /// One that may be in f16 or int8.
    pub(crate) fn quantizable(self) -> Self {
        Self { quantizable: true, ..self }
    }

    fn numbers(&self) -> usize {
        self.rows * self.columns
    }

    /// Its name without `.weight`, by which it is chosen.
    pub(crate) fn part(&self) -> &str {
        self.name.strip_suffix(".weight").unwrap_or(&self.name)
    }
}

impl Vector {
    pub(crate) fn new(name: String, len: usize) -> Self {
        Self { name, len }
    }
}

impl Norm {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        [&self.weight, &self.bias].into_iter().map(Part::Vector)
    }
}

impl Matmul {
    pub(crate) fn new(name: String, n: usize, k: usize, operation: Operation) -> Self {
        Self { sources: vec![Tensors::of(&name)], name, n, k, operation, decisive: false }
    }

    /// Several of a checkpoint, each from `k` numbers to `n`, that read the same rows.
    pub(crate) fn stacked<const PARTS: usize>(
        name: String,
        sources: &[String; PARTS],
        n: usize,
        k: usize,
        operation: Operation,
    ) -> Self {
        Self {
            sources: sources.iter().map(|name| Tensors::of(name)).collect(),
            ..Self::new(name, PARTS * n, k, operation)
        }
    }

    /// One whose tensors a checkpoint has under other names.
    pub(crate) fn found_at(self, tensors: Tensors) -> Self {
        Self { sources: vec![tensors], ..self }
    }

    pub(crate) fn decisive(self) -> Self {
        Self { decisive: true, ..self }
    }

    /// Multiply-adds of a row.
    pub(crate) fn weights(&self) -> usize {
        self.n * self.k
    }
}

impl Tensors {
    fn of(name: &str) -> Self {
        Self { weight: format!("{name}.weight"), bias: vec![format!("{name}.bias")] }
    }
}

impl<'a> Part<'a> {
    /// Whether it may be stored in fewer bits than f32 has.
    pub(crate) fn is_quantizable(self) -> bool {
        match self {
            Self::Table(table) => table.quantizable,
            Self::Vector(_) => false,
            Self::Matmul(matmul) => !matmul.decisive,
        }
    }

    /// By which a part of a model is chosen: without `.weight`.
    pub(crate) fn name(self) -> &'a str {
        match self {
            Self::Table(table) => table.part(),
            Self::Vector(vector) => &vector.name,
            Self::Matmul(matmul) => &matmul.name,
        }
    }

    fn parameters(self) -> usize {
        match self {
            Self::Table(table) => table.numbers(),
            Self::Vector(vector) => vector.len,
            Self::Matmul(matmul) => matmul.weights() + matmul.n,
        }
    }
}
