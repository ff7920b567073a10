//! Money and proofs over the line: what the store's tests show of transactions, here of the running arbiter.

use gainsay_network::api::{Request, Response};
use gainsay_protocol::{
    Amount, Announce, Claim, ClaimOutcome, Equivocation, JobPhase, LedgerParams, Message, Millis,
    Params, Signed, Withdraw,
};

use crate::world::{Cast, Telling, check_fold, claim_of, params, start};

fn with_rules(change: impl FnOnce(&mut LedgerParams)) -> Params {
    let mut params = params();
    change(&mut params.ledger);
    params
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equivocation_is_slashed_over_the_line_without_a_dispute() {
    let folder = tempfile::tempdir().unwrap();
    let params = with_rules(|ledger| ledger.proof_cost = Amount(700));
    // Long enough for the proof to come in time on any machine.
    let params = Params { window: Millis(60_000), ..params };
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let job = cast.requester.order(1).await;
    let (told, other) = (Telling::honest(1), Telling::lying(1, 3));
    let before = (cast.executor.account().await.free, cast.challenger.account().await.free);
    let claim = cast.executor.claim(job, 0, &told).await;
    // What the arbiter has, as signed; what the executor told somebody else.
    let Response::Message(Some(one)) = cast.challenger.ask(Request::Message(claim.0)).await else {
        panic!("the claim is not there");
    };
    let outputs = other.trace.outputs.iter().map(crate::world::reference).collect();
    let second: Claim = claim_of(job, 0, &other, outputs);
    let second = Signed::new(&cast.executor.keypair, params.network(), Message::Claim(second));
    let proof = Equivocation::prove(params.network(), *one, second).unwrap();
    cast.challenger.say(Message::Equivocation(proof)).await.unwrap();
    let state = cast.requester.job(job).await;
    assert_eq!(state.claims[0].outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(state.phase, JobPhase::Open);
    assert_eq!(cast.executor.account().await.free, before.0.less(params.executor_bond));
    assert_eq!(cast.challenger.account().await.free, Amount(before.1.0 + 700));
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_is_paid_when_its_delay_is_over_even_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let params = with_rules(|ledger| ledger.withdrawal_delay = Millis(600));
    let arbiter = start(folder.path(), params.clone()).await;
    let cast = Cast::open(&arbiter, &params).await;
    let free = cast.requester.account().await.free;
    let deposited = arbiter.store().totals().await.unwrap().deposited;
    cast.requester
        .say(Message::Withdraw(Withdraw { amount: Amount(900), nonce: 1 }))
        .await
        .unwrap();
    let view = cast.requester.account().await;
    assert_eq!((view.free, view.pending), (free.less(Amount(900)), Amount(900)));
    arbiter.shutdown().await;
    let arbiter = start(folder.path(), params.clone()).await;
    let store = arbiter.store();
    let paid = async {
        while store.totals().await.unwrap().pending > Amount::ZERO {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, paid).await.unwrap();
    assert_eq!(store.totals().await.unwrap().deposited, deposited.less(Amount(900)));
    assert_eq!(store.next_withdrawal().await.unwrap(), None);
    drop(store);
    check_fold(&arbiter, &params).await;
    arbiter.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_keeps_the_parameters_it_was_admitted_under() {
    let folder = tempfile::tempdir().unwrap();
    let first = params();
    let arbiter = start(folder.path(), first.clone()).await;
    let cast = Cast::open(&arbiter, &first).await;
    let old = cast.requester.order(1).await;
    let from = cast.requester.now().await.after(Millis(300));
    let dearer = Params { executor_bond: Amount(2_000_000), ..first.clone() };
    let announced = Announce { from, params: Box::new(dearer.clone()) };
    cast.operator.say(Message::Announce(announced)).await.unwrap();
    let in_force = async {
        loop {
            match cast.requester.ask(Request::Params).await {
                Response::Params { params, .. } if *params == dearer => break,
                Response::Params { .. } => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, in_force).await.unwrap();
    let new = cast.requester.order(2).await;
    let before = cast.executor.account().await;
    cast.executor.claim(old, 0, &Telling::honest(1)).await;
    let between = cast.executor.account().await;
    assert_eq!(before.free.less(between.free), Amount(1_000_000));
    cast.executor.claim(new, 0, &Telling::honest(2)).await;
    let state = cast.requester.job(new).await;
    assert_eq!(state.claims[0].bond, Amount(2_000_000));
    check_fold(&arbiter, &first).await;
    arbiter.shutdown().await;
}
