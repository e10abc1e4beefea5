//! How to run a model, as a struct that can grow.

use std::{ffi::c_char, ptr, str::FromStr};

use nimbert_kernels::Isa;

use super::{
    arguments::{c_str, check, strings, text},
    choices::Flags,
    status::{Failure, Status, guard},
};
use crate::{options, tasks, tokenizer};

/// How to run a model. Zero means the default in every member but `size`, and those to come: a program that sets
/// `nimbert_options options = {sizeof options};` or calls nimbert_options_init works with any later version.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// sizeof(nimbert_options): tells which members the program knows.
    pub size: usize,
    /// The instruction set by name, such as "avx2"; NULL: what the environment variable NIMBERT_ISA names, else the
    /// machine's best.
    pub isa: *const c_char,
    /// The most tokens of a text or a row of ids, special ones included; 0: what the model allows.
    pub max_tokens: usize,
    /// Threads of one call, the caller's included; 0: one for each CPU that the process may run on, of large and small
    /// ones the large. With more than one the engine has threads of its own.
    pub threads: u32,
    /// A nimbert_precision.
    pub precision: u32,
    /// A nimbert_on_long.
    pub on_long: u32,
    /// Values of nimbert_flags, added.
    pub flags: u32,
    /// Of nimbert_embed: a text that goes before each text; NULL: the model's default prompt, which most have none of.
    pub prompt: *const c_char,
    /// The same by the model's name for it; not both.
    pub prompt_name: *const c_char,
    /// A nimbert_pooling. A model of sentence-transformers has its own.
    pub pooling: u32,
    /// How many numbers of a vector are kept; 0: all.
    pub dimensions: u32,
    /// Of nimbert_tag: what is left out, by label or kind, up to a NULL; NULL: "O" alone, which means that a token is nothing.
    pub ignore_labels: *const *const c_char,
    /// A nimbert_aggregation.
    pub aggregation: u32,
    /// Tokens that two windows of a long text have in common. Of nimbert_tag; 0: there are none, and on_long says what happens.
    /// Of nimbert_answer, whose contexts always go through in windows; 0: 128, or half a window where that is less.
    pub stride: u32,
    /// Of nimbert_answer: the most tokens of an answer; 0: 15.
    pub max_answer_tokens: u32,
    /// The most tokens of a question, beyond which on_long says what happens; 0: 64.
    pub max_question_tokens: u32,
}

/// What a program has chosen, in the library's own words.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) run: options::Options,
    pub(super) embed: tasks::EmbedOptions,
    pub(super) tag: tasks::TagOptions,
    pub(super) read: tasks::ReadOptions,
}

/// The struct of the first version: none is smaller. New members come behind it, without padding between.
pub(super) const SMALLEST: usize = std::mem::offset_of!(Options, flags) + size_of::<u32>();
/// A later version's struct would have to be absurd to be larger.
const LARGEST: usize = 4096;

fn check_size(name: &str, size: usize) -> Result<(), Failure> {
    // A struct's size is a multiple of its alignment: of another one a pointer could be cut in half.
    const UNIT: usize = align_of::<Options>();
    if (SMALLEST..=LARGEST).contains(&size) && size.is_multiple_of(UNIT) {
        return Ok(());
    }
    let reason = format!(
        "{name}: {size}, but a nimbert_options has {SMALLEST} to {LARGEST} bytes, in steps of {UNIT}"
    );
    Err(Failure::argument(reason))
}

/// As nimbert_options_init sets it.
impl Default for Options {
    fn default() -> Self {
        Self {
            size: size_of::<Self>(),
            isa: ptr::null(),
            max_tokens: 0,
            threads: 0,
            precision: 0,
            on_long: 0,
            flags: 0,
            prompt: ptr::null(),
            prompt_name: ptr::null(),
            pooling: 0,
            dimensions: 0,
            ignore_labels: ptr::null(),
            aggregation: 0,
            stride: 0,
            max_answer_tokens: 0,
            max_question_tokens: 0,
        }
    }
}

impl Options {
    /// Of the struct of any version, in the library's own words. NULL is the defaults.
    ///
    /// # Safety
    /// `options` is NULL or points to as many bytes as its `size` says; the strings in it are NULL or C strings.
    pub(super) unsafe fn read(options: *const Self) -> Result<Chosen, Failure> {
        if options.is_null() {
            return Ok(Chosen::default());
        }
        if !options.is_aligned() {
            return Err(Failure::argument("options: misaligned"));
        }
        // SAFETY: there and aligned, and every version begins with the size.
        let size = unsafe { (&raw const (*options).size).read() };
        check_size("options.size", size)?;
        let (mut known, ours) = (Self::default(), size.min(size_of::<Self>()));
        // SAFETY: the caller has `size` bytes there, and no more than the struct's are copied; any bytes are such a struct.
        let rest = unsafe {
            options.cast::<u8>().copy_to_nonoverlapping((&raw mut known).cast(), ours);
            std::slice::from_raw_parts(options.cast::<u8>().add(ours), size - ours)
        };
        if let Some(at) = rest.iter().position(|&byte| byte != 0) {
            let at = ours + at;
            let reason = format!("options: byte {at} is set, a member that this version does not know");
            return Err(Failure::new(Status::Option, reason));
        }
        // SAFETY: the caller keeps this function's contract.
        unsafe {
            Ok(Chosen { run: known.run()?, embed: known.embed()?, tag: known.tag()?, read: known.answer() })
        }
    }

