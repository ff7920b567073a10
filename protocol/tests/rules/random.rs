//! Hundreds of random events from many keys on one job: hostile takers, claimants and challengers with true,
//! false, forged and malformed traces, repeats, strangers, noise, gaps, a late sweeper and a failing machine.
//!
//! Beside them play one honest executor and one honest challenger, who move at any time before their clocks
//! end. The invariants hold after every event; in the end the honest have lost nothing and the truth stands.

use std::collections::BTreeMap;

use gainsay_commitment::{NodeId, StateList, content};
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{Entry, FEE, Game, Machine, REQUESTER, Refused, START, keypair, params};
use crate::players::{Player, claim_of, evidence_of, reveal_of, salt};
use crate::toy::{Lies, Trace};

const HOSTILE: u8 = 6;
const EXECUTOR: u8 = 10;
const CHALLENGER: u8 = 11;
const DEADLINE: u64 = 300_000;

#[derive(Clone, Debug)]
enum Op {
    Pass(u64),
    LateSweeper(u64),
    Tick,
    Gap,
    Serve,
    Take(u8),
    Claim(u8, u8),
    Commit(u8, u8),
    Reveal(u8),
    Move(u8),
    MoveOf { signer: u8, owner: u8 },
    Noise(u8, u8),
    Equivocate { prover: u8, about: u8, traces: (u8, u8) },
    Again(usize),
    Machine(Machine),
    HonestTake,
    HonestMoves,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..HOSTILE;
    let player = prop_oneof![0..HOSTILE, Just(EXECUTOR), Just(CHALLENGER)];
    prop_oneof![
        4 => prop_oneof![0u64..50, 0u64..600, 0u64..4_000, 0u64..12_000].prop_map(Op::Pass),
        1 => (0u64..3_000).prop_map(Op::LateSweeper),
        1 => Just(Op::Tick),
        1 => Just(Op::Gap),
        2 => Just(Op::Serve),
        2 => key.clone().prop_map(Op::Take),
        2 => (key.clone(), 0u8..8).prop_map(|(key, trace)| Op::Claim(key, trace)),
        6 => (key.clone(), 0u8..8).prop_map(|(key, trace)| Op::Commit(key, trace)),
        4 => key.clone().prop_map(Op::Reveal),
        12 => key.clone().prop_map(Op::Move),
        2 => (key.clone(), player).prop_map(|(signer, owner)| Op::MoveOf { signer, owner }),
        4 => (key.clone(), 0u8..12).prop_map(|(key, kind)| Op::Noise(key, kind)),
        2 => (0usize..400).prop_map(Op::Again),
        1 => (key.clone(), key.clone(), (0u8..8, 0u8..8))
            .prop_map(|(prover, about, traces)| Op::Equivocate { prover, about, traces }),
        1 => prop_oneof![
            4 => Just(Machine::Works),
            1 => Just(Machine::FailsToReplay),
            1 => Just(Machine::FailsToRun),
        ]
        .prop_map(Op::Machine),
        1 => Just(Op::HonestTake),
        4 => Just(Op::HonestMoves),
    ]
}

struct World {
    game: Game,
    traces: Vec<Trace>,
    told: BTreeMap<(ClaimId, u8), Trace>,
    gaps: u64,
    lag: u64,
}

impl World {
    fn new(arity: u32, layers: u32, masks: [u64; 5]) -> Self {
        let game = Game::with_job(params(arity), layers, DEADLINE);
        let input = game.input();
        let mut traces = vec![game.truth.clone()];
        for (liar, mask) in (1..).zip(masks) {
            let lies = if mask % 2 == 0 { Lies::Consistent } else { Lies::Inconsistent };
            traces.push(Trace::lying(layers, input, mask % (1 << layers), lies, liar % 3));
        }
        traces.push(Trace::forged(layers, input, game.truth.output(), 1));
        let odd = StateList(vec![(99, content(b"odd"))]);
        traces.push(Trace::honest(layers, input).with_list(layers / 2, odd));
        if layers < 2 {
            traces.pop();
        }
        Self { game, traces, told: BTreeMap::new(), gaps: 0, lag: 0 }
    }

    fn trace(&self, number: u8) -> Trace {
        self.traces[usize::from(number) % self.traces.len()].clone()
    }

    /// What a key said about the claim under way, as its executor or as a challenger.
    fn player(&self, number: u8) -> Option<Player> {
        let trace = self.told.get(&(self.game.job.claim()?.id, number))?;
        Some(Player::new(number, trace.clone()))
    }

