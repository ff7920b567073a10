//! Players: level-triggered, as the daemons are. They read the state, and make the move that is missing.

use gainsay_commitment::Digest;
use gainsay_protocol::*;

use crate::deep::Planted;
use crate::game::{Game, Refused, keypair};
use crate::toy::Trace;

/// Somebody with a key, a trace to tell and a number of moves after which they fall silent.
pub struct Player {
    pub keypair: &'static Keypair,
    pub trace: Trace,
    pub moves_left: u32,
    /// What it says below a layer, if not what follows from its trace.
    pub planted: Planted,
}

impl Player {
    /// Somebody who never falls silent.
    pub fn new(number: u8, trace: Trace) -> Self {
        Self::silent_after(number, trace, u32::MAX)
    }

    /// Somebody who makes that many moves in disputes and no more.
    pub fn silent_after(number: u8, trace: Trace, moves_left: u32) -> Self {
        Self { keypair: keypair(number), trace, moves_left, planted: Planted::default() }
    }

    pub fn key(&self) -> Key {
        self.keypair.key()
    }

    pub fn take(&self, game: &mut Game) -> Result<(), Refused> {
        let take = Take { job: game.job.id, attempt: game.job.attempt };
        game.send(self.keypair, Message::Take(take))
    }

    pub fn claim(&self, game: &mut Game) -> Result<(), Refused> {
        game.upload(self.trace.output());
        let claim = claim_of(&game.job, &self.trace);
        game.send(self.keypair, Message::Claim(claim))
    }

    pub fn commit(&self, game: &mut Game) -> Result<(), Refused> {
        let claim = game.claim_id();
        let commitment = challenge_commitment(
            game.network,
            self.trace.root(),
            &salt(self.key()),
            self.key(),
            claim,
        );
        game.send(self.keypair, Message::Commit(Commit { claim, commitment }))
    }

    pub fn reveal(&self, game: &mut Game) -> Result<(), Refused> {
        let reveal = reveal_of(game.claim_id(), &self.trace, self.key());
        game.send(self.keypair, Message::Reveal(reveal))
    }

    /// Every move that is missing now, by the state alone.
    pub fn missing(&self, game: &Game) -> Vec<Message> {
        let mut moves = self.missing_in(&game.params, &game.job);
        let Some(claim) = game.job.claim() else { return moves };
        for (side, dispute) in self.disputes(claim) {
            for message in self.answers_below(game, claim, side, dispute) {
                if !moves.contains(&message) {
                    moves.push(message);
                }
            }
        }
        moves
    }

    /// The same among layers, for a job wherever it is.
    pub fn missing_in(&self, params: &Params, job: &JobState) -> Vec<Message> {
        let Some(claim) = job.claim() else { return Vec::new() };
        let mut moves = Vec::new();
        for (side, dispute) in self.disputes(claim) {
            let found = self.answer(params, claim, side, dispute.counter_root);
            moves.extend(found.filter(|message| !moves.contains(message)));
        }
        moves
    }

    /// The disputes that it is in, and on which side.
    fn disputes<'a>(&self, claim: &'a ClaimState) -> impl Iterator<Item = (Side, &'a Dispute)> {
        let key = self.key();
        let side = if claim.executor == key { Side::Executor } else { Side::Challenger };
        let mine = move |dispute: &&Dispute| {
            side == Side::Executor || claim.is_member(key, &dispute.counter_root)
        };
        claim.disputes.iter().filter(mine).map(move |dispute| (side, dispute))
    }

    fn answer(
        &self,
        params: &Params,
        claim: &ClaimState,
        side: Side,
        counter_root: Digest,
    ) -> Option<Message> {
        match claim.due(params, side, &counter_root) {
            Due::Nothing => None,
            Due::Reveal(node) => Some(Message::Dissection(Dissection {
                claim: claim.id,
                root: self.trace.root(),
                node,
                children: self.trace.reveal(node, params.arity)?,
            })),
            Due::Evidence(layer) => {
                evidence_of(claim, &self.trace, side, counter_root, layer).map(Message::Evidence)
            }
        }
    }

    /// Makes one missing move, if there is one and the player is not silent yet.
    pub fn react(&mut self, game: &mut Game) -> bool {
        let next = if self.moves_left == 0 { None } else { self.missing(game).into_iter().next() };
        let Some(message) = next else { return false };
        if let Message::StepEvidence(evidence) = &message {
            evidence.tensors.iter().for_each(|(_, tensor)| game.hold(tensor.content));
            evidence.slices.iter().for_each(|slices| game.hold(*slices));
        }
        if let Message::Evidence(evidence) = &message {
            game.upload(self.trace.values[evidence.layer as usize - 1]);
        }
        let told = format!("{message:?}");
        match game.send(self.keypair, message) {
            Ok(()) => {
                self.moves_left -= 1;
                true
            }
            // The state of a liar may be no state at all: then nobody can give evidence for it.
            Err(Refused::Evidence(_)) => false,
            Err(refused) => panic!("a missing move was refused {refused}: {told}"),
        }
    }
}

