//! What every store must do, whatever database is behind it.
//!
//! A [`Bench`] opens the same empty network's database again and again; each function here proves one fact on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use gainsay_arbiter::decide::Occurrence;
use gainsay_arbiter::fold::Fold;
use gainsay_arbiter::store::{
    BlobRecord, CaseRecord, CommitError, Committed, Resume, Store, StoreError, Uploaded,
};
use gainsay_commitment::content;
use gainsay_protocol::{
    Account, Amount, ClaimId, JobId, JobPhase, Ledger, LoggedEvent, MessageId, Time, Transfer,
    TransferKind, Verdict, next_deadline,
};

use crate::world::{World, heartbeat, telling};

/// A database that can be closed and opened again.
pub trait Bench: Send + Sync {
    /// Opens it, closed cleanly or not before.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Store>>;
}

/// The log and the tables agree, and no money was made or lost.
pub async fn check_fold(world: &World, store: &Arc<dyn Store>) {
    let catalogue = |id| (id == world.view.id).then(|| world.view.clone());
    let mut fold = Fold::new(&world.params, &catalogue);
    let mut from = 0;
    loop {
        let page = store.log(from, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.index + 1;
        page.iter().for_each(|entry| fold.apply(entry).unwrap());
    }
    let mut stored = Vec::new();
    while let page @ [_, ..] = &store.jobs(stored.len() as u64, 50).await.unwrap()[..] {
        stored.extend(page.iter().map(|summary| summary.id));
    }
    assert_eq!(stored.iter().collect::<BTreeSet<_>>(), fold.jobs.keys().collect());
    for id in stored {
        assert_eq!(store.job(id).await.unwrap().as_ref(), fold.jobs.get(&id));
    }
    for (id, job) in &fold.ids {
        assert_eq!(store.find(*id).await.unwrap().map(|job| job.id), Some(*job));
    }
    let balances = store.balances().await.unwrap();
    let folded: Vec<(Account, Amount)> = [(Account::World, fold.ledger.balance(Account::World))]
        .into_iter()
        .chain(fold.ledger.accounts())
        .filter(|(_, amount)| *amount > Amount::ZERO)
        .collect();
    assert_eq!(balances.into_iter().collect::<BTreeSet<_>>(), folded.into_iter().collect());
    assert!(store.totals().await.unwrap().is_conserved());
    assert!(fold.ledger.is_conserved());
    assert_eq!(store.schedule().await.unwrap(), fold.schedule);
    for (act, message) in &fold.proven {
        assert_eq!(store.proven(*act).await.unwrap(), Some(*message));
    }
    let waiting = store.withdrawals_due(Time(u64::MAX), 10_000).await.unwrap();
    let waiting: BTreeSet<_> =
        waiting.into_iter().map(|w| (w.id, w.owner, w.amount, w.due)).collect();
    let folded = fold.withdrawals.values().map(|w| (w.id, w.owner, w.amount, w.due)).collect();
    assert_eq!(waiting, folded);
    let canaries: Vec<_> = fold.canaries.values().copied().collect();
    assert_eq!(store.canaries(None, 10_000).await.unwrap(), canaries);
    let mut ledger = Ledger::default();
    ledger.post(&store.transfers(0, 100_000).await.unwrap()).unwrap();
    assert_eq!(ledger, fold.ledger);
}

pub async fn what_is_committed_is_found_again_in_order(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let job = world.job(1, 100, 1_000);
    let (id, index) = world.say(&store, &job, 5).await;
    assert_eq!(store.accepted(id).await.unwrap(), Some((index, Time(5))));
    assert_eq!(store.message(id).await.unwrap(), Some(job.clone()));
    let head = store.head().await.unwrap();
    assert_eq!((head.entries, head.last), (index + 1, Time(5)));
    let log = store.log(0, 100).await.unwrap();
    assert!((0u64..).zip(&log).all(|(index, entry)| entry.index == index));
    assert_eq!(log.last().unwrap().event, LoggedEvent::Message(Box::new(job)));
    let feed = store.feed(index, 10).await.unwrap();
    assert_eq!(
        feed.iter().map(|item| (item.sequence, item.topic)).collect::<Vec<_>>(),
        [(index + 1, id.0.0)]
    );
    assert_eq!(store.feed_head().await.unwrap(), index + 1);
    assert_eq!(store.find(id.0).await.unwrap().map(|job| job.id), Some(JobId(id)));
    check_fold(&world, &store).await;
}

pub async fn everything_is_there_after_opening_again(bench: &dyn Bench) {
    let world = World::new();
    let (id, states) = {
        let store = bench.open().await;
        world.open(&store).await;
        let (id, _) = world.say(&store, &world.job(1, 100, 1_000), 5).await;
        (id, store.job(JobId(id)).await.unwrap())
    };
    let store = bench.open().await;
    assert_eq!(store.job(JobId(id)).await.unwrap(), states);
    check_fold(&world, &store).await;
}

pub async fn a_message_acts_once_and_its_retry_gets_the_same_receipt(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    let mint = world.mint(&world.requester, 50, 0);
    let (_, index) = world.say(&store, &mint, 3).await;
    let head = store.head().await.unwrap();
    let again = store.commit(world.act(&mint, None, Time(99))).await.unwrap();
    assert!(
        matches!(again, Committed::Before { index: i, time: Time(3) } if i == index),
        "{again:?}"
    );
    assert_eq!(store.head().await.unwrap(), head);
    let free = store.account(world.requester.key()).await.unwrap().free;
    assert_eq!(free, Amount(50));
}

pub async fn of_racing_copies_of_a_message_exactly_one_acts(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    let mint = world.mint(&world.requester, 50, 0);
    let copies = (0..40).map(|_| store.commit(world.act(&mint, None, Time(1))));
    let answers: Vec<Committed> = join_all(copies).await.into_iter().map(Result::unwrap).collect();
    let new = answers.iter().filter(|answer| matches!(answer, Committed::New { .. })).count();
    assert_eq!(new, 1);
    assert_eq!(store.head().await.unwrap().entries, 1);
    check_fold(&world, &store).await;
}

pub async fn a_refused_act_does_not_spoil_those_that_share_its_commit(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.say(&store, &world.admit(), 0).await;
    world.say(&store, &world.mint(&world.requester, 250, 0), 0).await;
    // Fifty at once, and money for two of them.
    let jobs: Vec<_> = (0..50).map(|nonce| world.job(nonce, 100, 1_000)).collect();
    let acts = jobs.iter().map(|job| store.commit(world.act(job, None, Time(1))));
    let answers = join_all(acts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    for (job, answer) in jobs.iter().zip(&answers) {
        let is_there = store.job(JobId(job.id())).await.unwrap().is_some();
        assert_eq!(is_there, answer.is_ok());
    }
    check_fold(&world, &store).await;
}

/// A small generator of numbers: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

pub async fn balances_follow_the_ledgers_rules(bench: &dyn Bench) {
    let (store, mut numbers) = (bench.open().await, Numbers(11));
    println!("seed 11");
    let key =
        |seed: u64| Account::Free(gainsay_protocol::Keypair::from_seed(&[seed as u8; 32]).key());
    let accounts = [
        Account::World,
        key(1),
        key(2),
        Account::Bond(MessageId(content(b"bond"))),
        Account::Escrow(JobId(MessageId(content(b"job")))),
        Account::Burned,
        Account::Treasury,
    ];
    let (mut ledger, mut refused) = (Ledger::default(), 0);
    for round in 0..200u64 {
        let count = 1 + numbers.below(4);
        let transfers: Vec<Transfer> = (0..count)
            .map(|at| Transfer {
                debit: accounts[numbers.below(7) as usize],
                credit: accounts[numbers.below(7) as usize],
                amount: Amount(numbers.below(50)),
                kind: TransferKind::Fee,
                cause: MessageId(content(format!("{round} {at}").as_bytes())),
            })
            .collect();
        let expected = ledger.post(&transfers);
        let given = transfers.clone();
        let act = heartbeat(round, move |decision| decision.transfers.clone_from(&given));
        match (store.commit(act).await, expected) {
            (Ok(_), Ok(())) => {}
            (Err(CommitError::Ledger(found)), Err(expected)) => {
                assert_eq!(found, expected);
                refused += 1;
            }
            (found, expected) => panic!("{transfers:?}: {found:?}, expected {expected:?}"),
        }
        let balances = store.balances().await.unwrap();
        for account in accounts {
            let found = balances.iter().find(|(found, _)| *found == account);
            let found = found.map_or(Amount::ZERO, |(_, amount)| *amount);
            assert_eq!(found, ledger.balance(account), "{account:?} after {transfers:?}");
        }
        assert!(store.totals().await.unwrap().is_conserved());
    }
    assert!(refused > 20, "only {refused} were refused");
}

pub async fn time_in_the_log_never_goes_back(bench: &dyn Bench) {
    let store = bench.open().await;
    store.commit(heartbeat(10, |_| {})).await.unwrap();
    let error = store.commit(heartbeat(9, |_| {})).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::Damaged { .. })), "{error:?}");
    store.commit(heartbeat(10, |_| {})).await.unwrap();
    assert_eq!(store.head().await.unwrap().entries, 2);
    // Heartbeats concern nobody and are not on the feed.
    assert_eq!((store.feed_head().await.unwrap(), store.feed(0, 9).await.unwrap()), (0, vec![]));
}

