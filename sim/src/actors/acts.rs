//! What executors and challengers do, whatever they tell: the level-triggered loops of the daemons.

use std::rc::Rc;

use gainsay_commitment::content;
use gainsay_player::missing_moves;
use gainsay_protocol::{
    Claim, ClaimId, ClaimPhase, ClaimState, Commit, JobPhase, JobState, Message, Reveal, Side,
    Take, challenge_commitment,
};

use super::{Me, Say, View};
use crate::source::Told;
use crate::toy::{self, Lies, Trace};
use crate::toy_below::Planted;

impl Me {
    /// The trace that `make` gives, made once for each job and variant.
    pub(super) fn tell(
        &mut self,
        job: &JobState,
        variant: u64,
        make: impl FnOnce(&Self, u32, toy::Value) -> Trace,
    ) -> Option<Rc<Told>> {
        self.tell_below(job, variant, |me, layers, input| {
            (make(me, layers, input), Planted::default())
        })
    }

    /// The same with something else below the layers than what follows from it.
    pub(super) fn tell_below(
        &mut self,
        job: &JobState,
        variant: u64,
        make: impl FnOnce(&Self, u32, toy::Value) -> (Trace, Planted),
    ) -> Option<Rc<Told>> {
        if let Some(told) = self.told.get(&(job.id, variant)) {
            return Some(Rc::clone(told));
        }
        let input = self.oracle.input(job)?;
        let (trace, planted) = make(self, job.facts.layers, input);
        let told = Rc::new(Told::new(trace, job, planted));
        self.told.insert((job.id, variant), Rc::clone(&told));
        Some(told)
    }

    /// The true trace.
    pub(super) fn truth(&mut self, job: &JobState) -> Option<Rc<Told>> {
        self.oracle.truth(job)
    }

    /// A trace that lies at the states given by `wrong`, agreed in the coalition; `variant` tells several apart.
    pub(super) fn lie(
        &mut self,
        job: &JobState,
        variant: u64,
        lies: Lies,
        wrong: impl FnOnce(u64, u32) -> u64,
    ) -> Option<Rc<Told>> {
        let drawn = self.agreed(job, u64::MAX);
        let liar = self.secret;
        self.tell(job, variant, |_, layers, input| {
            Trace::lying(layers, input, wrong(drawn, layers), lies, liar)
        })
    }

    /// A lie in a layer over the budget, with what `planted` makes of a number agreed in the coalition and the layer's
    /// steps below it; where no layer is over the budget, a lie like any other.
    pub(super) fn lie_below(
        &mut self,
        job: &JobState,
        variant: u64,
        planted: impl FnOnce(u64, u32) -> Planted,
    ) -> Option<Rc<Told>> {
        let (drawn, liar) = (self.agreed(job, u64::MAX), self.secret);
        let Some((layer, steps)) = deep_layer(job, drawn) else {
            return self.lie(job, variant, Lies::Consistent, |drawn, layers| {
                1 << (drawn % u64::from(layers))
            });
        };
        let planted = planted(drawn / 64, steps);
        self.tell_below(job, variant, |_, layers, input| {
            let plain = Trace::lying(layers, input, 1 << (layer - 1), Lies::Consistent, liar);
            let before = plain.values.get(layer as usize - 1).copied().unwrap_or(input);
            let trace = match planted.lies {
                Lies::Inconsistent => plain,
                Lies::Consistent => {
                    let output = planted.output(layer, steps, before);
                    let told = |index| (index == layer).then_some(output);
                    Trace::told(layers, input, Lies::Consistent, told)
                }
            };
            (trace, planted)
        })
    }

    /// The true trace with something else below its layers.
    pub(super) fn truth_but(
        &mut self,
        job: &JobState,
        variant: u64,
        planted: impl FnOnce(u64, u32) -> Planted,
    ) -> Option<Rc<Told>> {
        let drawn = self.agreed(job, u64::MAX);
        let steps = deep_layer(job, drawn).map_or(1, |(_, steps)| steps);
        let planted = planted(drawn / 64, steps);
        self.tell_below(job, variant, |_, layers, input| (Trace::honest(layers, input), planted))
    }

    /// A root with nothing behind it but the true output.
    pub(super) fn forgery(&mut self, job: &JobState, variant: u64) -> Option<Rc<Told>> {
        let output = self.oracle.truth(job)?.trace.output();
        let forger = self.secret ^ variant;
        self.tell(job, variant, |_, layers, input| Trace::forged(layers, input, output, forger))
    }

    /// The salt of its commitments, as the daemon's: made again from the key after any restart.
    fn salt(&self, claim: ClaimId) -> [u8; 32] {
        content(&[&self.keypair.seed()[..], &claim.0.0.0].concat()).0
    }

    pub(super) fn take(&self, job: &JobState) -> Say {
        let take = Take { job: job.id, attempt: job.attempt };
        Say::Message(Message::Take(take), Vec::new())
    }

