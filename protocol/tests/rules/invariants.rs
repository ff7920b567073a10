//! The invariants of PROTOCOL section 8, checked after every event of every game.

use std::collections::{BTreeMap, BTreeSet};

use gainsay_commitment::{Digest, NodeId};
use gainsay_protocol::*;

use crate::game::{Entry, FEE, Game, Work, transfers};

type TransferName = (MessageId, u8, Account, Account);

/// What the invariants remember from one event to the next.
#[derive(Default)]
pub struct Watch {
    bonds: BTreeMap<MessageId, (Key, Amount)>,
    ended: BTreeSet<MessageId>,
    named: BTreeSet<TransferName>,
    revealed: BTreeSet<(ClaimId, Digest, NodeId)>,
    judged: BTreeMap<ClaimId, u32>,
    /// Accepted reveals under claims' roots.
    pub executor_reveals: u32,
    /// Replays asked for.
    pub replays: u32,
    /// Runs asked for.
    pub runs: u32,
}

impl Watch {
    pub fn new(effects: &[Effect]) -> Self {
        let mut watch = Self::default();
        watch.invariant_transfers(&transfers(effects));
        watch
    }

    /// Every bond that a key ever locked.
    pub fn bonds_of(&self, key: Key) -> impl Iterator<Item = MessageId> + '_ {
        self.bonds.iter().filter(move |(_, (owner, _))| *owner == key).map(|(bond, _)| *bond)
    }

    /// Runs every invariant on the event that led from `before` to the game's state.
    pub fn check(game: &mut Game, before: &JobState, effects: &[Effect]) {
        let moved = transfers(effects);
        let mut watch = std::mem::take(&mut game.watch);
        watch.invariant_transfers(&moved);
        watch.invariant_bond_ends_once(game, &moved);
        invariant_conservation(game);
        invariant_money_held(game);
        invariant_terminal_absorbs(before, &game.job, effects);
        invariant_phases_only_advance(before, &game.job);
        invariant_no_late_move(before, game);
        invariant_isolation(before, game);
        invariant_clocks_run_for_who_owes(game);
        invariant_never_stuck(game);
        invariant_first_divergence(game);
        invariant_encodes(&game.job);
        watch.invariant_bounded_work(game, before, effects);
        game.watch = watch;
    }

    /// Every transfer moves something and is unique by cause, kind and accounts; locks are remembered.
    fn invariant_transfers(&mut self, moved: &[Transfer]) {
        for transfer in moved {
            assert!(transfer.amount > Amount::ZERO, "a transfer of nothing: {transfer:?}");
            let name = (transfer.cause, transfer.kind as u8, transfer.debit, transfer.credit);
            assert!(self.named.insert(name), "the same transfer twice: {transfer:?}");
            if transfer.kind == TransferKind::Lock {
                let (Account::Free(owner), Account::Bond(bond)) = (transfer.debit, transfer.credit)
                else {
                    panic!("a lock from {:?} to {:?}", transfer.debit, transfer.credit)
                };
                assert_eq!(self.bonds.insert(bond, (owner, transfer.amount)), None);
            }
        }
    }

    /// `bond_ends_once`, and of a slashed bond at most the payable share is paid out.
    fn invariant_bond_ends_once(&mut self, game: &Game, moved: &[Transfer]) {
        let mut debited: BTreeMap<MessageId, Vec<&Transfer>> = BTreeMap::new();
        for transfer in moved {
            if let Account::Bond(bond) = transfer.debit {
                debited.entry(bond).or_default().push(transfer);
            }
        }
        for (bond, set) in debited {
            let (owner, locked) = self.bonds[&bond];
            assert!(self.ended.insert(bond), "a bond ended twice: {set:?}");
            assert_eq!(game.ledger.balance(Account::Bond(bond)), Amount::ZERO, "{set:?}");
            assert_eq!(set.iter().map(|transfer| transfer.amount.0).sum::<u64>(), locked.0);
            let sum = |kinds: &[TransferKind]| {
                let of_kind = set.iter().filter(|transfer| kinds.contains(&transfer.kind));
                of_kind.map(|transfer| transfer.amount.0).sum::<u64>()
            };
            use TransferKind::{
                Burn, ChallengeCost, DisputeCost, JudgementCost, LapseFee, ProofCost, Reward,
                Unlock,
            };
            let (freed, lapse) = (sum(&[Unlock]), sum(&[LapseFee]));
            let payments = [JudgementCost, Reward, DisputeCost, ProofCost, ChallengeCost];
            let (paid, burned) = (sum(&payments), sum(&[Burn]));
            assert_eq!(freed + lapse + paid + burned, locked.0, "an unknown kind: {set:?}");
            assert!(paid <= locked.percent(60).0, "more than 60% paid out: {set:?}");
            assert!(paid + burned == 0 || freed + lapse == 0, "half a slash: {set:?}");
            let to_owner = |transfer: &&&Transfer| transfer.credit == Account::Free(owner);
            let back: u64 = set.iter().filter(to_owner).map(|transfer| transfer.amount.0).sum();
            assert!(paid + burned == 0 || back <= locked.percent(60).0, "{set:?}");
        }
    }

    /// `bounded_work`: a node is revealed once, a layer of a claim asked for at most once per counter root.
    fn invariant_bounded_work(&mut self, game: &Game, before: &JobState, effects: &[Effect]) {
        if let Some((_, Entry::Message(ready))) = game.log.last()
            && let Message::Dissection(dissection) = ready.message()
            && *before != game.job
        {
            let name = (dissection.claim, dissection.root, dissection.node);
            assert!(self.revealed.insert(name), "a node was revealed twice");
            let claim = game.job.claim_by_id(dissection.claim).unwrap();
            self.executor_reveals += u32::from(claim.claim.root == dissection.root);
        }
        for effect in effects {
            match effect {
                Effect::Replay { .. } => {
                    self.replays += 1;
                    let judged = self.judged.entry(game.claim_id()).or_default();
                    *judged += 1;
                    assert!(*judged as usize <= game.claim().disputes.len());
                }
                Effect::Run => self.runs += 1,
                _ => {}
            }
        }
        assert!(self.runs as usize <= game.job.claims.len(), "two runs for one claim");
    }
}

