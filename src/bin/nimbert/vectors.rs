//! How a text becomes a vector: the options that every command with vectors has.

use clap::Args;
use nimbert::{EmbedOptions, Pooling, Prompt};

use crate::positive;

/// How vectors are made.
#[derive(Args)]
pub(crate) struct VectorArgs {
    /// How the hidden states of a text's tokens become one vector: mean, cls, max, last, mean_sqrt_len_tokens, weightedmean
    /// [default: as the directory says, else mean]
    #[arg(long, value_name = "HOW", help_heading = "Vectors")]
    pooling: Option<Pooling>,

    /// Keep the first N numbers of each vector, scaled to length 1 if the whole one is
    #[arg(long, value_name = "N", value_parser = positive, help_heading = "Vectors")]
    dimensions: Option<usize>,

    /// The model's prompt of this name before each text [default: the model's default, if it has one]
    #[arg(long, value_name = "NAME", conflicts_with = "prompt", help_heading = "Vectors")]
    prompt_name: Option<String>,

    /// This text before each text
    #[arg(long, value_name = "TEXT", help_heading = "Vectors")]
    prompt: Option<String>,
}

impl VectorArgs {
    /// An option that was given, if any was.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let Self { pooling, dimensions, prompt_name, prompt } = self;
        let options = [
            ("--pooling", pooling.is_some()),
            ("--dimensions", dimensions.is_some()),
            ("--prompt-name", prompt_name.is_some()),
            ("--prompt", prompt.is_some()),
        ];
        options.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }

    /// What the library is asked for.
    pub(crate) fn how(&self, normalize: bool) -> EmbedOptions {
        let prompt = match (&self.prompt_name, &self.prompt) {
            (Some(name), _) => Prompt::Named(name.clone()),
            (None, Some(text)) => Prompt::Text(text.clone()),
            (None, None) => Prompt::Default,
        };
        EmbedOptions::default()
            .pooling(self.pooling)
            .normalize(normalize)
            .dimensions(self.dimensions)
            .prompt(prompt)
    }
}