    fn send(&mut self, number: u8, message: Message) -> Result<(), Refused> {
        let before = (self.game.job.clone(), self.game.ledger.clone());
        let sent = self.game.send(keypair(number), message);
        if sent.is_err() {
            assert_eq!((&self.game.job, &self.game.ledger), (&before.0, &before.1));
        }
        sent
    }

    fn take(&mut self, number: u8) -> bool {
        let (job, attempt) = (self.game.job.id, self.game.job.attempt);
        self.send(number, Message::Take(Take { job, attempt })).is_ok()
    }

    fn claim(&mut self, number: u8, trace: Trace) {
        self.game.upload(trace.output());
        let claim = claim_of(&self.game.job, &trace);
        if self.send(number, Message::Claim(claim)).is_ok() {
            self.told.insert((self.game.claim_id(), number), trace);
        }
    }

    fn commit(&mut self, number: u8, trace: Trace) {
        let Some(claim) = self.game.job.claim().map(|claim| claim.id) else { return };
        let key = keypair(number).key();
        let commitment =
            challenge_commitment(self.game.network, trace.root(), &salt(key), key, claim);
        if self.send(number, Message::Commit(Commit { claim, commitment })).is_ok() {
            self.told.insert((claim, number), trace);
        }
    }

    fn reveal(&mut self, number: u8) -> Result<(), Refused> {
        let Some(player) = self.player(number) else { return Ok(()) };
        let reveal = reveal_of(self.game.claim_id(), &player.trace, player.key());
        self.send(number, Message::Reveal(reveal))
    }

    fn moves_of(&self, owner: u8) -> Vec<Message> {
        self.player(owner).map_or_else(Vec::new, |player| player.missing(&self.game))
    }

    fn send_move(&mut self, signer: u8, owner: u8, message: Message) -> Result<(), Refused> {
        if let (Message::Evidence(evidence), Some(player)) = (&message, self.player(owner)) {
            self.game.upload(player.trace.values[evidence.layer as usize - 1]);
        }
        self.send(signer, message)
    }

    /// The honest do what is missing. A refusal is a bug, unless the other side's clock has ended the matter.
    fn honest_moves(&mut self) {
        let now = self.game.now;
        if let JobPhase::Taken(lease) = &self.game.job.phase
            && lease.executor == keypair(EXECUTOR).key()
            && now < lease.until
        {
            self.claim(EXECUTOR, self.game.truth.clone());
        }
        let Some(claim) = self.game.job.claim().filter(|claim| claim.outcome().is_none()) else {
            return;
        };
        let (root, times) = (claim.claim.root, (claim.window_ends, claim.reveal_ends));
        let committed = self.told.contains_key(&(claim.id, CHALLENGER));
        if root != self.game.truth.root() && now < times.0 && !committed {
            self.commit(CHALLENGER, self.game.truth.clone());
            assert!(self.told.contains_key(&(self.game.claim_id(), CHALLENGER)));
        }
        if committed && now >= times.0 && now < times.1 {
            self.reveal(CHALLENGER).unwrap();
        }
        for number in [EXECUTOR, CHALLENGER] {
            for message in self.moves_of(number) {
                let sent = self.send_move(number, number, message);
                if let Err(refused) = sent {
                    assert!(matches!(refused, Refused::Rule(Rejection::Late)), "{refused:?}");
                    assert!(self.lag > 0, "only a late sweeper leaves a dispute open that is over");
                }
            }
        }
    }

    /// The next moment at which somebody's time ends, whatever is overdue because the sweeper is late.
    fn next_stop(&self) -> Option<Time> {
        let claim = self.game.job.claim();
        let phases = claim.into_iter().flat_map(|claim| [claim.window_ends, claim.reveal_ends]);
        let clocks = claim
            .into_iter()
            .flat_map(|claim| &claim.disputes)
            .flat_map(|dispute| [dispute.executor_clock.ends(), dispute.challenger_clock.ends()]);
        let all = clocks.flatten().chain(phases).chain(next_deadline(&self.game.job));
        all.filter(|end| *end > self.game.now).min()
    }

    /// Time passes. Just before anybody's time ends the honest make their moves; the sweeper ticks or not.
    fn pass(&mut self, millis: u64, sweeping: bool) {
        let until = self.game.now.after(Millis(millis));
        self.game.serve();
        loop {
            let due = next_deadline(&self.game.job).is_some_and(|end| end <= self.game.now);
            if sweeping && due {
                self.game.tick();
                self.game.serve();
                continue;
            }
            let Some(stop) = self.next_stop().filter(|stop| *stop <= until) else { break };
            self.game.now = Time(stop.0 - 1);
            self.honest_moves();
            self.game.serve();
            self.game.now = stop;
        }
        self.game.now = until;
    }

