//! The service: models that are asked over HTTP, in the words of the services that people have clients for.
//!
//! A request is read and tokenized where it comes in, its rows go through the [`queue`] to the one thread that computes, and what the
//! model makes of them is written down where the request waits. [`listen`] has the connections, [`routes`] the addresses, [`hub`],
//! [`tei`], [`openai`] and [`cohere`] the protocols.

mod aside;
mod call;
mod cohere;
mod failure;
mod fields;
mod forms;
mod hub;
mod inputs;
mod listen;
mod log;
mod metrics;
mod notify;
mod openai;
mod page;
mod queue;
mod routes;
mod served;
mod tei;
mod usage;

use std::{
    io::Write,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use axum::Router;
use nimbert::Options;
use tokio::net::TcpListener;

pub(crate) use self::log::LogFormat;
use self::{
    failure::{Failure, Kind},
    metrics::Metrics,
    queue::{Bounds, Lane, Queue},
    served::{Served, named},
};

/// What the service is told.
pub(crate) struct Settings {
    /// `NAME=PATH` or `PATH`; none for the demo.
    pub(crate) models: Vec<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) options: Options,
    pub(crate) limits: Limits,
    pub(crate) api_key: Option<String>,
    /// Pages of these origins may ask; `*` for all.
    pub(crate) cors_origins: Vec<String>,
    pub(crate) log: LogFormat,
}

/// What is refused, and when.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) body_bytes: usize,
    /// Of a request.
    pub(crate) texts: usize,
    /// That wait.
    pub(crate) queue_tokens: usize,
    /// From a request's header to its answer.
    pub(crate) deadline: Duration,
    pub(crate) connections: usize,
    /// For a request's header to be there, from the last answer on.
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    /// For what is under way when the service is asked to end.
    pub(crate) shutdown: Duration,
}

/// What every request can reach.
struct App {
    /// At least one.
    models: Vec<Arc<Served>>,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    limits: Limits,
    api_key: Option<String>,
    runtime_threads: usize,
    /// Seconds since 1970.
    started: u64,
}

impl App {
    /// The model of a name.
    fn model(&self, name: &str) -> Result<Arc<Served>, Failure> {
        let found = self.models.iter().find(|served| served.name == name).cloned();
        found.ok_or_else(|| {
            let names: Vec<_> = self.models.iter().map(|served| served.name.as_str()).collect();
            Failure::new(Kind::NotFound, format!("no model of that name: there is {}", names.join(", ")))
        })
    }

    /// The model that a body names. Where there is only one, clients may call it what they like.
    fn model_for(&self, name: Option<String>) -> Result<Arc<Served>, Failure> {
        match name {
            Some(name) if self.models.len() > 1 => self.model(&name),
            _ => Ok(Arc::clone(&self.models[0])),
        }
    }
}

/// Threads on which requests are read and answered. They are few: the cores are for forwards.
fn runtime_threads() -> usize {
    cores().div_ceil(8)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Threads to compute on, unless something else is said: of many cores those that requests do not need, where slow ones do not do for
/// them. Of few cores all, since one is too large a part of them.
pub(crate) fn usual_threads() -> usize {
    let usual = nimbert::usual_threads();
    if cores() < 8 { usual } else { usual.min(cores() - runtime_threads()) }
}

/// Serves until a signal asks it to end.
pub(crate) fn run(settings: Settings) -> Result<()> {
    log::start(settings.log);
    let runtime_threads = runtime_threads();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(runtime_threads)
        .thread_name("requests")
        .enable_all()
        .build()
        .context("no threads for requests")?;
    let outcome = runtime.block_on(serve(settings, runtime_threads));
    // What is given up is not waited for.
    runtime.shutdown_background();
    outcome
}

async fn serve(settings: Settings, runtime_threads: usize) -> Result<()> {
    // Before the models are loaded: an address that is taken is known at once.
    let address = format!("{}:{}", settings.host, settings.port);
    let listener =
        TcpListener::bind(&address).await.with_context(|| format!("cannot listen on {address}"))?;
    let signals = listen::Signals::new()?;
    let address = listener.local_addr()?;
    let (app, router) = prepare(settings, runtime_threads)?;
    announce(&app, address)?;
    notify::tell("READY=1");
    listen::serve(listener, router, &app, signals).await;
    Ok(())
}

/// The models, ready to be asked, and all addresses.
fn prepare(settings: Settings, runtime_threads: usize) -> Result<(Arc<App>, Router)> {
    let Settings { models, options, limits, api_key, cors_origins, .. } = settings;
    let metrics = Arc::new(Metrics::new());
    let (mut served, mut lanes) = (Vec::new(), Vec::new());
    load(&models, options, &mut served, &mut lanes)?;
    let bounds = Bounds { tokens: limits.queue_tokens, deadline: limits.deadline };
    let queue = Arc::new(Queue::start(lanes, bounds, Arc::clone(&metrics))?);
    served.iter_mut().try_for_each(|served| served.connect(&queue))?;
    let models: Vec<_> = served.into_iter().map(Arc::new).collect();
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let app = Arc::new(App { models, queue, metrics, limits, api_key, runtime_threads, started });
    let router = routes::router(Arc::clone(&app), &cors_origins)?;
    Ok((app, router))
}

/// All addresses, for who calls them without a connection.
#[allow(dead_code, reason = "a fuzz target")]
pub(crate) fn router(settings: Settings) -> Result<Router> {
    Ok(prepare(settings, 1)?.1)
}

fn load(models: &[String], options: Options, served: &mut Vec<Served>, lanes: &mut Vec<Lane>) -> Result<()> {
    if models.is_empty() {
        served.push(Served::load("demo".to_owned(), None, options, lanes)?);
    }
    for argument in models {
        let (name, path) = named(argument)?;
        if served.iter().any(|other| other.name == name) {
            bail!("--model {argument}: two models are called {name}; give one a name with NAME=PATH");
        }
        served.push(Served::load(name, Some(path), options, lanes)?);
    }
    Ok(())
}

/// Says that requests are answered from now on, and where: what starts the service can wait for the line.
fn announce(app: &App, address: SocketAddr) -> Result<()> {
    let mut text = String::new();
    for served in &app.models {
        let tasks: Vec<_> = served.model.tasks.iter().map(|task| task.name()).collect();
        let compute = crate::model::compute(served.engine());
        text.push_str(&format!("{}: {} ({compute})\n", served.name, tasks.join(", ")));
    }
    text.push_str(&format!("ready at http://{address}\n"));
    crate::show(&text)?;
    std::io::stdout().flush()?;
    Ok(())
}
