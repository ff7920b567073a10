//! What every store must do about money: balances, withdrawals, limits, parameters, statements, proofs of equivocation.

use gainsay_arbiter::decide::Occurrence;
use gainsay_arbiter::store::{CommitError, Committed, StoreError};
use gainsay_commitment::content;
use gainsay_network::api::StatementLine;
use gainsay_protocol::{
    Account, Amount, JobId, JobPhase, Key, MessageId, Time, Transfer, TransferKind,
};

use crate::conformance::{Bench, check_fold};
use crate::world::{World, heartbeat, is_poverty, telling};

pub async fn too_little_money_leaves_nothing_behind(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.say(&store, &world.admit(), 0).await;
    world.say(&store, &world.mint(&world.requester, 99, 0), 0).await;
    let head = store.head().await.unwrap();
    let job = world.job(1, 100, 1_000);
    let error = store.commit(world.act(&job, None, Time(1))).await.unwrap_err();
    assert!(is_poverty(&error), "{error:?}");
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(store.job(JobId(job.id())).await.unwrap(), None);
    assert_eq!(store.find(job.id().0).await.unwrap(), None);
    assert_eq!(store.accepted(job.id()).await.unwrap(), None);
    // The same message is taken once there is enough.
    world.say(&store, &world.mint(&world.requester, 1, 1), 1).await;
    world.say(&store, &job, 2).await;
    check_fold(&world, &store).await;
}

pub async fn the_same_transfer_is_made_once(bench: &dyn Bench) {
    let store = bench.open().await;
    let transfer = Transfer {
        debit: Account::World,
        credit: Account::Treasury,
        amount: Amount(7),
        kind: TransferKind::Deposit,
        cause: MessageId(content(b"cause")),
    };
    let post = move |now| heartbeat(now, move |decision| decision.transfers.push(transfer));
    store.commit(post(1)).await.unwrap();
    let error = store.commit(post(2)).await.unwrap_err();
    assert!(matches!(error, CommitError::Store(StoreError::RepeatedTransfer)), "{error:?}");
    assert_eq!(store.head().await.unwrap().entries, 1);
    assert_eq!(store.totals().await.unwrap().treasury, Amount(7));
}

pub async fn an_account_shows_what_is_free_and_what_is_locked(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let (job, _) = world.say(&store, &world.job(1, 100, 1_000), 1).await;
    let executor = &world.executors[0];
    world.say(&store, &world.take(executor, JobId(job), 0), 2).await;
    let view = async |key: Key| store.account(key).await.unwrap();
    let requester = view(world.requester.key()).await;
    assert_eq!((requester.free, requester.escrow), (Amount(19_900), Amount(100)));
    let executor = view(executor.key()).await;
    assert_eq!((executor.free, executor.bonds), (Amount(19_000), Amount(1_000)));
    assert_eq!(view(world.params.arbiter).await, Default::default());
}

pub async fn an_equivocation_is_recorded_once_even_when_nothing_is_left_to_slash(
    bench: &dyn Bench,
) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let executor = &world.executors[0];
    let (job, _) = world.say(&store, &world.job(1, 100, 9_000), 1).await;
    let job = JobId(job);
    let told = telling(1, 9, 1);
    world.say(&store, &world.take(executor, job, 0), 2).await;
    world.say(&store, &world.claim(executor, job, 0, &told), 3).await;
    let claims = || [&told, &telling(1, 2, 5)].map(|told| world.claim(executor, job, 0, told));
    let prover = &world.challengers[0];
    // While it is under way it is slashed; the second proof is refused by name.
    let proof = world.equivocation(prover, executor, claims());
    world.say(&store, &proof, 4).await;
    let state = store.job(job).await.unwrap().unwrap();
    assert_eq!((state.phase, state.attempt), (JobPhase::Open, 1));
    assert_eq!(store.account(executor.key()).await.unwrap().free, Amount(19_000));
    assert_eq!(store.account(prover.key()).await.unwrap().free, Amount(20_030));
    let again = world.equivocation(&world.challengers[1], executor, claims());
    let error = store.commit(world.act(&again, None, Time(5))).await.unwrap_err();
    assert!(error.to_string().contains("proven already"), "{error}");
    // A final claim keeps its money; that its key claimed twice is recorded, once, and pays nobody.
    let second = &world.executors[1];
    world.say(&store, &world.take(second, job, 1), 6).await;
    world.say(&store, &world.claim(second, job, 1, &told), 7).await;
    store.commit(world.occurrence(job, Occurrence::Tick, Time(300))).await.unwrap();
    let before = store.job(job).await.unwrap().unwrap();
    assert_eq!(before.phase, JobPhase::Final);
    let balances = store.balances().await.unwrap();
    let claims = || [&told, &telling(1, 2, 5)].map(|told| world.claim(second, job, 1, told));
    world.say(&store, &world.equivocation(prover, second, claims()), 301).await;
    assert_eq!(store.job(job).await.unwrap().unwrap(), before, "`terminal_absorbs`");
    assert_eq!(store.balances().await.unwrap(), balances);
    let again = world.equivocation(&world.challengers[1], second, claims());
    let error = store.commit(world.act(&again, None, Time(302))).await.unwrap_err();
    assert!(error.to_string().contains("proven already"), "{error}");
    check_fold(&world, &store).await;
}

