//! Tags of words, and the entities that they spell.

use clap::ValueEnum;

/// What a word is to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Outside,
    Begin,
    Inside,
    End,
    Single,
}

/// A word's tag: whether it is part of an entity, and of which type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    prefix: Prefix,
    /// Empty outside of entities.
    kind: &'a str,
}

/// The tags that may spell an entity, where only those count: seqeval's `mode="strict"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scheme {
    /// B- at the first word and I- at the others
    Iob2,
    /// B-, I- and at the last word E-; or S- at a single one
    #[value(alias = "bioes", alias = "iobes")]
    Bioes,
}

/// An entity: its type and its words, from one to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    pub(crate) kind: &'a str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> Tag<'a> {
    pub(crate) const OUTSIDE: Self = Self { prefix: Prefix::Outside, kind: "" };

    /// # Errors
    /// Says what is wrong with it, for the caller to add where it stands.
    pub(crate) fn parse(tag: &'a str) -> Result<Self, String> {
        let prefix = match tag.split_once('-') {
            _ if tag == "O" => return Ok(Self::OUTSIDE),
            Some(("B", _)) => Prefix::Begin,
            Some(("I", _)) => Prefix::Inside,
            Some(("E", _)) => Prefix::End,
            Some(("S", _)) => Prefix::Single,
            _ => return Err("neither O nor a type after B-, I-, E- or S-, such as B-PER".to_owned()),
        };
        match &tag[2..] {
            "" => Err("without a type".to_owned()),
            kind => Ok(Self { prefix, kind }),
        }
    }

    /// The type, if it is part of an entity.
    pub(crate) fn kind(self) -> Option<&'a str> {
        Some(self.kind).filter(|_| self.prefix != Prefix::Outside)
    }

    /// Whether `next` goes on with the entity of this tag.
    fn goes_on(&self, next: &Self) -> bool {
        matches!(self.prefix, Prefix::Begin | Prefix::Inside)
            && matches!(next.prefix, Prefix::Inside | Prefix::End)
            && self.kind == next.kind
    }
}

impl Scheme {
    /// As options have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Iob2 => "iob2",
            Self::Bioes => "bioes",
        }
    }

    pub(crate) fn has(self, tag: Tag<'_>) -> bool {
        self == Self::Bioes || !matches!(tag.prefix, Prefix::End | Prefix::Single)
    }

    /// Whether tags that go on with each other spell an entity.
    fn accepts(self, tags: &[Tag<'_>]) -> bool {
        match (self, tags[0].prefix, tags[tags.len() - 1].prefix) {
            (Self::Iob2, first, _) => first == Prefix::Begin,
            (Self::Bioes, first, last) => {
                first == Prefix::Single || (first == Prefix::Begin && last == Prefix::End)
            }
        }
    }
}

/// The entities that `tags` spell: without a scheme, as the CoNLL tasks' script has them, all that are not O.
pub(crate) fn spans<'a>(tags: &[Tag<'a>], scheme: Option<Scheme>) -> Vec<Span<'a>> {
    let mut start = 0;
    let span = |tags: &[Tag<'a>]| {
        let span = Span { kind: tags[0].kind, start, end: start + tags.len() };
        start = span.end;
        let is_entity = tags[0].kind().is_some() && scheme.is_none_or(|scheme| scheme.accepts(tags));
        is_entity.then_some(span)
    };
    tags.chunk_by(Tag::goes_on).filter_map(span).collect()
}

impl<'a> Span<'a> {
    /// The first of `spans`, which are in order, that has a word of this one.
    pub(crate) fn first_overlap<'s>(&self, spans: &'s [Span<'a>]) -> Option<&'s Span<'a>> {
        let at = spans.partition_point(|other| other.end <= self.start);
        spans.get(at).filter(|other| other.start < self.end)
    }
}