/// `conservation`.
pub fn invariant_conservation(game: &Game) {
    assert!(game.ledger.is_conserved());
}

/// The escrow and every bond hold exactly what the state says they hold.
pub fn invariant_money_held(game: &Game) {
    let job = &game.job;
    let escrow = if job.is_terminal() { Amount::ZERO } else { Amount(FEE) };
    assert_eq!(game.ledger.balance(Account::Escrow(job.id)), escrow, "{:?}", job.phase);
    let mut held = BTreeMap::new();
    if let JobPhase::Taken(lease) = &job.phase {
        held.insert(lease.id, lease.bond);
    }
    for claim in job.claims.iter().filter(|claim| claim.outcome().is_none()) {
        held.insert(claim.take, claim.bond);
        held.extend(claim.challenges.iter().map(|challenge| (challenge.id, challenge.bond)));
    }
    let accounts: BTreeMap<_, _> = game
        .ledger
        .accounts()
        .filter_map(|(account, amount)| match account {
            Account::Bond(bond) if amount > Amount::ZERO => Some((bond, amount)),
            _ => None,
        })
        .collect();
    assert_eq!(accounts, held);
}

/// `terminal_absorbs`: an ended job and an ended claim change no more.
pub fn invariant_terminal_absorbs(before: &JobState, after: &JobState, effects: &[Effect]) {
    if before.is_terminal() {
        assert_eq!(before, after);
        assert_eq!(effects, []);
    }
    for (was, is) in before.claims.iter().zip(&after.claims) {
        if was.outcome().is_some() {
            assert_eq!(was, is);
        }
        for (was, is) in was.disputes.iter().zip(&is.disputes) {
            if was.outcome().is_some() {
                assert_eq!(was, is);
            }
        }
    }
}

/// Attempts, claims, phases and what is known only ever grow.
pub fn invariant_phases_only_advance(before: &JobState, after: &JobState) {
    let rank = |claim: &ClaimState| match claim.phase {
        ClaimPhase::Window => 0,
        ClaimPhase::Revealing => 1,
        ClaimPhase::Disputed => 2,
        ClaimPhase::Running => 3,
        ClaimPhase::Ended(_) => 4,
    };
    assert!(before.attempt <= after.attempt && before.lapses <= after.lapses);
    assert!(before.barred.is_subset(&after.barred));
    assert!(before.claims.len() <= after.claims.len());
    let ended = |job: &JobState| job.claims.iter().filter(|c| c.outcome().is_none()).count();
    assert!(ended(after) <= 1, "two claims under way");
    assert_eq!(ended(after) == 1, after.phase == JobPhase::Claimed);
    for (was, is) in before.claims.iter().zip(&after.claims) {
        assert!(rank(was) <= rank(is));
        assert_eq!(was.id, is.id);
        assert_eq!(was.ended.is_none() && is.ended.is_some(), rank(was) < 4 && rank(is) == 4);
    }
}

