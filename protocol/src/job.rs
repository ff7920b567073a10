//! A job with everything that has happened to it: the unit the state machine works on.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Digest;

use crate::{
    Account, Amount, ClaimId, ClaimState, DeepLayer, Effect, Job, JobId, Key, Message, MessageId,
    Notice, Params, Ports, Ready, Rejection, TensorRef, Time, Transfer, TransferKind, Transition,
};

/// Element type tag and shape of a program's input or output.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PortType {
    /// Tag of the element type.
    pub dtype: u8,
    /// The shape.
    pub shape: Vec<u64>,
}

impl PortType {
    /// Whether `tensor` is of this type.
    pub fn fits(&self, tensor: &TensorRef) -> bool {
        self.dtype == tensor.dtype && self.shape == tensor.shape
    }
}

/// What the registry says of the program that a job names.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProgramFacts {
    /// n: the number of layers.
    pub layers: u32,
    /// The inputs' types.
    pub inputs: Vec<PortType>,
    /// The outputs' types.
    pub outputs: Vec<PortType>,
    /// The layers over the arbiter's budget, ascending, with their steps.
    pub below: Vec<DeepLayer>,
}

/// A take that has not led to a claim yet.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Lease {
    /// The take, which also names the bond.
    pub id: MessageId,
    /// Who holds the job.
    pub executor: Key,
    /// Since when.
    pub since: Time,
    /// Until when.
    pub until: Time,
    /// The locked bond.
    pub bond: Amount,
}

/// Why a job ended without a final claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum RefundReason {
    /// Nobody claimed in time.
    Deadline,
    /// Too many claims were rejected.
    Attempts,
    /// A claim could not be judged.
    Cancelled,
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum JobPhase {
    /// It can be taken.
    Open,
    /// Somebody holds it.
    Taken(Lease),
    /// It is claimed; the claim is the last of [`JobState::claims`].
    Claimed,
    /// A claim on it is final.
    Final,
    /// The fee went back to the requester.
    Refunded(RefundReason),
}

impl JobPhase {
    /// The name, for metrics and views.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken(_) => "taken",
            Self::Claimed => "claimed",
            Self::Final => "final",
            Self::Refunded(_) => "refunded",
        }
    }
}

/// A job and all that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct JobState {
    /// Its id.
    pub id: JobId,
    /// What was asked.
    pub job: Job,
    /// Who asked.
    pub requester: Key,
    /// What the registry says of the program.
    pub facts: ProgramFacts,
    /// When it was admitted.
    pub admitted: Time,
    /// Where it stands.
    pub phase: JobPhase,
    /// Which attempt is due or under way, from 0.
    pub attempt: u32,
    /// How many takes lapsed.
    pub lapses: u32,
    /// Keys that may not take it any more.
    pub barred: BTreeSet<Key>,
    /// Every claim on it; only the last can be under way.
    pub claims: Vec<ClaimState>,
    /// Which counter root was rewarded when a claim was rejected.
    pub rewarded: BTreeMap<ClaimId, Digest>,
}

impl JobState {
    /// Admits a job: its inputs must be of the program's types; the fee goes into escrow.
    pub fn admit(
        params: &Params,
        ready: &Ready,
        facts: ProgramFacts,
        now: Time,
    ) -> Result<Transition, Rejection> {
        let Message::Job(job) = ready.message() else {
            return Err(Rejection::WrongKind { kind: ready.message().kind() });
        };
        if job.fee < params.least_fee {
            return Err(Rejection::Fee { fee: job.fee, least: params.least_fee });
        }
        if job.deadline <= now {
            return Err(Rejection::Deadline { deadline: job.deadline, now });
        }
        check_ports(Ports::Inputs, &facts.inputs, &job.inputs)?;
        let id = JobId(ready.id());
        let state = Self {
            id,
            job: job.clone(),
            requester: ready.signer(),
            facts,
            admitted: now,
            phase: JobPhase::Open,
            attempt: 0,
            lapses: 0,
            barred: BTreeSet::new(),
            claims: Vec::new(),
            rewarded: BTreeMap::new(),
        };
        let escrow = Transfer {
            debit: Account::Free(ready.signer()),
            credit: Account::Escrow(id),
            amount: job.fee,
            kind: TransferKind::Escrow,
            cause: ready.id(),
        };
        let paid = (job.fee > Amount::ZERO).then_some(Effect::Transfer(escrow));
        let effects = paid.into_iter().chain([Effect::Notice(Notice::JobAdmitted)]).collect();
        Ok(Transition { state, effects })
    }

    /// The claim under way or last ended.
    pub fn claim(&self) -> Option<&ClaimState> {
        self.claims.last()
    }

    /// The claim with that id.
    pub fn claim_by_id(&self, id: ClaimId) -> Option<&ClaimState> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    /// Whether nothing more can happen to it.
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase, JobPhase::Final | JobPhase::Refunded(_))
    }
}

/// Checks tensors against a program's ports.
pub(crate) fn check_ports(
    what: Ports,
    ports: &[PortType],
    tensors: &[TensorRef],
) -> Result<(), Rejection> {
    if ports.len() != tensors.len() {
        return Err(Rejection::PortCount { what, got: tensors.len(), expected: ports.len() });
    }
    match ports.iter().zip(tensors).position(|(port, tensor)| !port.fits(tensor)) {
        Some(position) => Err(Rejection::PortType { what, position }),
        None => Ok(()),
    }
}