pub async fn a_withdrawal_waits_and_is_paid_once(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let key = &world.challengers[0];
    let (request, _) = world.say(&store, &world.withdraw(key, 700, 1), 10).await;
    let view = store.account(key.key()).await.unwrap();
    assert_eq!((view.free, view.pending), (Amount(19_300), Amount(700)));
    assert_eq!(store.next_withdrawal().await.unwrap(), Some(Time(50)));
    assert_eq!(store.withdrawals_due(Time(49), 9).await.unwrap(), []);
    let early = store.commit(world.payment(request, Time(49))).await;
    assert!(matches!(early, Err(CommitError::Refused(_))), "{early:?}");
    check_fold(&world, &store).await;
    let paid = store.commit(world.payment(request, Time(50))).await.unwrap();
    assert!(matches!(paid, Committed::New { .. }));
    let again = store.commit(world.payment(request, Time(51))).await.unwrap();
    assert!(matches!(again, Committed::Nothing));
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.deposited, totals.pending), (Amount(7 * 20_000 - 700), Amount(0)));
    assert_eq!(store.next_withdrawal().await.unwrap(), None);
    let more = store.commit(world.act(&world.withdraw(key, 19_301, 2), None, Time(60))).await;
    assert!(is_poverty(&more.unwrap_err()));
    check_fold(&world, &store).await;
}

pub async fn a_key_takes_no_more_jobs_than_it_may(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let key = &world.executors[0];
    let mut jobs = Vec::new();
    for nonce in 0..4 {
        jobs.push(JobId(world.say(&store, &world.job(nonce, 100, 9_000), 1).await.0));
    }
    for job in &jobs[..3] {
        world.say(&store, &world.take(key, *job, 0), 2).await;
    }
    let fourth = world.take(key, jobs[3], 0);
    let error = store.commit(world.act(&fourth, None, Time(3))).await.unwrap_err();
    assert!(error.to_string().contains("3 jobs and claims under way"), "{error}");
    // Another key may, and its own challenges count for nothing.
    world.say(&store, &world.take(&world.executors[1], jobs[3], 0), 4).await;
    // Once one of its leases has lapsed it may take again.
    store.commit(world.occurrence(jobs[0], Occurrence::Tick, Time(100))).await.unwrap();
    let (next, _) = world.say(&store, &world.job(9, 100, 9_000), 101).await;
    world.say(&store, &world.take(key, JobId(next), 0), 102).await;
    check_fold(&world, &store).await;
}

pub async fn announced_parameters_are_kept_in_their_order(bench: &dyn Bench) {
    let world = World::new();
    {
        let store = bench.open().await;
        world.say(&store, &world.announce(&world.operator, 500, 7), 1).await;
        world.say(&store, &world.announce(&world.operator, 900, 9), 2).await;
        for (by, from, said) in [
            (&world.requester, 950, "only the network's operator"),
            (&world.operator, 900, "announced before"),
            (&world.operator, 2, "the earliest with notice"),
        ] {
            let act = world.act(&world.announce(by, from, 11), None, Time(2));
            let error = store.commit(act).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
    let store = bench.open().await;
    let schedule = store.schedule().await.unwrap();
    let fees = [499, 500, 899, 900].map(|at| schedule.at(Time(at)).least_fee.0);
    assert_eq!(fees, [1, 7, 7, 9]);
    check_fold(&world, &store).await;
}

pub async fn a_statement_holds_every_transfer_of_a_key_and_no_other(bench: &dyn Bench) {
    let (world, store) = (World::new(), bench.open().await);
    world.open(&store).await;
    let (executor, requester) = (&world.executors[0], world.requester.key());
    let (job, _) = world.say(&store, &world.job(1, 100, 9_000), 1).await;
    world.say(&store, &world.take(executor, JobId(job), 0), 2).await;
    world.say(&store, &world.claim(executor, JobId(job), 0, &telling(1, 9, 1)), 3).await;
    store.commit(world.occurrence(JobId(job), Occurrence::Tick, Time(300))).await.unwrap();
    let (request, _) = world.say(&store, &world.withdraw(executor, 50, 1), 301).await;
    store.commit(world.payment(request, Time(400))).await.unwrap();
    let kinds = |lines: &[StatementLine]| {
        lines.iter().map(|line| line.transfer.kind.name()).collect::<Vec<_>>()
    };
    let lines = store.statement(executor.key(), None, 100).await.unwrap();
    let all = ["deposit", "lock", "fee", "unlock", "withdrawal_request", "withdrawal"];
    assert_eq!(kinds(&lines), all);
    let theirs = store.statement(requester, None, 100).await.unwrap();
    assert_eq!(kinds(&theirs), ["deposit", "escrow", "fee"]);
    // In pages, and each line names its place in the log.
    let mut paged = store.statement(executor.key(), None, 4).await.unwrap();
    let last = paged.last().unwrap().number;
    paged.extend(store.statement(executor.key(), Some(last), 4).await.unwrap());
    assert_eq!(paged, lines);
    for line in &lines {
        let entry = store.log(line.entry_index, 1).await.unwrap().remove(0);
        assert_eq!(entry.time, line.time);
    }
}