/// `no_late_move`: once a clock has ended nothing happens to its dispute but that it ends by time-out; and
/// no dispute ends by time-out before.
pub fn invariant_no_late_move(before: &JobState, game: &Game) {
    for (was, is) in before.claims.iter().zip(&game.job.claims) {
        for (was, is) in was.disputes.iter().zip(&is.disputes) {
            if let Some(below) = was.below_layer().filter(|below| !below.pairs.is_empty()) {
                no_late_move_below(below, is, game.now);
                continue;
            }
            let due = match was.standing(game.now) {
                Standing::InTime(_) => None,
                Standing::ExecutorLate => Some(Outcome::ExecutorTimeout),
                Standing::ChallengerLate => Some(Outcome::ChallengerTimeout),
                Standing::BothLate => Some(Outcome::BothTimeout),
            };
            let timed_out = is.outcome().filter(|outcome| {
                matches!(
                    outcome,
                    Outcome::ExecutorTimeout | Outcome::ChallengerTimeout | Outcome::BothTimeout
                )
            });
            match due {
                Some(_) if was == is => {}
                Some(_) => assert_eq!(timed_out, due, "a late dispute moved: {was:?} to {is:?}"),
                None => assert_eq!(was.outcome().or(timed_out), was.outcome(), "ended too early"),
            }
        }
    }
}

/// The same for every pair of sub-roots; a pair that was in time ends by no time-out.
fn no_late_move_below(was: &Below, is: &Dispute, now: Time) {
    let after = is.below.as_ref().expect("what is below stays");
    for pair in was.pairs.iter().filter(|pair| pair.outcome().is_none()) {
        let due = match pair.standing(now) {
            Standing::InTime(_) => None,
            Standing::ExecutorLate => Some(Outcome::ExecutorTimeout),
            Standing::ChallengerLate => Some(Outcome::ChallengerTimeout),
            Standing::BothLate => Some(Outcome::BothTimeout),
        };
        let next = after.pair(&pair.sub_root).expect("pairs stay");
        let timed_out = next.outcome().filter(|outcome| {
            matches!(
                outcome,
                Outcome::ExecutorTimeout | Outcome::ChallengerTimeout | Outcome::BothTimeout
            )
        });
        match due {
            Some(_) => assert!(pair == next || next.outcome() == due, "{pair:?} to {next:?}"),
            None => assert_eq!(timed_out, None, "ended too early: {pair:?}"),
        }
    }
}

/// `isolation`: a message changes only disputes that it concerns, and leaves everybody at least the grace.
pub fn invariant_isolation(before: &JobState, game: &Game) {
    let Some((_, Entry::Message(ready) | Entry::Evidence(ready, _))) = game.log.last() else {
        return;
    };
    for (was, is) in before.claims.iter().zip(&game.job.claims) {
        for (was, is) in was.disputes.iter().zip(&is.disputes).filter(|(was, is)| was != is) {
            let concerned = match ready.message() {
                Message::Dissection(move_) => {
                    was.phase == (DisputePhase::Dissecting { node: move_.node })
                        && (move_.root == game.claim().claim.root || move_.root == was.counter_root)
                }
                Message::Evidence(evidence) => evidence.counter_root == was.counter_root,
                // What time had decided by then stands; how it ends, `no_late_move` says.
                Message::Equivocation(_) => {
                    let late = !matches!(was.standing(game.now), Standing::InTime(_));
                    late || is.outcome() == Some(Outcome::Equivocation)
                }
                Message::SubRoot(posted) => posted.counter_root == was.counter_root,
                Message::SubDissection(told) => told.counter_root == was.counter_root,
                Message::ChunkDissection(told) => told.counter_root == was.counter_root,
                Message::StepValue(value) => value.counter_root == was.counter_root,
                Message::StepEvidence(given) => given.counter_root == was.counter_root,
                _ => false,
            };
            assert!(
                concerned,
                "{} at {:?} changed {was:?} to {is:?}",
                ready.message().kind(),
                game.now
            );
            for clock in [is.executor_clock, is.challenger_clock] {
                assert!(clock.ends().is_none() || clock.left(game.now) >= game.params.grace);
            }
        }
    }
}

/// A side's clock runs if and only if it owes a move.
pub fn invariant_clocks_run_for_who_owes(game: &Game) {
    for claim in &game.job.claims {
        for dispute in &claim.disputes {
            if !matches!(dispute.standing(game.now), Standing::InTime(_)) {
                continue;
            }
            if let Some(below) = dispute.below_layer() {
                clocks_below(game, dispute, below);
                continue;
            }
            for (side, clock) in [
                (Side::Executor, dispute.executor_clock),
                (Side::Challenger, dispute.challenger_clock),
            ] {
                let due = claim.due(&game.params, side, &dispute.counter_root);
                assert_eq!(clock.ends().is_some(), due != Due::Nothing, "{side:?} in {dispute:?}");
            }
        }
    }
}

