//! The append-only log and receipts: every accepted event, in order, is what all tables are the fold of.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Context, Digest, hash};

use crate::{ClaimId, JobId, Key, Keypair, MessageId, NetworkId, Signature, Signed, Time, Verdict};

/// What an entry records.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum LoggedEvent {
    /// An accepted message.
    Message(Box<Signed>) = 0,
    /// An accepted message with evidence or a step's value, with how it stood when it was checked.
    Evidence {
        /// The message.
        message: Box<Signed>,
        /// Bytes of its tensors; `None` if the agreed state was malformed.
        bytes: Option<u64>,
    } = 1,
    /// A deadline took effect on a job.
    Tick(JobId) = 2,
    /// A replay's verdict.
    Judged {
        /// The job.
        job: JobId,
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// What it says.
        verdict: Verdict,
    } = 3,
    /// The arbiter's own run.
    Ran {
        /// The job.
        job: JobId,
        /// The claim.
        claim: ClaimId,
        /// The true trace root; `None` if it could not be carried out.
        root: Option<Digest>,
    } = 4,
    /// The arbiter served until now; two of these bound what a clock can be charged.
    Heartbeat = 5,
    /// The arbiter serves again after a gap.
    Resumed = 6,
    /// A withdrawal was due and is paid.
    Paid(MessageId) = 7,
    /// A replay's verdict on a step below the disputed layer.
    StepJudged {
        /// The job.
        job: JobId,
        /// The claim.
        claim: ClaimId,
        /// The counter root of the dispute.
        counter_root: Digest,
        /// The challengers' sub-root of the pair.
        sub_root: Digest,
        /// What it says.
        verdict: Verdict,
    } = 8,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LogEntry {
    /// Its index, from 0 without gaps.
    pub index: u64,
    /// When, in serving time.
    pub time: Time,
    /// What.
    pub event: LoggedEvent,
}

impl LogEntry {
    /// The entry's digest.
    pub fn digest(&self) -> Digest {
        hash(Context::LogEntry, self)
    }
}

/// The arbiter's signed word that it accepted a message, and where in the log it stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// The accepted message.
    pub message: MessageId,
    /// The index of its log entry.
    pub index: u64,
    /// When it was accepted, in serving time.
    pub time: Time,
    /// The arbiter's signature.
    pub signature: Signature,
}

/// A receipt that is not the arbiter's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the receipt is not signed by the arbiter {0}")]
pub struct ReceiptError(pub Key);

impl Receipt {
    fn digest(network: NetworkId, arbiter: Key, content: (MessageId, u64, Time)) -> Digest {
        hash(Context::Receipt, &(network, arbiter, content))
    }

    /// Signs a receipt.
    pub fn new(
        arbiter: &Keypair,
        network: NetworkId,
        message: MessageId,
        index: u64,
        time: Time,
    ) -> Self {
        let digest = Self::digest(network, arbiter.key(), (message, index, time));
        Self { message, index, time, signature: arbiter.sign(&digest) }
    }

    /// Checks the signature.
    pub fn verify(&self, network: NetworkId, arbiter: Key) -> Result<(), ReceiptError> {
        let digest = Self::digest(network, arbiter, (self.message, self.index, self.time));
        if arbiter.verify(&digest, &self.signature) { Ok(()) } else { Err(ReceiptError(arbiter)) }
    }
}
