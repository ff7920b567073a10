//! Several kinds at once: coalitions that help one another, and ones drawn from a seed.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::kinds::{self, Adversary, kind};
use crate::{MACHINE, harness};

/// Coalitions whose members gain from one another, or hope to.
pub const COALITIONS: [&[&str]; 9] = [
    // A liar whose accomplices take both sides of its dispute.
    &["wrong-layer", "true-root-staller", "copycat"],
    // Shams and sybils crowd the window while everything comes at the last moment.
    &["sham-self-challenger", "sybil-swarm", "last-second"],
    // One executor's right claims are denied while the line is full.
    &["false-alarms", "frame-flooder", "replayer"],
    // Everything that ends in no judgement.
    &["stall", "concession-to-a-sham", "malformed-agreed-state", "padding-trap"],
    // Jobs are kept from being done, whoever wants them.
    &["lapsing-leases", "garbage-claims", "withheld-outputs", "free-committer"],
    // Money goes round in circles.
    &["bond-recycler", "two-planted-lies", "equivocation-escape", "two-claims"],
    // Delay by any means.
    &["sequential-stakes", "small-disputes", "last-second", "late-and-early-moves"],
    // The honest side is spoiled from within, above the layer and below it.
    &["hostile-member", "evidence-under-pressure", "sybil-swarm", "true-root-staller"],
    &["false-sub-root-member", "copycat", "free-committer", "sham-self-challenger"],
];

/// Coalitions drawn from a seed.
const DRAWN: u64 = 3;

/// Games at a time: each has several adversaries.
const AT_ONCE: usize = 2;

async fn side_by_side(coalitions: Vec<(u64, Vec<Arc<dyn Adversary>>)>) {
    let _beside_others = MACHINE.read().await;
    let (mut games, places) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for (seed, members) in coalitions {
        let places = Arc::clone(&places);
        games.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let names: Vec<&str> = members.iter().map(|member| member.name()).collect();
            let started = std::time::Instant::now();
            harness::play(members, seed).await;
            println!("{names:?}, seed {seed}: {:.1} s", started.elapsed().as_secs_f64());
        });
    }
    games.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coalitions_of_adversaries_lose_together_and_cost_nobody_honest_anything() {
    let named = |names: &&[&str]| names.iter().map(|name| kind(name)).collect();
    side_by_side((100..).zip(COALITIONS.iter().map(named)).collect()).await;
}

/// Three to five kinds, the same for the same seed.
fn drawn(seed: u64) -> Vec<Arc<dyn Adversary>> {
    let mut all = kinds::all();
    // It changes what every other game's disputes come down to.
    all.retain(|kind| kind.name() != "false-sub-root-member");
    let number = |step: u64| {
        let digest =
            gainsay_commitment::content(&[seed.to_le_bytes(), step.to_le_bytes()].concat());
        u64::from_le_bytes(digest.0[..8].try_into().unwrap())
    };
    let size = 3 + number(0) % 3;
    (0..size).map(|step| all.swap_remove((number(step + 1) % all.len() as u64) as usize)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_adversaries_together_lose_and_cost_nobody_honest_anything() {
    let from = std::env::var("GAINSAY_COALITION").ok().and_then(|seed| seed.parse().ok());
    let from: u64 = from.unwrap_or(20_261_121);
    println!("seeds {from} to {}", from + DRAWN - 1);
    side_by_side((from..from + DRAWN).map(|seed| (seed, drawn(seed))).collect()).await;
}