pub async fn numbers_that_no_column_holds_are_refused(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    let mint = world.mint(&world.requester, u64::MAX, 0);
    let error = store.commit(world.act(&mint, None, Time(1))).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::OutOfRange { .. })), "{error:?}");
    world.say(&store, &world.mint(&world.requester, i64::MAX as u64, 1), 1).await;
    let more = world.mint(&world.requester, 1, 2);
    let error = store.commit(world.act(&more, None, Time(1))).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::OutOfRange { .. })), "{error:?}");
    assert_eq!(store.head().await.unwrap().entries, 1);
}

pub async fn a_caller_who_goes_away_stops_nothing(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    for nonce in 0..20 {
        let mint = world.mint(&world.requester, 1, nonce);
        // Polled once, then dropped.
        let _ = store.commit(world.act(&mint, None, Time(1))).now_or_never();
    }
    world.say(&store, &world.mint(&world.requester, 1, 99), 2).await;
    assert_eq!(store.account(world.requester.key()).await.unwrap().free, Amount(21));
    check_fold(&world, &store).await;
}

pub async fn lists_come_in_pages(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let mut jobs = Vec::new();
    for nonce in 0..7 {
        let (id, _) = world.say(&store, &world.job(nonce, 10, 100 + nonce), 1).await;
        jobs.push(JobId(id));
    }
    let admitted: Vec<JobId> = [store.jobs(0, 5).await.unwrap(), store.jobs(5, 5).await.unwrap()]
        .concat()
        .iter()
        .map(|s| s.id)
        .collect();
    assert_eq!(admitted, jobs);
    let first = store.live_jobs(None, 4).await.unwrap();
    let rest = store.live_jobs(first.last().map(|s| s.id), 4).await.unwrap();
    let live: Vec<JobId> = first.iter().chain(&rest).map(|summary| summary.id).collect();
    let mut sorted = jobs.clone();
    sorted.sort();
    assert_eq!(live, sorted);
    assert_eq!(store.artifacts(None, 9).await.unwrap(), std::slice::from_ref(&world.view));
    assert_eq!(store.artifacts(Some(world.view.id), 9).await.unwrap(), []);
    assert_eq!(store.artifact(world.view.id).await.unwrap(), Some(world.view.clone()));
    // Deadlines: the requester's.
    assert_eq!(store.next_deadline().await.unwrap(), Some(Time(100)));
    assert_eq!(store.due(Time(102), 10).await.unwrap(), jobs[..3]);
    assert_eq!(store.due(Time(102), 2).await.unwrap(), jobs[..2]);
    store.commit(world.occurrence(jobs[0], Occurrence::Tick, Time(100))).await.unwrap();
    assert_eq!(store.next_deadline().await.unwrap(), Some(Time(101)));
    assert_eq!(store.live_jobs(None, 9).await.unwrap().len(), 6);
    let census = store.census().await.unwrap();
    assert_eq!((census.jobs["open"], census.jobs["refunded"], census.artifacts), (6, 1, 1));
    check_fold(&world, &store).await;
}

