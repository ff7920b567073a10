//! Whether a game ended as it must.

use gainsay_protocol::{ClaimOutcome, Outcome, Side, Verdict};

use super::arbiter::Subject;
use super::game::{Ending, Played};
use super::lies::{Kind, Place};

/// What is known of a lie before the game.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its kind.
    pub kind: Kind,
    /// Who tells it.
    pub liar: Side,
    /// Where the dispute must end.
    pub place: Place,
}

/// What is wrong with the ending; `None` if nothing is.
pub fn fault(subject: &Subject, expected: &Expected, ending: &Ending) -> Option<String> {
    let played = match ending {
        Ending::Refused(reason) => {
            // Admission holds the last state against the outputs.
            let at_the_door = expected.liar == Side::Executor
                && expected.kind == Kind::Garbage
                && expected.place.layer == subject.runner.program().layer_count();
            return (!at_the_door).then(|| format!("the claim was refused: {reason}"));
        }
        Ending::Played(played) => played,
    };
    let checks = [
        outcome(subject, expected, played),
        place(subject, expected, played),
        money(expected, played),
    ];
    checks.into_iter().flatten().next()
}

fn outcome(subject: &Subject, expected: &Expected, played: &Played) -> Option<String> {
    let (judged, timeout, claim) = match expected.liar {
        Side::Executor => {
            (Verdict::ExecutorFault, Outcome::ExecutorTimeout, ClaimOutcome::Rejected)
        }
        Side::Challenger => {
            (Verdict::ChallengerFault, Outcome::ChallengerTimeout, ClaimOutcome::Final)
        }
    };
    // Below a layer a state without values behind it leaves its teller without an answer.
    let speechless = expected.kind.is_speechless() && subject.is_deep(expected.place.layer);
    let right =
        played.outcome == Outcome::Judged(judged) || (speechless && played.outcome == timeout);
    if !right {
        return Some(format!("the dispute ended {}", played.outcome.name()));
    }
    (played.claim != claim).then(|| format!("the claim ended {}", played.claim.name()))
}

/// `first_divergence`: the judged layer, step and chunk are the first where the lie is.
fn place(subject: &Subject, expected: &Expected, played: &Played) -> Option<String> {
    let due = expected.place;
    if played.layer != Some(due.layer) {
        return Some(format!("it came down to layer {:?}, not {}", played.layer, due.layer));
    }
    let deep = subject.is_deep(due.layer);
    if deep && expected.kind.is_speechless() {
        return None;
    }
    let [judged] = played.judged.as_slice() else {
        return Some(format!("it took {} judgements", played.judged.len()));
    };
    let found = Place { layer: judged.layer, step: judged.step, chunk: judged.chunk };
    let right = found == due && judged.step.is_some() == deep;
    (!right).then(|| format!("{found:?} was judged, not {due:?}"))
}

/// `honest_never_loses`, and lying costs.
fn money(expected: &Expected, played: &Played) -> Option<String> {
    let [executor, challenger] = played.gained;
    let (liar, honest) = match expected.liar {
        Side::Executor => (executor, challenger),
        Side::Challenger => (challenger, executor),
    };
    if honest < 0 {
        return Some(format!("the honest side lost {honest}"));
    }
    (liar >= 0).then(|| format!("the liar gained {liar}"))
}