    fn noise(&mut self, number: u8, kind: u8) -> Option<Message> {
        let game = &self.game;
        let claim = game.job.claim()?;
        let dispute = claim.disputes.first();
        let trace = self.player(number).map_or_else(|| self.trace(number), |player| player.trace);
        let moves = || (0..=CHALLENGER).flat_map(|owner| self.moves_of(owner)).next();
        let side =
            if claim.executor == keypair(number).key() { Side::Executor } else { Side::Challenger };
        let node = NodeId { level: kind % 4 + 1, index: u32::from(number) % 3 };
        Some(match kind {
            0 => Message::Dissection(Dissection {
                claim: claim.id,
                root: trace.root(),
                node,
                children: trace.reveal(node, game.params.arity).unwrap_or_default(),
            }),
            1 => {
                let Message::Dissection(mut spoiled) = moves()? else { return None };
                spoiled.children.reverse();
                Message::Dissection(spoiled)
            }
            2 => Message::Evidence(evidence_of(
                claim,
                &trace,
                side,
                dispute?.counter_root,
                u32::from(number) % trace.layers + 1,
            )?),
            3 => Message::Evidence(EvidenceMessage {
                list: StateList(vec![(99, content(b"odd"))]),
                ..evidence_of(claim, &trace, side, dispute?.counter_root, dispute?.layer()?)?
            }),
            4 => Message::Reveal(reveal_of(claim.id, &self.trace(number + 1), keypair(0).key())),
            5 => Message::Reveal(reveal_of(claim.id, &claim_trace(self), keypair(number).key())),
            6 => Message::Take(Take { job: game.job.id, attempt: game.job.attempt + 1 }),
            7 => Message::Claim(Claim { attempt: 7, ..claim_of(&game.job, &trace) }),
            8 => Message::Commit(Commit {
                claim: ClaimId(MessageId(content(b"no claim"))),
                commitment: content(b"x"),
            }),
            9 => Message::Commit(Commit { claim: claim.id, commitment: content(b"never opened") }),
            10 => crate::wire::examples().swap_remove(usize::from(number)),
            _ => crate::wire::examples().swap_remove(usize::from(number) + 8),
        })
    }

    /// A hostile key says two things for the attempt under way, and somebody proves it.
    fn equivocate(&mut self, prover: u8, about: u8, traces: (u8, u8)) {
        let attempt = self.game.job.claim().map_or(0, |claim| claim.claim.attempt);
        let claims = [traces.0, traces.1].map(|trace| {
            let claim = Claim { attempt, ..claim_of(&self.game.job, &self.trace(trace)) };
            Signed::new(keypair(about), self.game.network, Message::Claim(claim))
        });
        let [one, other] = claims;
        if let Ok(proof) = Equivocation::prove(self.game.network, one, other) {
            let _ = self.send(prover, Message::Equivocation(proof));
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Pass(millis) => self.pass(millis, true),
            Op::LateSweeper(millis) => {
                self.lag += millis;
                self.pass(millis, false);
            }
            Op::Tick => self.game.tick(),
            Op::Gap => {
                self.gaps += 1;
                self.game.apply(Entry::Resumed).unwrap();
            }
            Op::Serve => self.game.serve(),
            Op::Take(key) => drop(self.take(key)),
            Op::Claim(key, trace) => self.claim(key, self.trace(trace)),
            Op::Commit(key, trace) => self.commit(key, self.trace(trace)),
            Op::Reveal(key) => drop(self.reveal(key)),
            Op::Move(key) => {
                if let Some(message) = self.moves_of(key).into_iter().next() {
                    let _ = self.send_move(key, key, message);
                }
            }
            Op::MoveOf { signer, owner } => {
                if let Some(message) = self.moves_of(owner).into_iter().next() {
                    let _ = self.send_move(signer, owner, message);
                }
            }
            Op::Noise(key, kind) => {
                if let Some(message) = self.noise(key, kind) {
                    let _ = self.send(key, message);
                }
            }
            Op::Equivocate { prover, about, traces } => self.equivocate(prover, about, traces),
            Op::Again(at) => {
                let said = self.game.log.get(at).map(|(_, entry)| entry.clone());
                if let Some(Entry::Message(ready) | Entry::Evidence(ready, _)) = said {
                    let before = self.game.job.clone();
                    let _ = self.game.deliver(ready.signed().clone());
                    assert_eq!(before, self.game.job, "`once_only`");
                }
            }
            Op::Machine(machine) => self.game.machine = machine,
            Op::HonestTake => {
                if self.take(EXECUTOR) {
                    self.claim(EXECUTOR, self.game.truth.clone());
                }
            }
            Op::HonestMoves => self.honest_moves(),
        }
    }

