//! The smallest game that still fails: kinds of faults and gangs are left out one by one.

use crate::fault::Fault;
use crate::game::{Lines, Played, Setting, play};

/// The most gangs that a game has.
const GANGS: u64 = 8;

/// A failing game from which nothing more can be left out.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smaller game, as it was played.
    pub played: Played,
    /// How many games were tried.
    pub tried: u32,
}

/// Leaves out what a failing game does not need. The same invariant must fail.
pub fn shrink(failed: &Played) -> Shrunk {
    let names = |played: &Played| -> Vec<&'static str> {
        played.violations.iter().map(|violation| violation.invariant).collect()
    };
    let wanted = names(failed);
    let mut smallest = failed.clone();
    let mut tried = 0;
    loop {
        let before = smallest.setting;
        for number in 0..Fault::ALL.len() as u64 + GANGS {
            let setting = leave_out(smallest.setting, number);
            if setting == smallest.setting {
                continue;
            }
            tried += 1;
            let played = play(setting, Lines::Last);
            if names(&played).iter().any(|name| wanted.contains(name)) {
                smallest = played;
            }
        }
        if smallest.setting == before {
            return Shrunk { played: smallest, tried };
        }
    }
}

/// The game without the fault or gang of that number.
fn leave_out(setting: Setting, number: u64) -> Setting {
    match Fault::ALL.get(number as usize) {
        Some(fault) => Setting { faults: setting.faults.without(*fault), ..setting },
        None => {
            let gang = number - Fault::ALL.len() as u64;
            Setting { without_gangs: setting.without_gangs | 1 << gang, ..setting }
        }
    }
}