    /// # Safety
    /// `prompt` and `prompt_name` are NULL or C strings.
    unsafe fn embed(&self) -> Result<tasks::EmbedOptions, Failure> {
        let pooling = match self.pooling {
            0 => None,
            1 => Some(tasks::Pooling::Cls),
            2 => Some(tasks::Pooling::Max),
            3 => Some(tasks::Pooling::Mean),
            4 => Some(tasks::Pooling::MeanSqrtLen),
            5 => Some(tasks::Pooling::WeightedMean),
            6 => Some(tasks::Pooling::Last),
            other => return Err(unknown("pooling", other)),
        };
        // SAFETY: as the caller promises.
        let [prompt, name] = [("options.prompt", self.prompt), ("options.prompt_name", self.prompt_name)]
            .map(|(name, text)| (!text.is_null()).then(|| unsafe { self::text(name, text, None) }));
        let prompt = match (prompt.transpose()?, name.transpose()?) {
            (None, None) => tasks::Prompt::Default,
            (Some(text), None) => tasks::Prompt::Text(text.to_owned()),
            (None, Some(name)) => tasks::Prompt::Named(name.to_owned()),
            (Some(_), Some(_)) => {
                let reason = "options.prompt and options.prompt_name: both are given";
                return Err(Failure::new(Status::Option, reason));
            }
        };
        Ok(tasks::EmbedOptions {
            pooling,
            normalize: self.has(Flags::Normalize),
            dimensions: given(self.dimensions),
            prompt,
        })
    }

    /// # Safety
    /// `ignore_labels` is NULL or points to C strings up to a NULL.
    unsafe fn tag(&self) -> Result<tasks::TagOptions, Failure> {
        let aggregation = match self.aggregation {
            0 => tasks::Aggregation::Simple,
            1 => tasks::Aggregation::None,
            2 => tasks::Aggregation::First,
            3 => tasks::Aggregation::Average,
            4 => tasks::Aggregation::Max,
            other => return Err(unknown("aggregation", other)),
        };
        let options = tasks::TagOptions::default().aggregation(aggregation).stride(given(self.stride));
        if self.ignore_labels.is_null() {
            return Ok(options);
        }
        // SAFETY: as the caller promises.
        let labels = unsafe { strings("options.ignore_labels", self.ignore_labels)? };
        Ok(options.ignore_labels(labels.into_iter().map(str::to_owned).collect()))
    }

    fn answer(&self) -> tasks::ReadOptions {
        let usual = tasks::ReadOptions::default();
        tasks::ReadOptions {
            max_answer_tokens: given(self.max_answer_tokens).unwrap_or(usual.max_answer_tokens),
            max_question_tokens: given(self.max_question_tokens).unwrap_or(usual.max_question_tokens),
            handle_impossible: self.has(Flags::HandleImpossible),
            align_to_words: !self.has(Flags::SplitWords),
            stride: given(self.stride),
            ..usual
        }
    }

    fn has(&self, flag: Flags) -> bool {
        self.flags & flag as u32 != 0
    }

    /// # Safety
    /// `isa` is NULL or a C string.
    unsafe fn run(&self) -> Result<options::Options, Failure> {
        let precision = match self.precision {
            0 => options::Precision::Auto,
            1 => options::Precision::F32,
            2 => options::Precision::F16,
            3 => options::Precision::Int8,
            other => return Err(unknown("precision", other)),
        };
        let on_long = match self.on_long {
            0 => tokenizer::OnLong::Truncate,
            1 => tokenizer::OnLong::Error,
            other => return Err(unknown("on_long", other)),
        };
        if self.flags & !Flags::ALL != 0 {
            return Err(unknown("flags", self.flags));
        }
        let isa = if self.isa.is_null() {
            None
        } else {
            // SAFETY: the caller keeps this function's contract.
            let name = unsafe { c_str("options.isa", self.isa)? }.to_string_lossy();
            Some(
                Isa::from_str(&name)
                    .map_err(|e| Failure::new(Status::Option, format!("options.isa: {e}")))?,
            )
        };
        Ok(options::Options {
            threads: given(self.threads),
            precision,
            isa,
            max_tokens: (self.max_tokens != 0).then_some(self.max_tokens),
            on_long,
            copy_weights: self.has(Flags::CopyWeights),
            verify: self.has(Flags::Verify),
            profile: false,
        })
    }
}

/// A number that is 0 where nothing is said.
fn given(number: u32) -> Option<usize> {
    (number != 0).then_some(number as usize)
}

fn unknown(member: &str, value: u32) -> Failure {
    Failure::new(Status::Option, format!("options.{member}: {value} is unknown"))
}

/// Sets the defaults. `size` is sizeof(nimbert_options); no more bytes than that are written.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_options_init(options: *mut Options, size: usize) -> Status {
    guard(|| {
        check_size("size", size)?;
        check("options", options, 1)?;
        let (defaults, known) = (Options { size, ..Options::default() }, size.min(size_of::<Options>()));
        // SAFETY: the caller has `size` bytes there; members that this version does not know are zero by default.
        unsafe {
            options.cast::<u8>().write_bytes(0, size);
            (&raw const defaults).cast::<u8>().copy_to_nonoverlapping(options.cast(), known);
        }
        Ok(())
    })
}
