//! Whole disputes between two random traces, played by `missing_move` against the protocol's own state machine.

use std::collections::BTreeSet;

use gainsay_commitment::{Arity, NodeId, Opening, StateList, TraceTree, content};
use gainsay_protocol::{
    Amount, ArtifactId, Claim, ClaimId, Commit, DisputePhase, Effect, Event, EvidenceStanding, Job,
    JobId, JobState, Keypair, Millis, PortType, ProgramFacts, Ready, Reveal, Signed, Take, Time,
    challenge_commitment, step,
};
use proptest::prelude::*;

use super::*;

/// A trace of made-up states, whose evidence is their lists.
#[derive(Debug)]
struct MadeUp {
    lists: Vec<StateList>,
    tree: TraceTree,
}

impl MadeUp {
    fn new(lists: Vec<StateList>) -> Self {
        let digests: Vec<Digest> =
            (0u32..).zip(&lists).map(|(index, list)| list.digest(index)).collect();
        Self { lists, tree: TraceTree::new(&digests).unwrap() }
    }

    fn state(&self, index: u32) -> Digest {
        self.lists[index as usize].digest(index)
    }
}

impl TraceSource for MadeUp {
    fn root(&self) -> Digest {
        self.tree.root()
    }

    fn reveal(&self, node: NodeId, arity: Arity) -> Option<Vec<Digest>> {
        self.tree.reveal(node, arity).ok()
    }

    fn opening(&self, index: u32) -> Option<Opening> {
        self.tree.open(index).ok()
    }

    fn evidence(&self, layer: u32) -> Result<Option<Evidence>, RunError> {
        let list = self.lists[layer as usize - 1].clone();
        Ok(Some(Evidence { list, tensors: Vec::new() }))
    }
}

struct Game {
    params: Params,
    state: JobState,
    now: Time,
    executor: Keypair,
    challenger: Keypair,
}

fn random_list(seed: u64, index: u32) -> StateList {
    let digest = content(&[seed.to_le_bytes(), u64::from(index).to_le_bytes()].concat());
    StateList(vec![(index, digest)])
}

/// Two traces of `layers` layers: equal before `from`, different at `from`, and afterwards wherever `later` says so.
fn traces(seed: u64, layers: u32, from: u32, later: &[bool]) -> (MadeUp, MadeUp, Vec<TensorRef>) {
    let output = |seed: u64| {
        let content = content(&seed.to_le_bytes());
        vec![TensorRef { dtype: 1, shape: vec![4], content }]
    };
    let differs = |index: u32| index == from || (index > from && later[index as usize]);
    let list = |index: u32, seed: u64| match index {
        0 => TensorRef::list(&output(1)),
        index if index == layers => TensorRef::list(&output(seed + 2)),
        index => random_list(seed, index),
    };
    let claim = (0..=layers).map(|index| list(index, seed));
    let counter =
        (0..=layers).map(|index| list(index, if differs(index) { !seed - 9 } else { seed }));
    (MadeUp::new(claim.collect()), MadeUp::new(counter.collect()), output(seed + 2))
}

impl Game {
    fn ready(&self, keypair: &Keypair, message: Message) -> Ready {
        let network = self.params.network();
        let verified = Signed::new(keypair, network, message).verify(network).unwrap();
        let held: BTreeSet<Digest> = verified.message().required_blobs().into_iter().collect();
        verified.ready(&held).unwrap()
    }

    fn key(&self, side: Side) -> Key {
        match side {
            Side::Executor => self.executor.key(),
            Side::Challenger => self.challenger.key(),
        }
    }

    fn say(&mut self, side: Side, message: Message) -> Vec<Effect> {
        let keypair = match side {
            Side::Executor => &self.executor,
            Side::Challenger => &self.challenger,
        };
        let ready = self.ready(keypair, message);
        let event = match ready.message() {
            Message::Evidence(_) => {
                Event::Evidence(&ready, EvidenceStanding::Complete { bytes: 0 })
            }
            _ => Event::Message(&ready),
        };
        let next = step(&self.params, &self.state, &event, self.now).unwrap();
        self.state = next.state;
        next.effects
    }

    fn tick(&mut self, now: Time) {
        self.now = now;
        self.state = step(&self.params, &self.state, &Event::Tick, now).unwrap().state;
    }

    /// A claim of the one trace, disputed with the other.
    fn disputed(arity: Arity, claim: &MadeUp, counter: &MadeUp, outputs: Vec<TensorRef>) -> Self {
        let [arbiter, executor, challenger] = [1, 2, 3].map(|seed| Keypair::from_seed(&[seed; 32]));
        let mut params = test_params(arbiter.key());
        params.arity = arity;
        let layers = claim.tree.shape().layers();
        let port = PortType { dtype: 1, shape: vec![4] };
        let facts = ProgramFacts {
            layers,
            inputs: vec![port.clone()],
            outputs: vec![port],
            below: Vec::new(),
        };
        let job = Message::Job(Job {
            artifact: ArtifactId(Digest::default()),
            program: 0,
            inputs: vec![TensorRef {
                dtype: 1,
                shape: vec![4],
                content: content(&1u64.to_le_bytes()),
            }],
            fee: Amount(5),
            deadline: Time(1_000_000),
            nonce: 0,
        });
        let network = params.network();
        let signed = Signed::new(&arbiter, network, job).verify(network).unwrap();
        let held = signed.message().required_blobs().into_iter().collect();
        let ready = signed.ready(&held).unwrap();
        let state = JobState::admit(&params, &ready, facts, Time(0)).unwrap().state;
        let mut game = Self { params, state, now: Time(1), executor, challenger };
        let job = game.state.id;
        game.say(Side::Executor, Message::Take(Take { job, attempt: 0 }));
        game.claim(job, claim, outputs);
        game.challenge(counter);
        game
    }

