//! Many games from one seed, on every core: which game runs where makes no difference to any.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gainsay_commitment::Digest;

use crate::check::Violation;
use crate::game::{Lines, Played, Setting, Tally, play};
use crate::rng::Rng;
use crate::shrink::{Shrunk, shrink};

/// Failing games that are made smaller; the others are only counted.
const SHRUNK: usize = 5;
/// Events of a failing game that are told.
const TOLD: usize = 25;

/// Whether every game is played again to see that it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replays {
    /// Once.
    Once,
    /// Twice, and both digests must be equal.
    Twice,
}

/// What came of many games.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How many were played.
    pub games: u64,
    /// Over all their digests, in order.
    pub digest: Digest,
    /// What there was of everything in all of them.
    pub tally: Tally,
    /// The games in which an invariant was violated, smallest first number.
    pub failed: Vec<Played>,
    /// The first of them, made smaller.
    pub shrunk: Vec<Shrunk>,
}

/// The seed of a campaign's game.
pub fn game_seed(seed: u64, game: u64) -> u64 {
    Rng::new(seed).fork(game).next()
}

/// Plays `games` games; `progress` is told after each, from any thread.
pub fn campaign(
    seed: u64,
    games: u64,
    replays: Replays,
    progress: impl Fn(&Played) + Sync,
) -> Campaign {
    let next = AtomicU64::new(0);
    let played = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let game = next.fetch_add(1, Ordering::Relaxed);
                    if game >= games {
                        return;
                    }
                    let mut one = play_checked(Setting::of(game_seed(seed, game)), replays);
                    if one.violations.is_empty() {
                        one.lines = Vec::new();
                    }
                    progress(&one);
                    // A thread that panicked leaves whole entries.
                    played
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner())
                        .push((game, one));
                }
            });
        }
    });
    let mut played = played.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    played.sort_by_key(|(game, _)| *game);
    let mut digests = Vec::new();
    let mut tally = Tally::default();
    for (_, one) in &played {
        digests.extend(one.digest.0);
        tally = tally.plus(one.tally);
    }
    let failed: Vec<Played> =
        played.into_iter().map(|(_, one)| one).filter(|one| !one.violations.is_empty()).collect();
    let shrunk = failed.iter().take(SHRUNK).map(shrink).collect();
    Campaign { games, digest: gainsay_commitment::content(&digests), tally, failed, shrunk }
}

/// Plays a game, perhaps again.
fn play_checked(setting: Setting, replays: Replays) -> Played {
    let mut played = play(setting, Lines::Last);
    if replays == Replays::Twice {
        let again = play(setting, Lines::Last);
        if again != played {
            let what = format!("{} the first time, {} the second", played.digest, again.digest);
            played.violations.push(Violation { invariant: "deterministic", what });
        }
    }
    played
}

impl Campaign {
    /// What failed, for people: the smallest games that show it, each with its seed and last events.
    pub fn report(&self) -> String {
        let mut text = format!("{} of {} games failed", self.failed.len(), self.games);
        for shrunk in &self.shrunk {
            let Played { setting, violations, lines, .. } = &shrunk.played;
            text += &format!("\n\ngame seed {:#018x}", setting.seed);
            text += &format!(", needs faults {:?}", setting.faults);
            text += &format!(", without gangs {:#b}", setting.without_gangs);
            for line in lines.iter().skip(lines.len().saturating_sub(TOLD)) {
                text += &format!("\n  {line}");
            }
            for violation in violations {
                text += &format!("\n  VIOLATED {}: {}", violation.invariant, violation.what);
            }
        }
        text
    }
}