    /// `bounded_delay`: the most serving time from a claim's admission to its end. The arbiter's replays and
    /// its run take none here.
    fn longest(&self) -> u64 {
        let gaps = u32::try_from(self.gaps).unwrap();
        let service = Service { replay: Millis(0), run: Millis(0), gaps };
        self.game.params.d_max(self.game.layers(), &[], &service).unwrap().0 + self.lag
    }

    /// `honest_never_loses`.
    fn invariant_honest_never_loses(&self) {
        assert!(self.game.wealth_of(EXECUTOR) >= START);
        assert!(self.game.wealth_of(CHALLENGER) >= START);
    }

    /// `truth_wins` and `bounded_delay`, for every claim that has ended.
    fn invariant_truth_wins(&self) {
        for claim in &self.game.job.claims {
            let correct = claim.claim.root == self.game.truth.root();
            assert!(correct || claim.outcome() != Some(ClaimOutcome::Final), "a lie became final");
            let honest = claim.executor == keypair(EXECUTOR).key();
            assert!(!honest || claim.outcome() != Some(ClaimOutcome::Rejected));
            let took = claim.ended.unwrap_or(self.game.now).since(claim.admitted);
            assert!(took.0 <= self.longest(), "{took:?} of at most {}", self.longest());
        }
    }
}

fn claim_trace(world: &World) -> Trace {
    let claim = world.game.job.claim().map(|claim| claim.claim.root);
    let found = world.traces.iter().find(|trace| Some(trace.root()) == claim);
    found.unwrap_or(&world.game.truth).clone()
}

fn run(arity: u32, layers: u32, masks: [u64; 5], ops: Vec<Op>) -> World {
    let mut world = World::new(arity, layers, masks);
    for op in ops {
        world.apply(op);
        world.invariant_honest_never_loses();
        world.invariant_truth_wins();
    }
    // Progress: with nothing but time and the honest, the job comes to its end.
    for _ in 0..1_000 {
        if world.game.job.is_terminal() {
            break;
        }
        world.pass(10_000, true);
    }
    assert!(world.game.job.is_terminal(), "{:?}", world.game.job.phase);
    world.invariant_honest_never_loses();
    world.invariant_truth_wins();
    world
}

proptest! {
    #![proptest_config(crate::game::cases(400))]

    #[test]
    fn honest_never_loses_whatever_everybody_does(
        arity in prop_oneof![Just(2u32), Just(4), Just(16)],
        layers in 1u32..=12,
        masks: [u64; 5],
        ops in proptest::collection::vec(op(), 50..400),
    ) {
        let world = run(arity, layers, masks, ops);
        prop_assert_eq!(world.game.fold(), world.game.job.clone(), "`db_is_fold`");
        let held = world.game.ledger.accounts().filter(|(account, amount)| {
            matches!(account, Account::Escrow(_) | Account::Bond(_)) && *amount > Amount::ZERO
        });
        prop_assert_eq!(held.count(), 0, "nothing stays locked when a job has ended");
        if world.game.job.phase != JobPhase::Final {
            prop_assert!(world.game.wealth_of(REQUESTER) >= START);
        } else {
            prop_assert!(world.game.wealth_of(REQUESTER) >= START - FEE);
        }
    }

    /// A claim is under way from the start and everybody challenges it, so that most events hit disputes.
    #[test]
    fn a_crowd_of_disputes_on_one_claim_keeps_every_invariant(
        arity in prop_oneof![Just(2u32), Just(4), Just(16)],
        layers in 2u32..=12,
        masks: [u64; 5],
        told in 0u8..8,
        commits in proptest::collection::vec(0u8..8, HOSTILE as usize),
        ops in proptest::collection::vec(op(), 50..300),
    ) {
        let mut before = vec![Op::Take(0), Op::Claim(0, told)];
        before.extend((1..).zip(commits.iter().skip(1)).map(|(key, trace)| Op::Commit(key, *trace)));
        before.push(Op::Pass(10_000));
        before.extend((1..HOSTILE).map(Op::Reveal));
        before.push(Op::Pass(5_000));
        before.extend(ops);
        let world = run(arity, layers, masks, before);
        prop_assert_eq!(world.game.fold(), world.game.job.clone());
    }
}