/// Below a layer both clocks run until the pairs begin; from then on those of a pair, for whoever owes there.
fn clocks_below(game: &Game, dispute: &Dispute, below: &Below) {
    let clocks = [dispute.executor_clock, dispute.challenger_clock];
    assert!(clocks.iter().all(|clock| clock.ends().is_some() == below.pairs.is_empty()));
    for pair in &below.pairs {
        if !matches!(pair.standing(game.now), Standing::InTime(_)) {
            continue;
        }
        for side in [Side::Executor, Side::Challenger] {
            let due = below.due(&game.params, pair, side);
            assert_eq!(pair.clock(side).ends().is_some(), due != DueBelow::Nothing, "{pair:?}");
        }
    }
}

/// No state without a way on: a deadline runs, or the arbiter has work; and its work follows from the state.
pub fn invariant_never_stuck(game: &Game) {
    if game.job.is_terminal() {
        assert_eq!(next_deadline(&game.job), None);
        assert!(game.work.is_empty());
        return;
    }
    assert!(next_deadline(&game.job).is_some() || !game.work.is_empty(), "{:?}", game.job.phase);
    let Some(claim) = game.job.claim().filter(|claim| claim.outcome().is_none()) else { return };
    let judging: BTreeSet<Digest> = claim
        .disputes
        .iter()
        .filter(|dispute| matches!(dispute.phase, DisputePhase::Judging { .. }))
        .map(|dispute| dispute.counter_root)
        .collect();
    let replays = game.work.iter().filter_map(|work| match work {
        Work::Replay(root) => Some(*root),
        Work::Step(..) | Work::Run => None,
    });
    assert_eq!(replays.collect::<BTreeSet<_>>(), judging);
    assert_eq!(game.work.contains(&Work::Run), claim.phase == ClaimPhase::Running);
    if claim.phase == ClaimPhase::Disputed {
        assert!(claim.disputes.iter().any(|dispute| dispute.outcome().is_none()));
        for dispute in claim.disputes.iter().filter(|dispute| dispute.outcome().is_none()) {
            let runs = dispute.executor_clock.ends().or(dispute.challenger_clock.ends()).is_some();
            if let Some(below) = dispute.below_layer().filter(|below| !below.pairs.is_empty()) {
                never_stuck_below(game, dispute.counter_root, below);
                continue;
            }
            assert!(runs || judging.contains(&dispute.counter_root), "nobody owes: {dispute:?}");
        }
    }
}

/// In every pair that has not ended a clock runs, or the arbiter has its replay to do.
fn never_stuck_below(game: &Game, counter_root: Digest, below: &Below) {
    assert!(below.pairs.iter().any(|pair| pair.outcome().is_none()), "all ended: {below:?}");
    for pair in &below.pairs {
        let judging = matches!(pair.phase, PairPhase::Judging { .. });
        assert_eq!(game.work.contains(&Work::Step(counter_root, pair.sub_root)), judging);
        let runs = pair.next_deadline().is_some();
        assert!(judging || pair.outcome().is_some() || runs, "nobody owes: {pair:?}");
    }
}

/// `first_divergence`: at the node a dispute stands at both sides are known to differ, and everything left of
/// it is known to be equal.
pub fn invariant_first_divergence(game: &Game) {
    for claim in &game.job.claims {
        for dispute in &claim.disputes {
            let node = match dispute.phase {
                DisputePhase::Dissecting { node } => node,
                _ => match dispute.layer() {
                    Some(layer) => NodeId::leaf(layer),
                    None => continue,
                },
            };
            let known = |side| claim.known(side, &dispute.counter_root);
            let (ours, theirs) = (known(Side::Executor), known(Side::Challenger));
            assert!(ours.get(node).is_some() && theirs.get(node).is_some());
            assert_ne!(ours.get(node), theirs.get(node));
            for level in node.level..claim.shape().unwrap().depth() {
                let index = node.index >> (level - node.level);
                if index & 1 == 1 {
                    let left = NodeId { level, index: index - 1 };
                    assert!(ours.get(left).is_some(), "unknown: {left:?}");
                    assert_eq!(ours.get(left), theirs.get(left));
                }
            }
        }
    }
}

/// The state is stored and read back as it is.
pub fn invariant_encodes(job: &JobState) {
    let bytes = borsh::to_vec(job).unwrap();
    assert_eq!(borsh::from_slice::<JobState>(&bytes).unwrap(), *job);
}
