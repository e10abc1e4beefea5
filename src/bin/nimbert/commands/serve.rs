//! `nimbert serve`: the service, told what to do.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use nimbert::{Options, Precision};

use crate::{
    positive,
    serve::{Limits, LogFormat, Settings, run, usual_threads},
};

const EXAMPLES: &str = "\
Examples:
  nimbert serve                                             the demo inside this program, at http://127.0.0.1:8080
  nimbert serve --model stars.nimbert --port 3000
  nimbert serve --model stars=stars.nimbert --model vectors=bge-small-en-v1.5

  curl http://127.0.0.1:8080/ -H 'Content-Type: application/json' -d '{\"inputs\": \"太好看了\"}'

A model does what it was made for at / (the first one) and /models/NAME, as the hosted inference API of Hugging Face has it:
InferenceClient(model=\"http://127.0.0.1:8080\"). Beside that there are /predict, /embed, /embed_all, /similarity, /rerank, /tokenize,
/decode and /info of text-embeddings-inference (also under /models/NAME), /v1/embeddings of OpenAI, /v1/rerank and /v2/rerank of Cohere,
/health and /metrics. /docs is a page of all of them, /openapi.json the same for programs.

Requests that come at the same time share forwards; an answer is the same to the bit whatever else is asked. SIGTERM: no new
connections, what was accepted is answered, exit code 0.";

/// Answer requests over HTTP
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Checkpoint directory or packed file, with the name that it is asked for by; may be given again [default: the demo]
    #[arg(short, long = "model", value_name = "[NAME=]PATH", env = "NIMBERT_MODEL", value_delimiter = ';')]
    models: Vec<String>,

    /// Address to listen on; 0.0.0.0 is every one of this machine
    #[arg(long, value_name = "ADDRESS", env = "NIMBERT_HOST", default_value = "127.0.0.1")]
    host: String,

    /// Port to listen on; 0 takes a free one, which is printed
    #[arg(short, long, value_name = "N", env = "NIMBERT_PORT", default_value_t = 8080)]
    port: u16,

    /// Number format of the matrix products: auto, f32, f16 or int8
    #[arg(long, value_name = "PRECISION", env = "NIMBERT_PRECISION", default_value_t)]
    precision: Precision,

    /// Number of threads to compute on [default: the CPUs this process may use, of large and small ones the large; from 8 on, an eighth less]
    #[arg(short, long, value_name = "N", env = "NIMBERT_THREADS", value_parser = positive)]
    threads: Option<usize>,

    /// The most tokens of a text [default: what the model allows]
    #[arg(long, value_name = "N", env = "NIMBERT_MAX_TOKENS", value_parser = positive)]
    max_tokens: Option<usize>,

    /// Key that requests have to have: `Authorization: Bearer KEY`. /health and GET / need none
    #[arg(long, value_name = "KEY", env = "NIMBERT_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// Origin whose pages may ask, such as https://example.org, or * for all; may be given again [default: none]
    #[arg(long = "cors-origin", value_name = "ORIGIN", env = "NIMBERT_CORS_ORIGIN", value_delimiter = ',')]
    cors_origins: Vec<String>,

    /// How the log on standard error is written
    #[arg(long, value_name = "FORMAT", env = "NIMBERT_LOG_FORMAT", default_value = "text")]
    log: LogFormat,

    #[command(flatten)]
    limits: LimitArgs,
}

/// What is refused, and when.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Seconds from a request to its answer: what would take longer is refused when it comes (429), or given up (503)
    #[arg(long, value_name = "SECONDS", env = "NIMBERT_TIMEOUT", default_value = "30", value_parser = seconds)]
    timeout: Duration,

    /// Tokens of all requests that wait; beyond them: 429
    #[arg(long, value_name = "N", env = "NIMBERT_QUEUE_TOKENS", default_value_t = 262_144, value_parser = positive)]
    queue_tokens: usize,

    /// Texts of one request; beyond them: 422
    #[arg(long, value_name = "N", env = "NIMBERT_MAX_TEXTS", default_value_t = 1024, value_parser = positive)]
    max_texts: usize,

    /// Bytes of a request's body; beyond them: 413
    #[arg(long, value_name = "N", env = "NIMBERT_MAX_BODY_BYTES", default_value_t = 2_000_000, value_parser = positive)]
    max_body_bytes: usize,

    /// Connections; beyond them: 503
    #[arg(long, value_name = "N", env = "NIMBERT_MAX_CONNECTIONS", default_value_t = 4096, value_parser = positive)]
    max_connections: usize,

    /// Seconds until a connection's next request is there with its header
    #[arg(long, value_name = "SECONDS", env = "NIMBERT_HEADER_TIMEOUT", default_value = "75", value_parser = seconds)]
    header_timeout: Duration,

    /// Seconds that a request's body may take; beyond them: 408
    #[arg(long, value_name = "SECONDS", env = "NIMBERT_BODY_TIMEOUT", default_value = "30", value_parser = seconds)]
    body_timeout: Duration,

    /// Seconds to answer what was accepted, when asked to end
    #[arg(long, value_name = "SECONDS", env = "NIMBERT_SHUTDOWN_TIMEOUT", default_value = "30", value_parser = seconds)]
    shutdown_timeout: Duration,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let Self { models, host, port, precision, threads, max_tokens, api_key, cors_origins, log, limits } =
            self;
        let threads = threads.unwrap_or_else(usual_threads);
        let options = Options::default().precision(precision).threads(Some(threads)).max_tokens(max_tokens);
        let limits = Limits {
            body_bytes: limits.max_body_bytes,
            texts: limits.max_texts,
            queue_tokens: limits.queue_tokens,
            deadline: limits.timeout,
            connections: limits.max_connections,
            header_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            shutdown: limits.shutdown_timeout,
        };
        run(Settings { models, host, port, options, limits, api_key, cors_origins, log })
    }
}

/// Reads a time of more than nothing.
fn seconds(argument: &str) -> Result<Duration, String> {
    let seconds = argument.parse::<f64>().ok().filter(|&seconds| (1e-3..=86_400.0).contains(&seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, from 0.001 to 86400".to_owned())
}
