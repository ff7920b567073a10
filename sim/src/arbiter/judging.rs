//! Replays and runs of the toy program, and the standing of evidence.

use std::rc::Rc;

use gainsay_arbiter::decide::Occurrence;
use gainsay_arbiter::store::Work;
use gainsay_commitment::{Digest, NodeId, content, leaf_digest};
use gainsay_protocol::{
    ClaimPhase, ClaimState, Dispute, DisputePhase, EvidenceMessage, EvidenceStanding, JobState,
    Message, PairPhase, Ready, Side, Verdict,
};

use super::{Arbiter, CrashPoint, No, Task, refused};
use crate::breakage::Breakage;
use crate::toy::{self, Value};
use crate::toy_below;

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
    Replay {
        claim: usize,
        layer: u32,
    },
    /// A step below a layer or a chunk of its value; `parted` is the agreed state and what both sides say comes of it.
    Step {
        claim: usize,
        layer: u32,
        step: u32,
        chunk: Option<u64>,
        parted: Digest,
    },
    Run {
        claim: usize,
    },
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
                let truth = self.oracle.truth(&state).map(|truth| truth.trace.root());
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
            Work::Step(counter_root, sub_root) => {
                let verdict = match self.machine {
                    Machine::FailsToReplay => Some(Verdict::Inconclusive),
                    _ => self.replay_step(&state, claim, (&counter_root, &sub_root)),
                };
                let Some(verdict) = verdict else { return };
                Occurrence::StepJudged { claim: claim.id, counter_root, sub_root, verdict }
            }
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
        let (layer, named) = (*layer, tensors.first()?.1.content);
        let broken = self.breakage == Some(Breakage::ReplaysAgain);
        let key = (job.id, layer, named);
        let known = self.process.as_ref().and_then(|process| process.replays.get(&key).copied());
        let leaf = match known.filter(|_| !broken) {
            Some(leaf) => leaf,
            None => {
                let input = Value::try_from(self.blobs.get(&named)?.as_ref()).ok()?;
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

    /// Replays the step that a pair of sub-roots came down to, or finds that this was done.
    fn replay_step(
        &mut self,
        job: &JobState,
        claim: &ClaimState,
        (counter_root, sub_root): (&Digest, &Digest),
    ) -> Option<Verdict> {
        let below = claim.dispute(counter_root)?.below_layer()?;
        let pair = below.pair(sub_root)?;
        let PairPhase::Judging { step, chunk, given } = &pair.phase else { return None };
        let (layer, step, chunk) = (below.deep.layer, *step, *chunk);
        let roots = [below.executor_root()?, *sub_root];
        let leaves = roots.map(|root| below.known(&root).get(NodeId::leaf(step)));
        let parted = content(&borsh::to_vec(&(&given.list, leaves)).ok()?);
        let carried = Carried::Step { claim: job.claims.len(), layer, step, chunk, parted };
        let key = (job.id, carried);
        let known = self.process.as_ref().and_then(|process| process.steps.get(&key).copied());
        let verdict = match known {
            Some(verdict) => verdict,
            None => {
                let blob = |content: &Digest| self.blobs.get(content).map(|blob| blob.to_vec());
                let right = toy_below::judge(claim, below, pair, blob)?;
                self.count(job, carried);
                match right {
                    [true, _] => Verdict::ChallengerFault,
                    [false, true] => Verdict::ExecutorFault,
                    [false, false] => Verdict::BothFault,
                }
            }
        };
        if let Some(process) = &mut self.process {
            process.steps.insert(key, verdict);
        }
        Some(self.break_step_verdict(verdict))
    }

    /// How many steps below layers were judged, and how many of them by one chunk.
    pub(crate) fn judged_below(&self) -> (u64, u64) {
        let carried = self.carried_out.values().flatten();
        let steps = carried.filter_map(|carried| match carried {
            Carried::Step { chunk, .. } => Some(u64::from(chunk.is_some())),
            _ => None,
        });
        steps.fold((0, 0), |(all, chunks), chunk| (all + 1, chunks + chunk))
    }

    /// What the judge says about a message that must be checked against the program before it is applied.
    pub(super) fn standing(&self, ready: &Ready) -> Result<Option<EvidenceStanding>, No> {
        let job = || {
            let job = self.subject(&gainsay_arbiter::decide::subject_of(ready));
            job.ok_or_else(|| refused("no such claim"))
        };
        let blob = |content: &Digest| self.blobs.get(content).map(|blob| blob.to_vec());
        Ok(Some(match ready.message() {
            Message::Evidence(evidence) => self.standing_of(job()?.facts.layers, evidence)?,
            Message::StepValue(value) => {
                toy_below::value_standing(job()?, value).map_err(refused)?
            }
            Message::StepEvidence(evidence) => {
                toy_below::evidence_standing(job()?, evidence, blob).map_err(refused)?
            }
            _ => return Ok(None),
        }))
    }

    fn standing_of(&self, layers: u32, evidence: &EvidenceMessage) -> Result<EvidenceStanding, No> {
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
        ClaimPhase::Disputed => claim.disputes.iter().flat_map(work_of_dispute).map(task).collect(),
        ClaimPhase::Window | ClaimPhase::Revealing | ClaimPhase::Ended(_) => Vec::new(),
    }
}

fn work_of_dispute(dispute: &Dispute) -> Vec<Work> {
    let root = dispute.counter_root;
    if let DisputePhase::Judging { .. } = dispute.phase {
        return vec![Work::Replay(root)];
    }
    let pairs = dispute.below_layer().map_or(&[][..], |below| &below.pairs);
    let judging = pairs.iter().filter(|pair| matches!(pair.phase, PairPhase::Judging { .. }));
    judging.map(|pair| Work::Step(root, pair.sub_root)).collect()
}
