//! Replays and runs of the toy program, and the standing of evidence.

use std::rc::Rc;

use gainsay_arbiter::decide::Occurrence;
use gainsay_arbiter::store::Work;
use gainsay_commitment::{Digest, NodeId, leaf_digest};
use gainsay_protocol::{
    ClaimPhase, ClaimState, DisputePhase, EvidenceMessage, EvidenceStanding, JobState, Ready, Side,
    Verdict,
};

use super::{Arbiter, CrashPoint, No, Task, refused};
use crate::breakage::Breakage;
use crate::toy::{self, Value};

/// Whether replays and runs can be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Works,
    FailsToReplay,
    FailsToRun,
}

/// Something the arbiter computed for a job's claim, given by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Carried {
    Replay { claim: usize, layer: u32 },
    Run { claim: usize },
}

impl Arbiter {
    /// Takes the work that waits.
    pub(crate) fn take_work(&mut self) -> Vec<Task> {
        self.process
            .as_mut()
            .map(|process| std::mem::take(&mut process.waiting))
            .unwrap_or_default()
    }

    /// The work that the stored states ask for.
    pub(super) fn work_left(&self) -> Vec<Task> {
        self.tables.jobs.values().flat_map(|job| work_of(job)).collect()
    }

    /// Does a task and commits its result.
    pub(crate) fn carry_out(&mut self, task: Task) {
        let Some(state) = self.tables.jobs.get(&task.job).cloned() else { return };
        let asked_still = work_of(&state).contains(&task);
        let Some(claim) = state.claim().filter(|_| self.is_up() && asked_still) else { return };
        let occurrence = match task.work {
            Work::Run => {
                let truth = self.oracle.truth(&state).map(|truth| truth.root());
                let root = truth.filter(|_| self.machine != Machine::FailsToRun);
                self.count(&state, Carried::Run { claim: state.claims.len() });
                Occurrence::Ran { claim: claim.id, root }
            }
            Work::Replay(counter_root) => {
                let verdict = match self.machine {
                    Machine::FailsToReplay => Some(Verdict::Inconclusive),
                    _ => self.replay(&state, claim, &counter_root),
                };
                let Some(verdict) = verdict else { return };
                Occurrence::Judged { claim: claim.id, counter_root, verdict }
            }
            // The toy program has no layer over the budget.
            Work::Step(..) => return,
        };
        if self.armed == Some(CrashPoint::BeforeEffect) {
            self.crash();
            return;
        }
        let now = self.now();
        // A crash in the transaction leaves the work to the next start.
        let _ = self.occur(task.job, occurrence, now);
    }

    fn count(&mut self, job: &JobState, carried: Carried) {
        self.carried_out.entry(job.id).or_default().push(carried);
    }

    /// Replays the disputed layer, or finds that this was done.
    fn replay(
        &mut self,
        job: &JobState,
        claim: &ClaimState,
        counter_root: &Digest,
    ) -> Option<Verdict> {
        let Some(DisputePhase::Judging { layer, tensors, .. }) =
            claim.dispute(counter_root).map(|dispute| &dispute.phase)
        else {
            return None;
        };
        let (layer, content) = (*layer, tensors.first()?.1.content);
        let broken = self.breakage == Some(Breakage::ReplaysAgain);
        let key = (job.id, layer, content);
        let known = self.process.as_ref().and_then(|process| process.replays.get(&key).copied());
        let leaf = match known.filter(|_| !broken) {
            Some(leaf) => leaf,
            None => {
                let input = Value::try_from(self.blobs.get(&content)?.as_ref()).ok()?;
                let value = toy::layer(layer, input);
                let state = toy::list(job.facts.layers, layer, value).digest(layer);
                let times = if broken { 3 } else { 1 };
                for _ in 0..times {
                    self.count(job, Carried::Replay { claim: job.claims.len(), layer });
                }
                leaf_digest(layer, job.facts.layers + 1, state)
            }
        };
        if let Some(process) = &mut self.process {
            process.replays.insert(key, leaf);
        }
        let told = |side| claim.known(side, counter_root).get(NodeId::leaf(layer));
        let verdict = match (told(Side::Executor)? == leaf, told(Side::Challenger)? == leaf) {
            (true, _) => Verdict::ChallengerFault,
            (false, true) => Verdict::ExecutorFault,
            (false, false) => Verdict::BothFault,
        };
        Some(self.break_verdict(verdict))
    }

    /// What the judge says about evidence before it is applied.
    pub(super) fn standing(
        &self,
        ready: &Ready,
        evidence: &EvidenceMessage,
    ) -> Result<EvidenceStanding, No> {
        let job = self.subject(&gainsay_arbiter::decide::subject_of(ready));
        let layers = job.ok_or_else(|| refused("no such claim"))?.facts.layers;
        let before = evidence.layer.checked_sub(1).ok_or_else(|| refused("there is no layer 0"))?;
        let [(number, digest)] = evidence.list.0[..] else {
            return Ok(EvidenceStanding::MalformedState);
        };
        if number != toy::number(layers, before) {
            return Ok(EvidenceStanding::MalformedState);
        }
        let given = evidence.tensors.iter().find(|(of, _)| *of == number);
        let (_, tensor) = given.ok_or_else(|| refused("a tensor is missing"))?;
        if tensor.digest() != digest {
            return Err(refused("not the listed tensor"));
        }
        let port = toy::facts(layers).inputs;
        if !port.first().is_some_and(|port| port.fits(tensor)) {
            return Ok(EvidenceStanding::MalformedState);
        }
        let bytes = self.blobs.get(&tensor.content).map(Rc::as_ref);
        match bytes.map(<[u8]>::len) {
            Some(8) => Ok(EvidenceStanding::Complete { bytes: 8 }),
            _ => Err(refused("not eight bytes")),
        }
    }
}

/// The work that a job's state asks for.
fn work_of(job: &JobState) -> Vec<Task> {
    let task = |work| Task { job: job.id, work };
    let Some(claim) = job.claim() else { return Vec::new() };
    match claim.phase {
        ClaimPhase::Running => vec![task(Work::Run)],
        ClaimPhase::Disputed => {
            let judging = |phase: &DisputePhase| matches!(phase, DisputePhase::Judging { .. });
            let disputes = claim.disputes.iter().filter(|dispute| judging(&dispute.phase));
            disputes.map(|dispute| task(Work::Replay(dispute.counter_root))).collect()
        }
        ClaimPhase::Window | ClaimPhase::Revealing | ClaimPhase::Ended(_) => Vec::new(),
    }
}