pub async fn an_act_that_changes_nothing_writes_nothing(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let (job, index) = world.say(&store, &world.job(1, 10, 100), 1).await;
    let tick =
        store.commit(world.occurrence(JobId(job), Occurrence::Tick, Time(99))).await.unwrap();
    assert!(matches!(tick, Committed::Nothing), "{tick:?}");
    assert_eq!(store.head().await.unwrap().entries, index + 1);
}

pub async fn blobs_and_replays_are_remembered(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    let uploader = world.requester.key();
    let blob = |name: &[u8], size| BlobRecord {
        digest: content(name),
        size,
        uploader: Some(uploader),
        added: Time(1),
    };
    for record in [blob(b"a", 10), blob(b"b", 5), blob(b"a", 10)] {
        store.remember_blob(record).await.unwrap();
    }
    store.remember_blob(BlobRecord { uploader: None, ..blob(b"c", 100) }).await.unwrap();
    assert_eq!(store.uploaded(uploader).await.unwrap(), Uploaded { bytes: 15, blobs: 2 });
    let census = store.census().await.unwrap();
    assert_eq!((census.blobs, census.blob_bytes), (3, 115));
    assert_eq!(store.replay(content(b"layer")).await.unwrap(), None);
    store.remember_replay(content(b"layer"), Verdict::BothFault).await.unwrap();
    assert_eq!(store.replay(content(b"layer")).await.unwrap(), Some(Verdict::BothFault));
}

