//! What executors and challengers do, whatever they tell: the level-triggered loops of the daemons.

use std::rc::Rc;

use gainsay_commitment::content;
use gainsay_player::missing_move;
use gainsay_protocol::{
    Claim, ClaimId, ClaimPhase, ClaimState, Commit, JobPhase, JobState, Message, Reveal, Side,
    Take, challenge_commitment,
};

use super::{Me, Say, View};
use crate::source::Told;
use crate::toy::{self, Lies, Trace};

impl Me {
    /// The trace that `make` gives, made once for each job and variant.
    pub(super) fn tell(
        &mut self,
        job: &JobState,
        variant: u64,
        make: impl FnOnce(&Self, u32, toy::Value) -> Trace,
    ) -> Option<Rc<Told>> {
        if let Some(told) = self.told.get(&(job.id, variant)) {
            return Some(Rc::clone(told));
        }
        let input = self.oracle.input(job)?;
        let told = Rc::new(Told(make(self, job.facts.layers, input)));
        self.told.insert((job.id, variant), Rc::clone(&told));
        Some(told)
    }

    /// The true trace.
    pub(super) fn truth(&mut self, job: &JobState) -> Option<Rc<Told>> {
        let truth = self.oracle.truth(job)?;
        self.tell(job, u64::MAX, |_, _, _| (*truth).clone())
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

    /// A root with nothing behind it but the true output.
    pub(super) fn forgery(&mut self, job: &JobState, variant: u64) -> Option<Rc<Told>> {
        let output = self.oracle.truth(job)?.output();
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
            let Ok(Some(due)) = missing_move(&self.params, claim, mover, &root, told) else {
                continue;
            };
            if !known.contains(&due.message) {
                known.push(due.message.clone());
                said.push(Say::Message(due.message, due.blobs));
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
            (None, ClaimPhase::Window) if told.0.root() != claim.claim.root => {
                Some(self.commit(claim.id, &told.0))
            }
            (Some(challenge), ClaimPhase::Revealing) if challenge.revealed.is_none() => {
                self.reveal(claim.id, &told.0)
            }
            _ => None,
        }
    }
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
            said.extend(me.claim(job, &told.0));
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
