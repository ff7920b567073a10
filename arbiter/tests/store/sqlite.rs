//! The embedded store: the conformance suite, and what is its own.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gainsay_arbiter::store::sqlite::SqliteStore;
use gainsay_arbiter::store::{Act, CommitError, Store, StoreError, Subject};
use gainsay_protocol::{Millis, Params, Time};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::conformance::{self, Bench};
use crate::world::{World, heartbeat, params};
use crate::{canaries, ledger};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("arbiter.db")
    }

    async fn try_open(&self, params: &Params) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.file(), params, Arc::new(|_, _| {})).await
    }

    async fn raw(&self) -> sqlx::SqliteConnection {
        SqliteConnectOptions::new().filename(self.file()).connect().await.unwrap()
    }
}

impl Bench for Folder {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>> {
        async move { Arc::new(self.try_open(&params()).await.unwrap()) as Arc<dyn Store> }.boxed()
    }
}

macro_rules! conforms {
    ($suite:ident: $($name:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $suite::$name(&Folder::new()).await;
        }
    )*};
}

conforms! { conformance:
    what_is_committed_is_found_again_in_order,
    everything_is_there_after_opening_again,
    a_message_acts_once_and_its_retry_gets_the_same_receipt,
    of_racing_copies_of_a_message_exactly_one_acts,
    a_refused_act_does_not_spoil_those_that_share_its_commit,
    balances_follow_the_ledgers_rules,
    time_in_the_log_never_goes_back,
    numbers_that_no_column_holds_are_refused,
    a_caller_who_goes_away_stops_nothing,
    lists_come_in_pages,
    an_act_that_changes_nothing_writes_nothing,
    blobs_and_replays_are_remembered,
    a_dispute_is_followed_to_its_case,
    a_return_after_a_gap_concerns_every_live_job,
}

conforms! { ledger:
    an_account_shows_what_is_free_and_what_is_locked,
    the_same_transfer_is_made_once,
    too_little_money_leaves_nothing_behind,
    an_equivocation_is_recorded_once_even_when_nothing_is_left_to_slash,
    a_withdrawal_waits_and_is_paid_once,
    a_key_takes_no_more_jobs_than_it_may,
    announced_parameters_are_kept_in_their_order,
    a_statement_holds_every_transfer_of_a_key_and_no_other,
}

conforms! { canaries:
    a_canary_is_kept_from_its_commitment_to_its_opening,
    of_two_commitments_to_one_claim_the_second_opens_as_void,
    a_commitment_after_the_job_opens_as_void_though_it_is_in_the_same_millisecond,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_the_log_depends_on_a_canary_until_it_is_opened() {
    let played = canaries::played(&Folder::new(), canaries::Planted::OnTheJob).await;
    let other = canaries::played(&Folder::new(), canaries::Planted::Elsewhere).await;
    assert_eq!(played, other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn db_is_fold_whatever_people_do() {
    for seed in 1..=6 {
        conformance::db_is_fold_whatever_people_do(&Folder::new(), seed).await;
    }
}

#[tokio::test]
async fn a_database_of_another_network_is_refused() {
    let folder = Folder::new();
    folder.try_open(&params()).await.unwrap();
    let other = Params { name: "another".to_owned(), ..params() };
    let error = folder.try_open(&other).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherNetwork { .. }), "{error}");
}

#[tokio::test]
async fn other_parameters_are_refused_by_name() {
    let folder = Folder::new();
    folder.try_open(&params()).await.unwrap();
    let other = Params { window: Millis(101), attempts: 4, ..params() };
    let error = folder.try_open(&other).await.unwrap_err().to_string();
    assert!(error.contains("101") && error.contains("attempts: 4"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    folder.try_open(&params()).await.unwrap();
    let mut raw = folder.raw().await;
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (9999, 'later', 0, 1, x'00', 0)")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    let error = folder.try_open(&params()).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { version: 9999 }), "{error}");
}

#[tokio::test]
async fn jobs_of_a_database_from_before_canaries_are_read_again() {
    let (folder, world) = (Folder::new(), World::new());
    let store: Arc<dyn Store> = Arc::new(folder.try_open(&params()).await.unwrap());
    world.open(&store).await;
    let (job, _) = world.say(&store, &world.job(1, 100, 9_000), 1).await;
    let job = gainsay_protocol::JobId(job);
    let state = store.job(job).await.unwrap();
    drop(store);
    // The file as it was: without the table, and states without what was rewarded.
    let mut raw = folder.raw().await;
    for step in [
        "DROP TABLE canaries",
        "UPDATE jobs SET state = substr(state, 1, length(state) - 4)",
        "DELETE FROM _sqlx_migrations WHERE version = 3",
    ] {
        sqlx::query(step).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(folder.try_open(&params()).await.unwrap());
    assert_eq!(store.job(job).await.unwrap(), state);
    conformance::check_fold(&world, &store).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.file(), [7u8; 8192]).unwrap();
    let error = folder.try_open(&params()).await.unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error}");
}

#[tokio::test]
async fn log_append_only_neither_log_nor_transfers_can_be_rewritten_even_by_hand() {
    let (folder, world) = (Folder::new(), World::new());
    let store: Arc<dyn Store> = Arc::new(folder.try_open(&params()).await.unwrap());
    world.say(&store, &world.mint(&world.requester, 5, 0), 1).await;
    let mut raw = folder.raw().await;
    for forgery in [
        "UPDATE log SET time_ms = 0",
        "DELETE FROM log",
        "UPDATE transfers SET amount = 6",
        "DELETE FROM transfers",
    ] {
        let error = sqlx::query(forgery).execute(&mut raw).await.unwrap_err().to_string();
        assert!(error.contains("append-only") || error.contains("immutable"), "{forgery}: {error}");
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = Folder::new();
    let store = folder.try_open(&params()).await.unwrap();
    store.commit(heartbeat(1, |_| {})).await.unwrap();
    store.close().await;
    let error = store.commit(heartbeat(2, |_| {})).await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    folder.try_open(&params()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_commit_the_store_goes_on_as_if_it_had_not_been() {
    let (folder, world) = (Folder::new(), World::new());
    let store: Arc<dyn Store> = Arc::new(folder.try_open(&params()).await.unwrap());
    let mint = |nonce| world.mint(&world.requester, 5, nonce);
    world.say(&store, &mint(0), 1).await;
    let mut raw = folder.raw().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut raw).await.unwrap();
    let error = store.commit(world.act(&mint(1), None, Time(2))).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::Database { .. })), "{error:?}");
    // What is there can still be read.
    assert_eq!(store.head().await.unwrap().entries, 1);
    sqlx::query("ROLLBACK").execute(&mut raw).await.unwrap();
    world.say(&store, &mint(1), 3).await;
    conformance::check_fold(&world, &store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_that_crashes_leaves_the_store_working() {
    let (folder, world) = (Folder::new(), World::new());
    let store: Arc<dyn Store> = Arc::new(folder.try_open(&params()).await.unwrap());
    let crash = Act::new(None, Subject::Nothing, |_| panic!("a bug"));
    let error = store.commit(crash).await.unwrap_err().to_string();
    assert!(error.contains("crash"), "{error}");
    let mut crash_later = heartbeat(1, |_| {});
    crash_later.after = Box::new(|_, _| panic!("another bug"));
    store.commit(crash_later).await.unwrap();
    world.say(&store, &world.mint(&world.requester, 5, 0), 2).await;
    conformance::check_fold(&world, &store).await;
}
