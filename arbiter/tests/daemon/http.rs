//! Metrics and health.

use std::net::SocketAddr;
use std::time::Instant;

use gainsay_protocol::LoggedEvent;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{Cast, PATIENCE, Telling, check_fold, params, start};

/// Status line and body of a GET.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// The value of a series in the text format.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.split(' ').next() == Some(series));
    let line = line.unwrap_or_else(|| panic!("{series} is not in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_happened_under_every_registered_name() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let http = arbiter.http_addr().unwrap();
    let (status, text) = get(http, "/metrics").await;
    assert!(status.contains("200"), "{status}");
    for name in arbiter.metrics().names() {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is missing");
    }
    let cast = Cast::open(&arbiter, &params).await;
    let (job, lie, truth) =
        (cast.requester.order(1).await, Telling::lying(1, 3), Telling::honest(1));
    let claim = cast.executor.claim(job, 0, &lie).await;
    cast.challenger.challenge(job, claim, &truth).await;
    cast.play_out(job, claim, &lie, &truth).await;
    cast.requester.until(job, |job| job.claim().unwrap().outcome().is_some()).await;
    let (_, text) = get(http, "/metrics").await;
    for (series, expected) in [
        ("gainsay_claims_ended_total{outcome=\"rejected\"}", 1.0),
        ("gainsay_disputes_ended_total{outcome=\"executor_fault\"}", 1.0),
        ("gainsay_slashes_total{party=\"executor\"}", 1.0),
        ("gainsay_slashes_total{party=\"challenger\"}", 0.0),
        ("gainsay_slashed_microcredits_total{party=\"executor\"}", 1_000_000.0),
        ("gainsay_ledger_microcredits{account=\"burned\"}", 400_000.0),
        ("gainsay_ledger_microcredits{account=\"deposited\"}", 15_000_000.0),
        ("gainsay_conservation_violated", 0.0),
        ("gainsay_jobs{phase=\"open\"}", 1.0),
        ("gainsay_replays_total{result=\"judged\"}", 1.0),
        ("gainsay_messages_total{kind=\"claim\",result=\"accepted\"}", 1.0),
        ("gainsay_detection_seconds_count", 1.0),
        ("gainsay_verdict_seconds_count", 1.0),
        ("gainsay_disputes_open", 0.0),
        ("gainsay_artifacts{state=\"active\"}", 1.0),
        ("gainsay_parameter_seconds{parameter=\"window\"}", 0.4),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    assert!(value(&text, "gainsay_network_bytes_total{direction=\"in\"}") > 1000.0);
    assert!(value(&text, "gainsay_log_entries") > 10.0);
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_good_while_heartbeats_get_through_and_other_paths_are_not_there() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let http = arbiter.http_addr().unwrap();
    let (status, body) = get(http, "/healthz").await;
    assert!(status.contains("200") && body.contains("ok"), "{status} {body}");
    let (status, _) = get(http, "/").await;
    assert!(status.contains("404"), "{status}");
    arbiter.shutdown().await;
    assert!(TcpStream::connect(http).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_takes_nothing_health_is_bad_time_stands_and_nobody_pays_for_it() {
    let (folder, params) = (tempfile::tempdir().unwrap(), params());
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let http = arbiter.http_addr().unwrap();
    let database = folder.path().join("arbiter.db");
    let mut other = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let body = loop {
        let (status, body) = get(http, "/healthz").await;
        if status.contains("503") {
            break body;
        }
        assert!(Instant::now() < deadline, "still healthy");
    };
    assert!(body.contains("no heartbeat"), "{body}");
    let stands = cast.requester.now().await;
    assert_eq!(cast.requester.now().await, stands);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let mut feed = cast.requester.client.subscribe(0).await.unwrap();
    // The return is in the log and on the feed, and time goes on from where it stood.
    while feed.next().await.unwrap().kind != gainsay_arbiter::store::kind::RESUMED {}
    let log = arbiter.store().log(0, 10_000).await.unwrap();
    let resumed = log.iter().find(|entry| entry.event == LoggedEvent::Resumed).unwrap();
    assert!(resumed.time.since(stands).0 < 500, "{resumed:?} after {stands:?}");
    while !get(http, "/healthz").await.0.contains("200") {
        assert!(Instant::now() < deadline, "still not healthy");
    }
    let (_, text) = get(http, "/metrics").await;
    assert_eq!(value(&text, "gainsay_clock_gaps_total"), 1.0);
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}
