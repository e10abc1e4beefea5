//! Where special tokens go: around one text, or around and between two.

use super::{
    encoding::{Encoding, Origin},
    place::Span,
    spec::{PostProcessing, SequenceId, TemplatePiece},
};

/// What a text, or a pair of texts, becomes.
#[derive(Debug)]
pub(super) struct Template {
    single: Vec<Slot>,
    pair: Vec<Slot>,
    /// How white space at the ends of a token is taken from its place: not at all, or in these ways in a row.
    pub(super) trims: Vec<Trim>,
}

/// How white space is taken away from the places of tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trim {
    /// One space that a text starts with is left: it may have been added, and is in no place then.
    pub(super) add_prefix_space: bool,
}

impl Trim {
    /// What is left of the place of a token that is `text`; it may be the first of its text.
    pub(super) fn place(self, text: &[char], is_first: bool, Span { start, end }: Span) -> Span {
        let is_space = |c: &&char| **c == 'Ġ' || c.is_whitespace();
        let mut leading = text.iter().take_while(is_space).count();
        let trailing = text.iter().rev().take_while(is_space).count();
        if leading == 1 && self.add_prefix_space && (is_first || start == 0) {
            leading = 0;
        }
        let start = end.min(start + leading);
        Span { start, end: end.checked_sub(trailing).map_or(end, |left| left.max(start)) }
    }
}

/// A place in a template, and the type of the tokens there.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Special(u32, u32),
    Text(SequenceId, u32),
}

impl Template {
    /// `id` finds a special token.
    pub(super) fn new(
        processing: Option<&PostProcessing>,
        id: impl Fn(&str) -> Result<u32, String>,
    ) -> Result<Self, String> {
        let text = [Slot::Text(SequenceId::A, 0), Slot::Text(SequenceId::B, 1)];
        let mut template = Self { single: text[..1].to_vec(), pair: text.to_vec(), trims: Vec::new() };
        let mut parts = vec![];
        flatten(processing, &mut parts);
        let mut is_set = false;
        for part in parts {
            if let PostProcessing::RobertaProcessing { trim_offsets: true, add_prefix_space, .. }
            | PostProcessing::ByteLevel { trim_offsets: true, add_prefix_space, .. } = part
            {
                template.trims.push(Trim { add_prefix_space: *add_prefix_space });
            }
            let Some([single, pair]) = pieces(part) else { continue };
            if std::mem::replace(&mut is_set, true) {
                return Err("post_processor: more than one part adds special tokens".to_owned());
            }
            let slots = |pieces: Vec<TemplatePiece>| -> Result<Vec<Slot>, String> {
                let slot = |piece| match piece {
                    TemplatePiece::SpecialToken { id: token, type_id } => {
                        Ok(Slot::Special(id(&token)?, type_id))
                    }
                    TemplatePiece::Sequence { id, type_id } => Ok(Slot::Text(id, type_id)),
                };
                pieces.into_iter().map(slot).collect()
            };
            (template.single, template.pair) = (slots(single)?, slots(pair)?);
        }
        check(&template.single, &[SequenceId::A], "single")?;
        check(&template.pair, &[SequenceId::A, SequenceId::B], "pair")?;
        Ok(template)
    }

    /// Gives all tokens the type 0.
    pub(super) fn forget_types(&mut self) {
        for slot in self.single.iter_mut().chain(&mut self.pair) {
            let (Slot::Special(_, kind) | Slot::Text(_, kind)) = slot;
            *kind = 0;
        }
    }

    /// How many special tokens there are.
    pub(super) fn special(&self, has_pair: bool) -> usize {
        self.slots(has_pair).iter().filter(|slot| matches!(slot, Slot::Special(..))).count()
    }

    fn slots(&self, has_pair: bool) -> &[Slot] {
        if has_pair { &self.pair } else { &self.single }
    }

    /// The tokens in their places.
    pub(super) fn encode(&self, first: &[u32], second: Option<&[u32]>, truncated: bool) -> Encoding {
        let slots = self.slots(second.is_some());
        let second = second.unwrap_or_default();
        let most = first.len() + second.len() + slots.len();
        let (mut token_ids, mut token_type_ids) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for slot in slots {
            let kind = match *slot {
                Slot::Special(id, kind) => {
                    token_ids.push(id);
                    kind
                }
                Slot::Text(SequenceId::A, kind) => {
                    token_ids.extend(first);
                    kind
                }
                Slot::Text(SequenceId::B, kind) => {
                    token_ids.extend(second);
                    kind
                }
            };
            token_type_ids.resize(token_ids.len(), kind);
        }
        Encoding { token_ids, token_type_ids, truncated }
    }

    /// Where the tokens of an encoding come from.
    pub(super) fn origins(
        &self,
        first: impl Iterator<Item = Origin>,
        second: Option<impl Iterator<Item = Origin>>,
    ) -> Vec<Option<Origin>> {
        let mut origins = Vec::new();
        let (mut first, mut second) = (Some(first), second);
        for slot in self.slots(second.is_some()) {
            match slot {
                Slot::Special(..) => origins.push(None),
                Slot::Text(SequenceId::A, _) => origins.extend(first.take().into_iter().flatten().map(Some)),
                Slot::Text(SequenceId::B, _) => origins.extend(second.take().into_iter().flatten().map(Some)),
            }
        }
        origins
    }
}

fn flatten<'a>(processing: Option<&'a PostProcessing>, parts: &mut Vec<&'a PostProcessing>) {
    match processing {
        Some(PostProcessing::Sequence { processors }) => {
            processors.iter().for_each(|part| flatten(Some(part), parts));
        }
        other => parts.extend(other),
    }
}

/// The templates of a part that adds special tokens.
fn pieces(part: &PostProcessing) -> Option<[Vec<TemplatePiece>; 2]> {
    let special = |token: &String, type_id| TemplatePiece::SpecialToken { id: token.clone(), type_id };
    let text = |id, type_id| TemplatePiece::Sequence { id, type_id };
    let single = |cls, sep| vec![special(cls, 0), text(SequenceId::A, 0), special(sep, 0)];
    match part {
        PostProcessing::BertProcessing { cls, sep } => {
            let pair = [single(cls, sep), vec![text(SequenceId::B, 1), special(sep, 1)]].concat();
            Some([single(cls, sep), pair])
        }
        PostProcessing::RobertaProcessing { cls, sep, .. } => {
            let second = vec![special(sep, 0), text(SequenceId::B, 0), special(sep, 0)];
            Some([single(cls, sep), [single(cls, sep), second].concat()])
        }
        PostProcessing::TemplateProcessing { single, pair } => Some([single.clone(), pair.clone()]),
        PostProcessing::ByteLevel { .. } | PostProcessing::Sequence { .. } => None,
    }
}

/// Each text has to be there once, in order: what is cut is cut for that.
fn check(slots: &[Slot], texts: &[SequenceId], name: &str) -> Result<(), String> {
    let found = slots.iter().filter_map(|slot| match slot {
        Slot::Text(id, _) => Some(id),
        Slot::Special(..) => None,
    });
    if found.eq(texts) {
        return Ok(());
    }
    Err(format!("post_processor: the template {name:?} has not {texts:?} once each, in this order"))
}
