//! The operator, who plants lies: it commits to canaries, and opens them; some too early, some wrongly, some never.

use std::collections::BTreeSet;

use gainsay_commitment::content;
use gainsay_protocol::{
    Amount, CanaryCommit, CanaryReveal, JobId, JobPhase, JobState, Key, Message, Time,
};

use super::{Behaviour, Me, Say, View, acts};
use crate::toy::Lies;

/// How the operator goes about opening a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Once its claim has ended or cannot come any more; then once more.
    Opens,
    /// From the commitment on, until it is accepted.
    Hurries,
    /// With another executor, salt or job, before it opens it.
    Fumbles,
    /// Not at all.
    Forgets,
}

/// A lie that the operator plans.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) job: JobId,
    pub(crate) executor: Key,
    pub(crate) salt: [u8; 32],
    pub(crate) bonus: Amount,
    /// When it is committed to.
    pub(crate) from: Time,
    /// By when the job must have been asked for, if it ever is.
    pub(crate) until: Time,
    pub(crate) care: Care,
}

impl Planned {
    fn reveal(&self) -> CanaryReveal {
        CanaryReveal { job: self.job, executor: self.executor, salt: self.salt }
    }

    /// Whether the claim has ended, or will not come.
    fn is_over(&self, view: &View) -> bool {
        let Some(job) = view.jobs.iter().find(|job| job.id == self.job) else {
            return view.time > self.until;
        };
        let claim = job.claims.iter().find(|claim| claim.executor == self.executor);
        job.is_terminal() || claim.is_some_and(|claim| claim.outcome().is_some())
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Planter {
    pub(crate) planned: Vec<Planned>,
}

impl Planter {
    fn fumble(me: &mut Me, planned: &Planned) -> CanaryReveal {
        let right = planned.reveal();
        match me.rng.below(3) {
            0 => CanaryReveal { executor: me.key(), ..right },
            1 => CanaryReveal { salt: [7; 32], ..right },
            _ => {
                CanaryReveal { job: JobId(gainsay_protocol::MessageId(content(b"none"))), ..right }
            }
        }
    }
}

impl Behaviour for Planter {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let mut said = Vec::new();
        for planned in &self.planned {
            let right = planned.reveal();
            let commitment = right.commitment(me.network);
            let Some(record) = view.canaries.get(&commitment) else {
                if view.time >= planned.from {
                    let bonus = planned.bonus;
                    let commit = CanaryCommit { commitments: vec![commitment], bonus };
                    said.push(Message::CanaryCommit(commit));
                }
                continue;
            };
            let (is_open, over) = (record.canary.outcome.is_some(), planned.is_over(view));
            let opens = match planned.care {
                Care::Opens => over && (!is_open || me.rng.percent(10)),
                Care::Hurries => !is_open,
                Care::Fumbles => {
                    said.push(Message::CanaryReveal(Self::fumble(me, planned)));
                    over && me.rng.percent(50)
                }
                Care::Forgets => false,
            };
            if opens {
                said.push(Message::CanaryReveal(right));
            }
        }
        said.into_iter().map(|message| Say::Message(message, Vec::new())).collect()
    }
}

/// An executor of the operator's: lies where it is to, and is honest everywhere else.
#[derive(Debug)]
pub(crate) struct CanaryLiar {
    pub(crate) jobs: BTreeSet<JobId>,
}

impl Behaviour for CanaryLiar {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let helps = me.rng.percent(5);
        let is_open =
            |job: &JobState| job.phase == JobPhase::Open && !job.barred.contains(&me.key());
        let wanted = view.jobs.iter().filter(|job| is_open(job));
        let wanted = wanted.filter(|job| helps || self.jobs.contains(&job.id));
        let takes: Vec<Say> = wanted.map(|job| me.take(job)).take(1).collect();
        let mut said = acts::execute(me, view, |me, job| match self.jobs.contains(&job.id) {
            true => {
                me.lie(job, 40, Lies::Consistent, |drawn, layers| 1 << (drawn % u64::from(layers)))
            }
            false => me.truth(job),
        });
        said.retain(|say| !matches!(say, Say::Message(Message::Take(_), _)));
        said.extend(takes);
        said
    }
}