/// The salt that a key uses in these tests.
pub fn salt(key: Key) -> [u8; 32] {
    *gainsay_commitment::content(key.as_bytes()).as_bytes()
}

/// The claim that tells `trace`.
pub fn claim_of(job: &JobState, trace: &Trace) -> Claim {
    Claim {
        job: job.id,
        attempt: job.attempt,
        layers: trace.layers,
        root: trace.root(),
        outputs: vec![crate::toy::tensor(trace.output())],
        first: trace.open(0).unwrap(),
        last: trace.open(trace.layers).unwrap(),
    }
}

/// The reveal that tells `trace`.
pub fn reveal_of(claim: ClaimId, trace: &Trace, key: Key) -> Reveal {
    Reveal {
        claim,
        salt: salt(key),
        root: trace.root(),
        last_state: trace.state(trace.layers),
        first: trace.open(0).unwrap(),
        last: trace.open(trace.layers).unwrap(),
    }
}

/// The evidence that a side with `trace` gives; the opening is under the claim's root, whoever gives it.
pub fn evidence_of(
    claim: &ClaimState,
    trace: &Trace,
    side: Side,
    counter_root: Digest,
    layer: u32,
) -> Option<EvidenceMessage> {
    let before = layer.checked_sub(1)?;
    let own = trace.open(before);
    let opening = match side {
        Side::Executor => own,
        Side::Challenger => {
            claim.known(Side::Executor, &counter_root).opening(trace.shape(), before, own.as_ref())
        }
    }?;
    let value = trace.values[before as usize];
    Some(EvidenceMessage {
        claim: claim.id,
        counter_root,
        layer,
        list: trace.lists[before as usize].clone(),
        opening,
        tensors: vec![(crate::toy::number(trace.layers, before), crate::toy::tensor(value))],
    })
}

/// Takes and claims.
pub fn claim(game: &mut Game, executor: &Player) {
    executor.take(game).unwrap();
    game.pass(1);
    executor.claim(game).unwrap();
}

/// Every challenger commits, the window ends, every challenger reveals, the reveal time ends.
pub fn challenge(game: &mut Game, challengers: &[&Player]) {
    for challenger in challengers {
        game.pass(1);
        challenger.commit(game).unwrap();
    }
    game.pass_deadline();
    for challenger in challengers {
        game.pass(1);
        challenger.reveal(game).unwrap();
    }
    if game.outcome().is_none() {
        game.pass_deadline();
    }
}

/// Everybody moves in turn, one millisecond apart, until the claim has ended. Where nobody moves any more,
/// time passes until a deadline takes effect.
pub fn play(game: &mut Game, players: &mut [&mut Player]) {
    for _ in 0..10_000 {
        if game.outcome().is_some() {
            return;
        }
        let mut moved = false;
        for player in players.iter_mut() {
            if player.react(game) {
                moved = true;
                game.now = game.now.after(Millis(1));
            }
            game.serve();
        }
        if !moved && game.outcome().is_none() {
            game.pass_deadline();
            game.serve();
        }
    }
    panic!("the claim never ended");
}
