//! Lies on either side and makes every move when its clock is about to end.

use std::time::Duration;

use gainsay_protocol::{
    ClaimId, ClaimOutcome, Dispute, JobId, JobState, Message, Millis, Params, Time,
};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::{Hostile, Told};
use crate::world::{Ground, World};

/// See the module.
pub struct LastSecond;

/// How long before the end it moves.
const MARGIN: Millis = Millis(250);

/// Lets the time pass that an attacker lets pass. Nothing is synchronised by it: however late it comes, the outcome is one of
/// those that are checked.
async fn dawdle(who: &Hostile, until: Time) {
    let now = who.person.now().await;
    let left = until.since(now).0.saturating_sub(MARGIN.0);
    tokio::time::sleep(Duration::from_millis(left)).await;
}

/// Plays every move late.
async fn play_late(who: &Hostile, job: JobId, claim: ClaimId, told: &Told) -> JobState {
    loop {
        let state = who.person.job(job).await;
        let under_way = state.claim_by_id(claim).unwrap();
        if under_way.outcome().is_some() {
            return state;
        }
        let due = who.due(under_way, told);
        if due.is_empty() {
            let before = under_way.clone();
            let changed = |job: &JobState| job.claim_by_id(claim) != Some(&before);
            who.person.until(job, changed).await;
            continue;
        }
        if let Some(end) = under_way.disputes.iter().filter_map(Dispute::next_deadline).min() {
            dawdle(who, end).await;
        }
        for due in due {
            // It may be too late.
            let _ = who.make(due).await;
        }
    }
}

impl Adversary for LastSecond {
    fn name(&self) -> &'static str {
        "last-second"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "claims wrongly, and disputes a right claim, with every message at the last moment, so that the answer is too late"
    }

    fn stopped_by(&self) -> &'static str {
        "a reply never leaves the other side less than the grace, each side has one budget, and every claim ends by D_max"
    }

    fn pays(&self, params: &Params) -> Pays {
        // If even its commitment comes too late, the alarm costs it nothing.
        Pays::AtLeast(params.executor_bond)
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let (liar, alarm) =
                (world.hostile(self.name()).await, world.hostile(self.name()).await);
            let wrong = world.order(Ground::Contested).await;
            let right = world.order(Ground::Common).await;
            let claimed = |job: &JobState| job.claim().is_some();
            let state = alarm.person.until(right, claimed).await;
            let disputed = state.claim().unwrap().clone();
            let told: Told = world.lie(wrong, 5, 60).await.into();
            let denied: Told = world.lie(right, 2, 61).await.into();
            let claim = liar.claim(wrong, &told).await;
            let alarmed = async {
                dawdle(&alarm, disputed.window_ends).await;
                if alarm.commit(disputed.id, &denied).await.is_err() {
                    // Too late even for that.
                    return alarm.person.job(right).await;
                }
                alarm.until_revealing(right, disputed.id).await;
                dawdle(&alarm, disputed.reveal_ends).await;
                let _ = alarm.say(Message::Reveal(alarm.reveal_of(disputed.id, &denied))).await;
                play_late(&alarm, right, disputed.id, &denied).await
            };
            let (ended, _) = tokio::join!(play_late(&liar, wrong, claim, &told), alarmed);
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
        })
    }
}