/// A dispute up to its verdict by the rules, and what the store says on the way.
pub async fn a_dispute_is_followed_to_its_case(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let (executor, challenger) = (&world.executors[0], &world.challengers[0]);
    let (job, _) = world.say(&store, &world.job(1, 100, 10_000), 1).await;
    let job = JobId(job);
    world.say(&store, &world.take(executor, job, 0), 2).await;
    let (lie, truth) = (telling(1, 4, 1), telling(1, 4, 2));
    let (claim, _) = world.say(&store, &world.claim(executor, job, 0, &lie), 3).await;
    let claim = ClaimId(claim);
    let (challenge, _) = world.say(&store, &world.commitment(challenger, claim, &truth), 4).await;
    assert_eq!(store.find(challenge.0).await.unwrap().map(|found| found.id), Some(job));
    world.say(&store, &world.reveal(challenger, claim, &truth), 110).await;
    store.commit(world.occurrence(job, Occurrence::Tick, Time(160))).await.unwrap();
    assert_eq!(store.disputed_jobs().await.unwrap(), [job]);
    let summary = &store.jobs(0, 1).await.unwrap()[0];
    assert_eq!((summary.claim_phase.as_deref(), summary.disputes), (Some("disputed"), 1));

    // After a gap every running clock has at least the grace; nothing else changes.
    let before = store.job(job).await.unwrap().unwrap();
    let index = store.resume(resume(&world, 355)).await.unwrap();
    assert_eq!(store.log(index, 1).await.unwrap()[0].event, LoggedEvent::Resumed);
    let after = store.job(job).await.unwrap().unwrap();
    assert_ne!(before, after);
    assert_eq!(store.next_deadline().await.unwrap(), Some(Time(375)));
    check_fold(&world, &store).await;

    // Both let their clocks run out: the claim is rejected and the job is open to others.
    let ended = store.commit(world.occurrence(job, Occurrence::Tick, Time(400))).await.unwrap();
    let Committed::New { decision, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(decision.job.unwrap().phase, JobPhase::Open);
    assert_eq!(store.disputed_jobs().await.unwrap(), []);
    let record = CaseRecord {
        claim,
        counter_root: truth.tree.root(),
        blob: content(b"case"),
        verdict: Verdict::ExecutorFault,
        replay_us: 17,
    };
    store.commit(heartbeat(401, move |decision| decision.case = Some(record))).await.unwrap();
    let view = store.case(claim, truth.tree.root()).await.unwrap().unwrap();
    assert_eq!((view.file, view.replay_us), (content(b"case"), 17));
    assert_eq!(store.case(claim, content(b"other")).await.unwrap(), None);
}

pub async fn a_return_after_a_gap_concerns_every_live_job(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let (first, second) = (&world.executors[0], &world.executors[1]);
    let (taken, _) = world.say(&store, &world.job(1, 100, 10_000), 1).await;
    let (claimed, _) = world.say(&store, &world.job(2, 100, 10_000), 1).await;
    let (open, _) = world.say(&store, &world.job(3, 100, 10_000), 1).await;
    world.say(&store, &world.take(second, JobId(claimed), 0), 2).await;
    world.say(&store, &world.claim(second, JobId(claimed), 0, &telling(2, 9, 1)), 2).await;
    world.say(&store, &world.take(first, JobId(taken), 0), 15).await;
    let before = store.job(JobId(open)).await.unwrap();
    // Lease and window have a few milliseconds left; they get the grace.
    store.resume(resume(&world, 90)).await.unwrap();
    let lease = store.job(JobId(taken)).await.unwrap().unwrap();
    assert_eq!(next_deadline(&lease), Some(Time(110)));
    let window = store.job(JobId(claimed)).await.unwrap().unwrap();
    assert_eq!(next_deadline(&window), Some(Time(110)));
    assert_eq!(store.due(Time(109), 9).await.unwrap(), []);
    assert_eq!(store.due(Time(110), 9).await.unwrap().len(), 2);
    assert_eq!(store.job(JobId(open)).await.unwrap(), before);
    check_fold(&world, &store).await;
}

/// A return at `now`.
fn resume(world: &World, now: u64) -> Resume {
    let schedule = world.schedule();
    Resume {
        now: Box::new(move |_| Time(now)),
        change: Box::new(move |job, now| {
            gainsay_arbiter::decide::resumed(&schedule, job, now).unwrap()
        }),
    }
}

/// Random people do random things; the tables are the fold of the log throughout.
pub async fn db_is_fold_whatever_people_do(bench: &dyn Bench, seed: u64) {
    println!("seed {seed}");
    let (world, store, mut numbers) = (World::new(), bench.open().await, Numbers(seed));
    world.open(&store).await;
    let (mut now, mut jobs, mut accepted) = (1u64, Vec::new(), 0);
    let mut payments: Vec<(MessageId, u64)> = Vec::new();
    for nonce in 0..4 {
        jobs.push(JobId(world.say(&store, &world.job(nonce, 100, 2_000), now).await.0));
    }
    for _ in 0..160 {
        now += [0, 0, 1, 7, 30][numbers.below(5) as usize];
        if numbers.below(12) == 0 {
            store.resume(resume(&world, now)).await.unwrap();
        }
        let number = numbers.below(4);
        let job = jobs[number as usize];
        let state = store.job(job).await.unwrap().unwrap();
        let executor = match &state.phase {
            JobPhase::Taken(lease) => {
                world.executors.iter().find(|key| key.key() == lease.executor).unwrap()
            }
            _ => &world.executors[numbers.below(3) as usize],
        };
        let challenger = &world.challengers[numbers.below(3) as usize];
        let told = telling(number, 1 + numbers.below(4) as u32, 1 + numbers.below(3));
        let claim = state.claim().map(|claim| claim.id);
        let nobodys = ClaimId(MessageId(Default::default()));
        let root = state.claim().and_then(|claim| claim.disputes.first()).map(|d| d.counter_root);
        let act = match (numbers.below(11), claim) {
            (0, _) => world.act(&world.take(executor, job, state.attempt), None, Time(now)),
            (1 | 2, _) => {
                world.act(&world.claim(executor, job, state.attempt, &told), None, Time(now))
            }
            (3, Some(claim)) => {
                world.act(&world.commitment(challenger, claim, &told), None, Time(now))
            }
            (4, Some(claim)) => world.act(&world.reveal(challenger, claim, &told), None, Time(now)),
            (5, _) => {
                let verdicts =
                    [Verdict::ExecutorFault, Verdict::ChallengerFault, Verdict::Inconclusive];
                let verdict = verdicts[numbers.below(3) as usize];
                let counter_root = root.unwrap_or_default();
                let claim = claim.unwrap_or(nobodys);
                let judged = Occurrence::Judged { claim, counter_root, verdict };
                world.occurrence(job, judged, Time(now))
            }
            (6, _) => {
                let ran = Occurrence::Ran { claim: claim.unwrap_or(nobodys), root };
                world.occurrence(job, ran, Time(now))
            }
            (7, _) => {
                let attempt = state.attempt.saturating_sub(numbers.below(2) as u32);
                let other = telling(number, 1, 9 + numbers.below(3));
                let claims = [&told, &other].map(|told| world.claim(executor, job, attempt, told));
                let proof = world.equivocation(challenger, executor, claims);
                world.act(&proof, None, Time(now))
            }
            (8, _) => {
                let request = world.withdraw(challenger, numbers.below(9_000), now);
                payments.push((request.id(), now + 40));
                world.act(&request, None, Time(now))
            }
            (9, _) => {
                let announced = world.announce(&world.operator, now + numbers.below(3), 1 + now);
                world.act(&announced, None, Time(now))
            }
            _ => world.occurrence(job, Occurrence::Tick, Time(now)),
        };
        if let Some((request, due)) = payments.first().copied().filter(|(_, due)| now + 9 >= *due) {
            match store.commit(world.payment(request, Time(now))).await {
                Ok(Committed::New { .. }) => assert!(now >= due, "paid too early"),
                Ok(_) => {}
                Err(CommitError::Refused(_)) => assert!(now < due, "refused though due"),
                Err(error) => panic!("{error:?}"),
            }
            if now >= due {
                payments.remove(0);
            }
        }
        match store.commit(act).await {
            Ok(Committed::New { .. }) => accepted += 1,
            Ok(_) | Err(CommitError::Refused(_) | CommitError::Ledger(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert!(store.totals().await.unwrap().is_conserved());
    }
    assert!(accepted > 10, "only {accepted} acts were accepted");
    check_fold(&world, &store).await;
}
