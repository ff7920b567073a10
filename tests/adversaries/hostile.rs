//! What somebody hostile can do: everything that a daemon does, with any tree behind it, and anything else it can sign.

use std::sync::Arc;

use gainsay_canon::Tensor;
use gainsay_commitment::{Digest, Opening, content};
use gainsay_network::api::{Refusal, Request, Response};
use gainsay_player::{Move, RunSource, TraceSource, missing_move, tensors};
use gainsay_protocol::{
    Claim, ClaimId, ClaimPhase, ClaimState, Commit, JobId, JobState, Key, Message, MessageId,
    Reveal, Side, Take, challenge_commitment,
};

use crate::daemon::Person;

/// A trace as somebody tells it.
#[derive(Clone, Debug)]
pub struct Told {
    pub source: Arc<dyn TraceSource>,
    pub layers: u32,
    pub outputs: Vec<Tensor>,
    pub last_state: Digest,
}

impl Told {
    pub fn root(&self) -> Digest {
        self.source.root()
    }

    pub fn open(&self, index: u32) -> Opening {
        self.source.opening(index).unwrap()
    }
}

impl From<RunSource> for Told {
    fn from(run: RunSource) -> Self {
        let (layers, outputs) = (run.layers(), run.outputs().to_vec());
        let last_state = *run.states().last().unwrap();
        Self { source: Arc::new(run), layers, outputs, last_state }
    }
}

/// Somebody with a key, a line, and no scruples.
pub struct Hostile {
    pub person: Person,
}

impl Hostile {
    pub fn new(person: Person) -> Self {
        Self { person }
    }

    pub fn key(&self) -> Key {
        self.person.keypair.key()
    }

    pub async fn say(&self, message: Message) -> Result<MessageId, Refusal> {
        self.person.say(message).await
    }

    pub async fn take(&self, job: JobId) -> Result<MessageId, Refusal> {
        let attempt = self.person.job(job).await.attempt;
        self.say(Message::Take(Take { job, attempt })).await
    }

    /// The claim of what is told; its outputs are uploaded.
    pub async fn claim_of(&self, job: JobId, told: &Told) -> Claim {
        for output in &told.outputs {
            self.person.upload(output).await;
        }
        let attempt = self.person.job(job).await.attempt;
        Claim {
            job,
            attempt,
            layers: told.layers,
            root: told.root(),
            outputs: told.outputs.iter().map(tensors::reference).collect(),
            first: told.open(0),
            last: told.open(told.layers),
        }
    }

    /// Takes the job and claims what is told.
    pub async fn claim(&self, job: JobId, told: &Told) -> ClaimId {
        self.take(job).await.unwrap();
        let claim = self.claim_of(job, told).await;
        ClaimId(self.say(Message::Claim(claim)).await.unwrap())
    }

    fn salt(&self, claim: ClaimId) -> [u8; 32] {
        content(&[&self.person.keypair.seed()[..], &claim.0.0.0].concat()).0
    }

    /// The commitment to `root`.
    pub fn commitment(&self, claim: ClaimId, root: Digest) -> Commit {
        let (network, key) = (self.person.params.network(), self.key());
        let commitment = challenge_commitment(network, root, &self.salt(claim), key, claim);
        Commit { claim, commitment }
    }

    pub async fn commit(&self, claim: ClaimId, told: &Told) -> Result<MessageId, Refusal> {
        self.say(Message::Commit(self.commitment(claim, told.root()))).await
    }

    pub fn reveal_of(&self, claim: ClaimId, told: &Told) -> Reveal {
        Reveal {
            claim,
            salt: self.salt(claim),
            root: told.root(),
            last_state: told.last_state,
            first: told.open(0),
            last: told.open(told.layers),
        }
    }

    /// Waits until the reveal time of the claim under way has come, or is over.
    pub async fn until_revealing(&self, job: JobId, claim: ClaimId) -> JobState {
        let revealing = |job: &JobState| {
            job.claim_by_id(claim).is_some_and(|claim| claim.phase != ClaimPhase::Window)
        };
        self.person.until(job, revealing).await
    }

    /// Commits, and reveals when it is time.
    pub async fn challenge(&self, job: JobId, claim: ClaimId, told: &Told) {
        self.commit(claim, told).await.unwrap();
        self.until_revealing(job, claim).await;
        self.say(Message::Reveal(self.reveal_of(claim, told))).await.unwrap();
    }

    /// The moves that its side lacks in the disputes of a claim, as far as the tree knows them.
    pub fn due(&self, claim: &ClaimState, told: &Told) -> Vec<Move> {
        let side = if claim.executor == self.key() { Side::Executor } else { Side::Challenger };
        let roots = claim.disputes.iter().map(|dispute| dispute.counter_root);
        let ours = roots.filter(|root| side == Side::Executor || claim.is_member(self.key(), root));
        let mover = (side, self.key());
        let due = ours.filter_map(|root| {
            missing_move(&self.person.params, claim, mover, &root, told.source.as_ref()).ok()?
        });
        due.collect()
    }

    /// Uploads what a move names and makes it. Somebody else may have made it before.
    pub async fn make(&self, due: Move) -> Result<MessageId, Refusal> {
        for bytes in &due.blobs {
            self.person.client.put_bytes(bytes).await.unwrap();
        }
        self.say(due.message).await
    }

    /// Plays every dispute of the claim as well as the tree allows, changing each move as `twist` says, until the claim
    /// has ended.
    pub async fn play_twisted(
        &self,
        job: JobId,
        claim: ClaimId,
        told: &Told,
        mut twist: impl FnMut(Move) -> Vec<Move>,
    ) -> JobState {
        let mut feed = self.person.client.subscribe(self.latest().await).await.unwrap();
        loop {
            let state = self.person.job(job).await;
            let under_way = state.claim_by_id(claim).unwrap();
            if under_way.outcome().is_some() {
                return state;
            }
            let mut moved = false;
            for due in self.due(under_way, told) {
                for twisted in twist(due) {
                    moved |= self.make(twisted).await.is_ok();
                }
            }
            if !moved {
                while feed.next().await.unwrap().topic != job.0.0.0 {}
            }
        }
    }

    /// The same without any twist.
    pub async fn play(&self, job: JobId, claim: ClaimId, told: &Told) -> JobState {
        self.play_twisted(job, claim, told, |due| vec![due]).await
    }

    /// Waits until the claim has ended, doing nothing.
    pub async fn until_ended(&self, job: JobId, claim: ClaimId) -> JobState {
        let ended =
            |job: &JobState| job.claim_by_id(claim).is_some_and(|claim| claim.outcome().is_some());
        self.person.until(job, ended).await
    }

    /// The newest place in the feed.
    async fn latest(&self) -> u64 {
        self.person.client.subscribe(0).await.unwrap().latest()
    }

    /// A message as somebody signed it.
    pub async fn heard(&self, id: MessageId) -> gainsay_protocol::Signed {
        match self.person.ask(Request::Message(id)).await {
            Response::Message(Some(signed)) => *signed,
            other => panic!("{other:?}"),
        }
    }
}
