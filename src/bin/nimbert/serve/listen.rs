//! Connections: how many, how long, and how they end.

mod activity;

use std::{
    convert::Infallible,
    future::pending,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, sleep_until, timeout},
};
use tower::Service;

use self::activity::{Activity, Open, Watched};
use super::{App, notify};

/// What a client is told for whom there is no connection left.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 67\r\n\r\n{\"error\":\"too many connections are open\",\"error_type\":\"Overloaded\"}\n";

/// Within this a connection that was made before the end is there to be accepted.
const BACKLOG: Duration = Duration::from_millis(10);

/// When the service ends, so long is waited for the first request of a connection.
const FIRST: Duration = Duration::from_millis(500);

/// Without a byte that goes out for so long, or twice the time for a header, an answer is given up.
const STALLED: Duration = Duration::from_secs(60);

/// The signals that ask the service to end.
pub(super) struct Signals {
    #[cfg(unix)]
    all: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let all = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        let [terminate, interrupt] = all;
        Ok(Self { all: [terminate.context("SIGTERM")?, interrupt.context("SIGINT")?] })
    }

    #[cfg(unix)]
    async fn wait(&mut self) {
        let [terminate, interrupt] = &mut self.all;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Accepts connections until a signal asks for the end; then answers what was accepted, for as long as there is time.
pub(super) async fn serve(listener: TcpListener, router: Router, app: &Arc<App>, mut signals: Signals) {
    let places = Arc::new(Semaphore::new(app.limits.connections));
    let (ending, end) = watch::channel(false);
    let mut connections = JoinSet::new();
    let accept = |stream: TcpStream, connections: &mut JoinSet<()>| {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tokio::spawn(refuse(stream));
            return;
        };
        let (router, app, end) = (router.clone(), Arc::clone(app), end.clone());
        connections.spawn(async move {
            let _counted = app.metrics.connection();
            connection(stream, router, &app, end).await;
            drop(place);
        });
    };
    loop {
        let accepted = tokio::select! {
            () = signals.wait() => break,
            // Connections that have ended are forgotten as they end.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => accept(stream, &mut connections),
            // One that has gone again is nobody's fault; without descriptors or memory others may end meanwhile.
            Err(error) if is_gone(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Who has a connection by now is answered, also if it was not looked at yet; who still comes, not for long.
    let backlog = async {
        while let Ok(accepted) = timeout(BACKLOG, listener.accept()).await {
            match accepted {
                Ok((stream, _)) => accept(stream, &mut connections),
                Err(error) if is_gone(&error) => {}
                Err(_) => break,
            }
        }
    };
    let _ = timeout(BACKLOG * 10, backlog).await;
    drop(listener);
    tracing::info!("ending: what was accepted is answered");
    ending.send_replace(true);
    notify::tell("STOPPING=1");
    let all = async { while connections.join_next().await.is_some() {} };
    let in_time = tokio::select! {
        outcome = timeout(app.limits.shutdown, all) => outcome.is_ok(),
        () = signals.wait() => false,
    };
    if in_time {
        app.queue.finish();
    } else {
        app.queue.end();
        tracing::warn!("not all that was accepted could be answered");
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn refuse(mut stream: TcpStream) {
    // It may have gone, or not listen.
    let _ = timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
}

async fn connection(stream: TcpStream, router: Router, app: &App, mut end: watch::Receiver<bool>) {
    // An answer is one write; it need not wait for more.
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    activity.touch();
    let of_requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let (mut router, open) = (router.clone(), Open::new(&of_requests));
        async move {
            let answer: Result<Response, Infallible> = router.call(request.map(Body::new)).await;
            drop(open);
            answer
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(app.limits.header_timeout).max_buf_size(64 << 10);
    let stream = Watched { stream, activity: Arc::clone(&activity) };
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // hyper has the same bound for a header that is slow and for one that does not begin.
    let idle = app.limits.header_timeout;
    let mut is_ending = false;
    loop {
        let (patience, since) =
            (if is_ending { (idle * 2).max(STALLED) } else { idle }, activity.idle_since());
        let check = since.unwrap_or_else(Instant::now) + patience;
        let ended = async {
            if is_ending {
                pending::<()>().await;
            }
            let _ = end.wait_for(|&end| end).await;
            // Its first request may be on its way.
            if activity.is_fresh() {
                sleep(FIRST).await;
            }
        };
        tokio::select! {
            // First, so that a request that is there is read before the end is heard of.
            biased;
            // Why it ended, the client knows best.
            _ = connection.as_mut() => return,
            _ = ended => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(check.into()) => {
                match activity.idle_since() {
                    Some(since) if since + (idle * 2).max(STALLED) <= Instant::now() => return,
                    Some(since) if since + idle <= Instant::now() => {
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    _ => {}
                }
            }
        }
    }
}
