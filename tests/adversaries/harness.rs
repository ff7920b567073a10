//! Plays adversaries beside honest daemons and looks, when all is over, whether the invariants held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gainsay_network::api::{Request, Response};
use gainsay_protocol::{Amount, JobPhase, JobState, Key, LoggedEvent, Signed};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::daemon::check_fold;
use crate::invariants::{self, Ending};
use crate::kinds::{Adversary, Jobs, Pays};
use crate::world::{Ground, Party, World, params};

/// The jobs that the honest requester has done beside what the adversary does.
const BYSTANDERS: usize = 2;

/// The longest real time that adversaries may take.
const PATIENCE: Duration = Duration::from_secs(400);

/// The most logged messages that are sent again at the end.
const REPEATED: usize = 48;

/// Plays one game. Says how it ended.
///
/// # Panics
/// If an invariant does not hold, naming it.
pub async fn play(adversaries: Vec<Arc<dyn Adversary>>, seed: u64) -> Ending {
    let mut params = params();
    for adversary in &adversaries {
        adversary.rules(&mut params);
    }
    params.check().unwrap();
    let world = Arc::new(World::open(params, seed).await);
    for _ in 0..BYSTANDERS {
        world.order(Ground::Common).await;
    }
    let names: Vec<&str> = adversaries.iter().map(|adversary| adversary.name()).collect();
    let mut games = JoinSet::new();
    for adversary in &adversaries {
        let (adversary, world) = (Arc::clone(adversary), Arc::clone(&world));
        games.spawn(async move { adversary.play(&world).await });
    }
    let played = tokio::time::timeout(PATIENCE, games.join_all()).await;
    assert!(played.is_ok(), "{names:?} did not come to an end, seed {seed}");
    world.rescue().await;
    settle(&world).await;
    let ending = look(&world).await;
    let mut broken: Vec<String> = invariants::ALL
        .iter()
        .filter_map(|(name, check)| check(&ending).err().map(|why| format!("{name}: {why}")))
        .collect();
    broken.extend(costs(&adversaries, &ending));
    assert!(broken.is_empty(), "{names:?}, seed {seed}:\n{}", broken.join("\n"));
    repeat(&world, &ending).await;
    // What it holds cannot change threads.
    let folded = || Handle::current().block_on(check_fold(&world.arbiter, &world.params));
    tokio::task::block_in_place(folded);
    let world = Arc::into_inner(world).expect("nobody plays any more");
    world.close().await;
    ending
}

/// Waits until every job is over.
async fn settle(world: &World) {
    loop {
        let live = match world.requester.ask(Request::LiveJobs { after: None }).await {
            Response::Jobs(live) => live,
            other => panic!("{other:?}"),
        };
        let Some(job) = live.first() else { return };
        world.requester.until(job.id, JobState::is_terminal).await;
    }
}

async fn look(world: &World) -> Ending {
    let store = world.arbiter.store();
    let (mut jobs, mut truths) = (Vec::new(), BTreeMap::new());
    loop {
        let page = store.jobs(jobs.len() as u64, 256).await.unwrap();
        if page.is_empty() {
            break;
        }
        for summary in page {
            let state = store.job(summary.id).await.unwrap().unwrap();
            truths.insert(state.id, gainsay_player::TraceSource::root(&world.truth(&state).await));
            jobs.push(state);
        }
    }
    let mut log = Vec::new();
    loop {
        let page = store.log(log.len() as u64, 1_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        log.extend(page);
    }
    let mut transfers = Vec::new();
    loop {
        let page = store.transfers(transfers.len() as u64, 1_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        transfers.extend(page);
    }
    let deposits = world.deposits();
    let mut balances: BTreeMap<Key, Amount> = BTreeMap::new();
    for deposit in &deposits {
        balances.insert(deposit.key, store.account(deposit.key).await.unwrap().free);
    }
    Ending {
        params: world.params.clone(),
        pace: world.pace,
        jobs,
        truths,
        log,
        transfers,
        totals: store.totals().await.unwrap(),
        deposits,
        balances,
        replays: metric(world, "gainsay_replays_total{result=\"judged\"}"),
        runs: metric(world, "gainsay_arbiter_runs_total{result=\"done\"}"),
    }
}

fn metric(world: &World, name: &str) -> u64 {
    let text = world.arbiter.metrics().text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no metric {name}")).trim().parse().unwrap()
}

/// `sham_costs`: what each adversary lost is at least what its attack must cost, and together they gained nothing but the
/// fees of right answers. In a coalition one may gain what another lost.
fn costs(adversaries: &[Arc<dyn Adversary>], ending: &Ending) -> Vec<String> {
    let (mut broken, mut given, mut has) = (Vec::new(), 0, 0);
    for adversary in adversaries {
        let party = Party::Hostile(adversary.name());
        let (put, left) = ending.account(party);
        (given, has) = (given + put + ending.earned(party), has + left);
        let least = match adversary.pays(&ending.params) {
            Pays::AtLeast(least) if adversaries.len() == 1 => least.0,
            _ => 0,
        };
        let refunded = ending.jobs.iter().filter(|job| matches!(job.phase, JobPhase::Refunded(_)));
        let honest = |job: &&JobState| {
            ending.deposits.iter().any(|d| d.key == job.requester && d.party == Party::Requester)
        };
        let unanswered = refunded.filter(honest).count();
        if adversaries.len() == 1 && adversary.jobs() == Jobs::Answered && unanswered > 0 {
            broken.push(format!("{unanswered} jobs of the honest requester were not answered"));
        }
        if left + least > put + ending.earned(party) && (least > 0 || adversaries.len() == 1) {
            broken.push(format!(
                "sham_costs: {} had {put} and has {left}, which is not {least} less",
                adversary.name()
            ));
        }
    }
    if has > given {
        broken.push(format!("sham_costs: together they had {given} and have {has}"));
    }
    broken
}

/// `once_only` and `terminal_absorbs`: everything that was said is said again, by somebody else, and changes nothing.
async fn repeat(world: &World, ending: &Ending) {
    let said: Vec<&Signed> = ending
        .log
        .iter()
        .filter_map(|entry| match &entry.event {
            LoggedEvent::Message(signed) => Some(&**signed),
            LoggedEvent::Evidence { message, .. } => Some(&**message),
            _ => None,
        })
        .collect();
    let stride = said.len().div_ceil(REPEATED).max(1);
    for signed in said.iter().step_by(stride) {
        let receipt = world.requester.submit(signed).await.unwrap();
        let logged = ending.log.iter().find(|entry| entry.index == receipt.index).unwrap();
        assert!(
            matches!(&logged.event, LoggedEvent::Message(first) | LoggedEvent::Evidence { message: first, .. }
                if first.id() == signed.id()),
            "once_only: {receipt:?}"
        );
    }
    for job in &ending.jobs {
        assert_eq!(world.requester.job(job.id).await, *job, "terminal_absorbs");
    }
    assert_eq!(world.arbiter.store().totals().await.unwrap(), ending.totals, "once_only");
}
