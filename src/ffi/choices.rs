//! What a program may choose, by number.

/// What matrix products are computed in.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Precision {
    /// A packed file's own; f32 for a checkpoint directory.
    Auto = 0,
    /// 32-bit floats.
    F32 = 1,
    /// 16-bit floats.
    F16 = 2,
    /// 8-bit integers.
    Int8 = 3,
}

/// What happens to a text of more tokens than allowed.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum OnLong {
    /// Its end is cut off.
    Truncate = 0,
    /// It is refused, with NIMBERT_STATUS_TEXT.
    Error = 1,
}

/// How the hidden states of a text's tokens become one vector.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Pooling {
    /// As the model says; the mean if it says nothing.
    Auto = 0,
    /// That of the first token.
    Cls = 1,
    /// The largest value of each column.
    Max = 2,
    /// The mean.
    Mean = 3,
    /// The sum over the square root of the tokens' number.
    MeanSqrtLen = 4,
    /// The mean, in which the i-th token counts i times.
    WeightedMean = 5,
    /// That of the last token.
    Last = 6,
}

/// What becomes of tokens that belong together.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Aggregation {
    /// Neighbours of one kind are an entity.
    Simple = 0,
    /// Each token is by itself.
    None = 1,
    /// As simple, and a word is what its first token is.
    First = 2,
    /// As simple, and a word is what its tokens are on average.
    Average = 3,
    /// As simple, and a word is what the surest of its tokens is.
    Max = 4,
}

/// What can be switched on. The values can be added.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub enum Flags {
    /// Copy a packed file's weights to memory of this process, in large pages where the system has them: a few tokens at
    /// a time are some percent faster, but loading takes longer, and processes no longer share the weights.
    CopyWeights = 1,
    /// Read a packed file whole when it is loaded, and compare it with the checksums in it.
    Verify = 2,
    /// Scale vectors to length 1, whether the model does so or not.
    Normalize = 4,
    /// A question may have no answer: an empty one, from byte 0 to 0, is then among those that nimbert_answer gives, as likely
    /// as where it is the least likely.
    HandleImpossible = 8,
    /// An answer may begin and end inside a word.
    SplitWords = 16,
}

impl Flags {
    /// All of them.
    pub(super) const ALL: u32 = Self::CopyWeights as u32
        | Self::Verify as u32
        | Self::Normalize as u32
        | Self::HandleImpossible as u32
        | Self::SplitWords as u32;
}
