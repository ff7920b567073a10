//! Adversaries against the real daemons: a real arbiter, honest executors and challengers over the real transport, and
//! somebody hostile beside them, alone and in coalition. After each game the protocol's invariants are looked at from
//! outside, by their names. The games of one test are played side by side, because most of a game is waiting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod breakages;
mod coalitions;
mod crafted;
#[path = "../../arbiter/tests/daemon/world.rs"]
#[allow(dead_code)]
mod daemon;
mod harness;
mod hostile;
mod incidents;
mod invariants;
mod kinds;
mod table;
mod world;

use std::sync::Arc;

use kinds::sybil_swarm::SybilSwarm;
use kinds::{Adversary, Role};
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

/// A game that needs the machine for itself writes here, every other reads.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// Games of one test at a time.
const AT_ONCE: usize = 6;

/// Plays each of these alone, side by side.
async fn alone(chosen: Vec<Arc<dyn Adversary>>) {
    let _beside_others = MACHINE.read().await;
    let only = std::env::var("GAINSAY_ADVERSARY").ok();
    let (mut games, places) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for (seed, adversary) in (1u64..).zip(chosen) {
        if only.as_ref().is_none_or(|only| only == adversary.name()) {
            let places = Arc::clone(&places);
            games.spawn(async move {
                let _place = places.acquire().await.unwrap();
                let started = std::time::Instant::now();
                let name = adversary.name();
                harness::play(vec![adversary], seed).await;
                println!("{name}: {:.1} s", started.elapsed().as_secs_f64());
            });
        }
    }
    games.join_all().await;
}

fn of(roles: &[Role]) -> Vec<Arc<dyn Adversary>> {
    kinds::all().into_iter().filter(|kind| roles.contains(&kind.role())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_attacks_loses_and_costs_nobody_honest_anything() {
    alone(of(&[Role::Executor])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenger_that_attacks_loses_and_costs_nobody_honest_anything() {
    alone(of(&[Role::Challenger])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacking_from_both_sides_loses_and_costs_nobody_honest_anything() {
    alone(of(&[Role::Both])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requesters_and_peers_that_attack_gain_nothing_and_hold_up_nobody() {
    alone(of(&[Role::Requester, Role::Line])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sybils_on_one_claim_gain_nothing_and_hold_up_nobody() {
    let _alone = MACHINE.write().await;
    harness::play(vec![Arc::new(SybilSwarm::of(1_000))], 1_000).await;
}