    pub(super) fn claim(&self, job: &JobState, trace: &Trace) -> Option<Say> {
        let claim = Claim {
            job: job.id,
            attempt: job.attempt,
            layers: trace.layers,
            root: trace.root(),
            outputs: vec![toy::tensor(trace.output())],
            first: trace.open(0)?,
            last: trace.open(trace.layers)?,
        };
        Some(Say::Message(Message::Claim(claim), vec![trace.output().to_vec()]))
    }

    pub(super) fn commit(&self, claim: ClaimId, trace: &Trace) -> Say {
        let (root, key) = (trace.root(), self.key());
        let commitment = challenge_commitment(self.network, root, &self.salt(claim), key, claim);
        Say::Message(Message::Commit(Commit { claim, commitment }), Vec::new())
    }

    pub(super) fn reveal(&self, claim: ClaimId, trace: &Trace) -> Option<Say> {
        let reveal = Reveal {
            claim,
            salt: self.salt(claim),
            root: trace.root(),
            last_state: trace.state(trace.layers),
            first: trace.open(0)?,
            last: trace.open(trace.layers)?,
        };
        Some(Say::Message(Message::Reveal(reveal), Vec::new()))
    }

    /// Takes a job that nobody else holds.
    pub(super) fn take_open(&self, view: &View) -> Vec<Say> {
        let open =
            |job: &&Rc<JobState>| job.phase == JobPhase::Open && !job.barred.contains(&self.key());
        view.jobs.iter().filter(open).map(|job| self.take(job)).take(1).collect()
    }

    /// Whether it holds the job.
    pub(super) fn holds(&self, job: &JobState) -> bool {
        matches!(&job.phase, JobPhase::Taken(lease) if lease.executor == self.key())
    }

    /// Every move that its side lacks in the disputes of the claim under way.
    pub(super) fn moves(&self, job: &JobState, told: &Told) -> Vec<Say> {
        let Some(claim) = job.claim().filter(|claim| claim.phase == ClaimPhase::Disputed) else {
            return Vec::new();
        };
        let side = if claim.executor == self.key() { Side::Executor } else { Side::Challenger };
        let mut said: Vec<Say> = Vec::new();
        let mut known: Vec<Message> = Vec::new();
        for dispute in &claim.disputes {
            let root = dispute.counter_root;
            if side == Side::Challenger && !claim.is_member(self.key(), &root) {
                continue;
            }
            // Only a liar's tree cannot answer.
            let mover = (side, self.key());
            let due = missing_moves(&self.params, claim, mover, &root, told);
            for due in due.into_iter().flatten() {
                if !known.contains(&due.message) {
                    known.push(due.message.clone());
                    said.push(Say::Message(due.message, due.blobs));
                }
            }
        }
        said
    }

    /// The claim under way, if it is its own.
    pub(super) fn own_claim<'a>(&self, job: &'a JobState) -> Option<&'a ClaimState> {
        job.claim().filter(|claim| claim.executor == self.key() && claim.outcome().is_none())
    }

    /// What a challenger does about a claim with the trace it tells, the moves excepted.
    pub(super) fn contradict(&self, claim: &ClaimState, told: &Told) -> Option<Say> {
        if claim.executor == self.key() {
            return None;
        }
        match (claim.challenge_of(self.key()), &claim.phase) {
            (None, ClaimPhase::Window) if told.trace.root() != claim.claim.root => {
                Some(self.commit(claim.id, &told.trace))
            }
            (Some(challenge), ClaimPhase::Revealing) if challenge.revealed.is_none() => {
                self.reveal(claim.id, &told.trace)
            }
            _ => None,
        }
    }
}

/// A layer over the budget and its steps, if there is any.
fn deep_layer(job: &JobState, drawn: u64) -> Option<(u32, u32)> {
    let at = drawn.checked_rem(job.facts.below.len() as u64)?;
    let deep = job.facts.below.get(usize::try_from(at).ok()?)?;
    Some((deep.layer, u32::try_from(deep.steps.len()).ok()?))
}

/// An executor that tells what `trace` says: takes, claims, answers.
pub(super) fn execute(
    me: &mut Me,
    view: &View,
    mut trace: impl FnMut(&mut Me, &JobState) -> Option<Rc<Told>>,
) -> Vec<Say> {
    let mut said = me.take_open(view);
    for job in &view.jobs {
        let Some(told) = trace(me, job) else { continue };
        if me.holds(job) {
            said.extend(me.claim(job, &told.trace));
        } else if me.own_claim(job).is_some() {
            said.extend(me.moves(job, &told));
        }
    }
    said
}

/// A challenger that tells what `trace` says: commits, reveals, answers.
pub(super) fn challenge(
    me: &mut Me,
    view: &View,
    mut trace: impl FnMut(&mut Me, &JobState) -> Option<Rc<Told>>,
) -> Vec<Say> {
    let mut said = Vec::new();
    for job in &view.jobs {
        let Some(claim) = job.claim().filter(|claim| claim.outcome().is_none()) else { continue };
        let Some(told) = trace(me, job) else { continue };
        said.extend(me.contradict(claim, &told));
        if claim.executor != me.key() {
            said.extend(me.moves(job, &told));
        }
    }
    said
}