    fn claim(&mut self, job: JobId, claim: &MadeUp, outputs: Vec<TensorRef>) {
        let layers = claim.tree.shape().layers();
        let message = Message::Claim(Claim {
            job,
            attempt: 0,
            layers,
            root: claim.root(),
            outputs,
            first: claim.opening(0).unwrap(),
            last: claim.opening(layers).unwrap(),
        });
        self.say(Side::Executor, message);
    }

    fn challenge(&mut self, counter: &MadeUp) {
        let layers = counter.tree.shape().layers();
        let (claim, salt) = (self.state.claim().unwrap().id, [7; 32]);
        let (network, key) = (self.params.network(), self.challenger.key());
        let commitment = challenge_commitment(network, counter.root(), &salt, key, claim);
        self.say(Side::Challenger, Message::Commit(Commit { claim, commitment }));
        self.tick(self.state.claim().unwrap().window_ends);
        let reveal = Message::Reveal(Reveal {
            claim,
            salt,
            root: counter.root(),
            last_state: counter.state(layers),
            first: counter.opening(0).unwrap(),
            last: counter.opening(layers).unwrap(),
        });
        self.say(Side::Challenger, reveal);
        self.tick(self.state.claim().unwrap().reveal_ends);
    }
}

fn test_params(arbiter: Key) -> Params {
    Params {
        name: "moves".into(),
        arbiter,
        operator: arbiter,
        arity: Arity::new(2).unwrap(),
        window: Millis(10),
        reveal: Millis(10),
        budget: Millis(1000),
        grace: Millis(10),
        lease: Millis(100),
        executor_bond: Amount(100),
        challenger_bond: Amount(100),
        payout_percent: 60,
        rewarded_commitments: 8,
        judgement_cost: Amount(1),
        dispute_cost: Amount(1),
        lapse_fee: Amount(1),
        attempts: 3,
        least_fee: Amount(1),
        ledger: gainsay_protocol::LedgerParams::FREE,
        layer_budget: gainsay_protocol::LayerBudget::UNBOUNDED,
    }
}

/// Both sides make the move that is missing until the evidence is there, given by `giver`.
fn play(game: &mut Game, claim: &MadeUp, counter: &MadeUp, giver: Side) -> (ClaimId, u32) {
    let counter_root = counter.root();
    for _ in 0..200 {
        let mut moved = false;
        for (side, own) in [(Side::Executor, claim), (Side::Challenger, counter)] {
            let state = game.state.claim().unwrap();
            let mover = (side, game.key(side));
            let due = missing_move(&game.params, state, mover, &counter_root, own).unwrap();
            let Some(due) = due else { continue };
            if matches!(due.message, Message::Evidence(_)) && side != giver {
                continue;
            }
            game.say(side, due.message.clone());
            moved = true;
            let state = game.state.claim().unwrap();
            let next = missing_move(&game.params, state, mover, &counter_root, own).unwrap();
            assert_ne!(next.as_ref(), Some(&due), "`done_by_another`: a move made is not missing");
        }
        let state = game.state.claim().unwrap();
        let dispute = state.dispute(&counter_root).unwrap();
        if let DisputePhase::Judging { layer, .. } = dispute.phase {
            return (state.id, layer);
        }
        assert!(moved, "somebody owes a move in {:?}", dispute.phase);
    }
    panic!("the dispute does not end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// `first_divergence`, and that either side alone can give the evidence: the state machine checks the opening
    /// of the agreed state under the claim's root, so a challenger's evidence is accepted only if it is right.
    #[test]
    fn the_missing_moves_lead_to_the_first_difference_and_its_evidence(
        seed in 0u64..1 << 40,
        layers in 1u32..70,
        from in any::<prop::sample::Index>(),
        later in prop::collection::vec(any::<bool>(), 70),
        arity in prop::sample::select(vec![2, 4, 16, 256]),
        giver in prop::sample::select(vec![Side::Executor, Side::Challenger]),
    ) {
        let from = 1 + from.index(layers as usize) as u32;
        let (claim, counter, outputs) = traces(seed, layers, from, &later);
        let mut game = Game::disputed(Arity::new(arity).unwrap(), &claim, &counter, outputs);
        let (_, layer) = play(&mut game, &claim, &counter, giver);
        prop_assert_eq!(layer, from);
    }
}

#[test]
fn a_tree_that_is_not_the_sides_is_not_played_from() {
    let (claim, counter, outputs) = traces(5, 9, 4, &[true; 70]);
    let game = Game::disputed(Arity::new(2).unwrap(), &claim, &counter, outputs);
    let state = game.state.claim().unwrap();
    let executor = (Side::Executor, game.key(Side::Executor));
    let result = missing_move(&game.params, state, executor, &counter.root(), &counter);
    assert!(matches!(result, Err(MoveError::OtherRoot { .. })));
}

#[test]
fn nothing_is_missing_where_there_is_no_dispute() {
    let (claim, counter, outputs) = traces(6, 9, 4, &[true; 70]);
    let game = Game::disputed(Arity::new(2).unwrap(), &claim, &counter, outputs);
    let state = game.state.claim().unwrap();
    let other = Digest([9; 32]);
    let executor = (Side::Executor, game.key(Side::Executor));
    assert_eq!(missing_move(&game.params, state, executor, &other, &claim).unwrap(), None);
}
