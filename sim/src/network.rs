//! The wires: packets are lost, late, doubled, and overtake one another; players are cut off.
//!
//! What is asked of the network is what the protocol asks of it: an honest player gets a move through within the
//! grace. So losses are fair: of one player's packets at most [`MOST_LOST`] within [`FAIR_MS`].

use std::collections::VecDeque;

use crate::fault::{Fault, Faults};
use crate::rng::Rng;

/// How many packets a player loses at most within [`FAIR_MS`].
const MOST_LOST: usize = 3;
/// See [`MOST_LOST`]; the grace of the simulated networks is not less.
const FAIR_MS: u64 = 15_000;
/// The longest a packet is under way.
const LATEST_MS: u64 = 400;

/// The wires between the arbiter and the players.
#[derive(Debug)]
pub(crate) struct Wires {
    rng: Rng,
    faults: Faults,
    lost: Vec<VecDeque<u64>>,
    cut_until: Vec<u64>,
}

impl Wires {
    pub(crate) fn new(rng: Rng, faults: Faults, players: usize) -> Self {
        Self { rng, faults, lost: vec![VecDeque::new(); players], cut_until: vec![0; players] }
    }

    /// Cuts a player off.
    pub(crate) fn cut(&mut self, player: usize, until_ms: u64) {
        if let Some(cut) = self.cut_until.get_mut(player) {
            *cut = until_ms.max(*cut);
        }
    }

    /// When a packet to or from a player arrives, if it does, and perhaps again.
    pub(crate) fn arrivals(&mut self, player: usize, now_ms: u64) -> Vec<u64> {
        let (loss, twice) = (self.rng.percent(12), self.rng.percent(6));
        let (one, other) = (self.rng.between(5, LATEST_MS), self.rng.between(5, LATEST_MS));
        if self.cut_until.get(player).is_some_and(|until| now_ms < *until) {
            return Vec::new();
        }
        if loss && self.faults.has(Fault::Loss) && self.is_fair(player, now_ms) {
            return Vec::new();
        }
        let delay = |late| if self.faults.has(Fault::Delay) { late } else { 20 };
        let mut arrivals = vec![now_ms + delay(one)];
        if twice && self.faults.has(Fault::Duplication) {
            arrivals.push(now_ms + delay(other));
        }
        arrivals
    }

    /// Whether one more may be lost; then it is counted.
    fn is_fair(&mut self, player: usize, now_ms: u64) -> bool {
        let Some(lost) = self.lost.get_mut(player) else { return false };
        while lost.front().is_some_and(|at| at + FAIR_MS <= now_ms) {
            lost.pop_front();
        }
        let fair = lost.len() < MOST_LOST;
        if fair {
            lost.push_back(now_ms);
        }
        fair
    }
}
