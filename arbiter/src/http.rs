//! Metrics and health over HTTP: on loopback unless configured otherwise, read-only, a few requests at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gainsay_network::Traffic;
use tokio::net::TcpListener;
use tower::limit::GlobalConcurrencyLimitLayer;

use crate::core::Core;
use crate::error::Chain;

/// Requests answered at once; more wait.
const AT_ONCE: usize = 8;
/// Time to ask the store.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Shared {
    core: Arc<Core>,
    traffic: Arc<Traffic>,
    stale: Duration,
}

/// Serves until `stop` is ready. A heartbeat older than `stale` is unhealthy.
pub(crate) async fn serve(
    listener: TcpListener,
    core: Arc<Core>,
    traffic: Arc<Traffic>,
    stale: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let shared = Shared { core, traffic, stale };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .layer(DefaultBodyLimit::max(0))
        .layer(GlobalConcurrencyLimitLayer::new(AT_ONCE))
        .with_state(shared);
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "HTTP ended");
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let Shared { core, traffic, .. } = shared;
    // What the store cannot tell just now is as it was when it last could.
    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, core.observe()).await {
        tracing::warn!(error = %Chain(&error), "the gauges could not be brought up to date");
    }
    core.metrics.plant.traffic(&traffic.snapshot());
    match core.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let unhealthy = |reason: String| (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    match tokio::time::timeout(PATIENCE, shared.core.store.head()).await {
        Err(_) => return unhealthy(format!("the store has not answered for {PATIENCE:?}\n")),
        Ok(Err(error)) => return unhealthy(format!("the store failed: {}\n", Chain(&error))),
        Ok(Ok(_)) => {}
    }
    let silence = shared.core.clock.silence();
    if silence > shared.stale {
        return unhealthy(format!(
            "no heartbeat has reached the log for {silence:?}; serving time stands\n"
        ));
    }
    (StatusCode::OK, "ok\n").into_response()
}
