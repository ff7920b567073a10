//! The arbiter's part of a dispute without its store: signatures, the real state machine, receipts, over the real
//! transport.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, anyhow, ensure};
use gainsay::commitment::Digest;
use gainsay::network::api::{Refusal, RefusalKind, Request, Response};
use gainsay::network::{PeerKey, Service};
use gainsay::protocol::{
    Account, Amount, Effect, Event, EvidenceStanding, JobState, Key, Keypair, Ledger, Message,
    NetworkId, Params, Receipt, Signed, Time, Transfer, TransferKind, Transition, Verdict, step,
};

use crate::cpu::on_cpu;

/// What every participant has.
const MONEY: Amount = Amount(u64::MAX >> 16);

/// One job and its ledger.
#[derive(Clone, Default)]
pub struct Standing {
    job: Option<JobState>,
    ledger: Ledger,
    now: Time,
    entries: u64,
    replays: u64,
}

/// The arbiter.
pub struct Referee {
    params: Params,
    network: NetworkId,
    keypair: Keypair,
    facts: gainsay::protocol::ProgramFacts,
    held: BTreeSet<Digest>,
    standing: Mutex<Standing>,
    /// The serving thread's time on a CPU, in ns: at the first and after the last call.
    cpu: Mutex<Option<[u64; 2]>>,
}

impl Referee {
    pub fn new(
        params: Params,
        keypair: Keypair,
        facts: gainsay::protocol::ProgramFacts,
        held: BTreeSet<Digest>,
    ) -> Self {
        let network = params.network();
        let (standing, cpu) = Default::default();
        Self { params, network, keypair, facts, held, standing, cpu }
    }

    /// Gives a participant money.
    pub fn fund(&self, key: Key, cause: &Signed) -> Result<()> {
        let deposit = Transfer {
            debit: Account::World,
            credit: Account::Free(key),
            amount: MONEY,
            kind: TransferKind::Deposit,
            cause: cause.id(),
        };
        Ok(self.locked().ledger.post(&[deposit])?)
    }

    fn locked(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job as it stands.
    pub fn job(&self) -> Result<JobState> {
        self.locked().job.clone().ok_or_else(|| anyhow!("there is no job"))
    }

    /// Everything, to come back to.
    pub fn saved(&self) -> Standing {
        self.locked().clone()
    }

    /// Comes back to what was saved, and forgets the time on a CPU.
    pub fn restore(&self, saved: &Standing) {
        *self.locked() = saved.clone();
        *self.cpu.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many replays were asked for.
    pub fn replays(&self) -> u64 {
        self.locked().replays
    }

    /// The serving thread's time on a CPU between the first and the last call, in ms.
    pub fn cpu_ms(&self) -> Option<f64> {
        let [first, last] = (*self.cpu.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(last.saturating_sub(first) as f64 / 1e6)
    }

    /// Moves on to the next deadline.
    pub fn pass_deadline(&self) -> Result<()> {
        let mut standing = self.locked();
        let job = standing.job.as_ref().ok_or_else(|| anyhow!("there is no job"))?;
        let due = gainsay::protocol::next_deadline(job);
        standing.now = due.ok_or_else(|| anyhow!("nothing is due"))?;
        self.apply(&mut standing, &Event::Tick)
    }

    /// Takes a message as the arbiter does.
    pub fn submit(&self, signed: Signed) -> Result<Receipt> {
        let ready = signed.verify(self.network)?.ready(&self.held)?;
        let (id, mut standing) = (ready.id(), self.locked());
        match ready.message() {
            Message::Job(_) => {
                let now = standing.now;
                let admitted = JobState::admit(&self.params, &ready, self.facts.clone(), now)?;
                self.accept(&mut standing, admitted)?;
            }
            Message::Evidence(_) => {
                let complete = EvidenceStanding::Complete { bytes: 8 };
                self.apply(&mut standing, &Event::Evidence(&ready, complete))?;
            }
            _ => self.apply(&mut standing, &Event::Message(&ready))?,
        }
        let index = standing.entries;
        Ok(Receipt::new(&self.keypair, self.network, id, index, standing.now))
    }

    /// Ends a dispute as a replay would.
    pub fn judged(&self, counter_root: Digest, verdict: Verdict) -> Result<()> {
        let mut standing = self.locked();
        let claim = standing.job.as_ref().and_then(JobState::claim).map(|claim| claim.id);
        let claim = claim.ok_or_else(|| anyhow!("there is no claim"))?;
        self.apply(&mut standing, &Event::Judged { claim, counter_root, verdict })
    }

    fn apply(&self, standing: &mut Standing, event: &Event<'_>) -> Result<()> {
        let job = standing.job.as_ref().ok_or_else(|| anyhow!("there is no job"))?;
        let done = step(&self.params, job, event, standing.now)?;
        self.accept(standing, done)
    }

    fn accept(&self, standing: &mut Standing, done: Transition) -> Result<()> {
        let transfer = |effect: &Effect| match effect {
            Effect::Transfer(transfer) => Some(*transfer),
            _ => None,
        };
        let transfers: Vec<Transfer> = done.effects.iter().filter_map(transfer).collect();
        standing.ledger.post(&transfers)?;
        ensure!(standing.ledger.is_conserved(), "money came from nowhere");
        let replay = |effect: &&Effect| matches!(effect, Effect::Replay { .. });
        standing.replays += done.effects.iter().filter(replay).count() as u64;
        standing.job = Some(done.state);
        standing.entries += 1;
        Ok(())
    }

    fn answer(&self, request: Request) -> Result<Response> {
        Ok(match request {
            Request::Params => {
                Response::Params { params: Box::new(self.params.clone()), now: self.locked().now }
            }
            Request::Submit(signed) => Response::Receipt(self.submit(*signed)?),
            Request::Job(_) => Response::Job(Some(Box::new(self.job()?))),
            _ => anyhow::bail!("this arbiter only plays one dispute"),
        })
    }
}

/// The referee as the transport sees it.
#[derive(Clone)]
pub struct Served(pub Arc<Referee>);

impl Service for Served {
    type Request = Request;
    type Response = Response;

    async fn call(&self, _peer: PeerKey, request: Request) -> Response {
        let before = on_cpu();
        let response = self.0.answer(request).unwrap_or_else(|error| {
            let message = format!("{error:#}");
            Response::Refused(Refusal { kind: RefusalKind::Rejected, message })
        });
        if let (Some(before), Some(after)) = (before, on_cpu()) {
            let mut cpu = self.0.cpu.lock().unwrap_or_else(PoisonError::into_inner);
            *cpu = Some([cpu.map_or(before, |[first, _]| first), after]);
        }
        response
    }
}
