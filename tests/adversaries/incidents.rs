//! The arbiter itself at fault beside somebody hostile: it pays nobody's bond for what it lost.

use gainsay_network::api::{Request, Response};
use gainsay_protocol::{ClaimOutcome, JobPhase, LoggedEvent, Outcome};

use crate::daemon::check_fold;
use crate::hostile::Told;
use crate::world::{Ground, PURSE, Party, World, params};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_arbiters_own_run_fails_challengers_get_their_bonds_back_and_a_silent_liar_does_not()
 {
    let _beside_others = crate::MACHINE.read().await;
    let world = World::open(params(), 700).await;
    let liar = world.hostile("silent").await;
    let job = world.order(Ground::Contested).await;
    let told: Told = world.lie(job, 3, 1).await.into();
    let claim = liar.claim(job, &told).await;
    let challenged = |job: &gainsay_protocol::JobState| {
        job.claim().is_some_and(|claim| !claim.challenges.is_empty())
    };
    let state = world.requester.until(job, challenged).await;
    // Admitted bytes that vanish: whatever becomes of the dispute, the arbiter cannot run the program any more.
    world.lose_blob(state.job.inputs[0].content);
    let state = liar.until_ended(job, claim).await;
    let ended = state.claim_by_id(claim).unwrap();
    assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
    assert_eq!(ended.disputes[0].outcome(), Some(Outcome::ExecutorTimeout));
    let log = world.arbiter.store().log(0, 10_000).await.unwrap();
    let failed = |event: &LoggedEvent| matches!(event, LoggedEvent::Ran { root: None, .. });
    assert!(log.iter().any(|entry| failed(&entry.event)), "the arbiter's run failed");
    assert_eq!(state.phase, JobPhase::Open);
    for deposit in world.deposits() {
        let account = world.arbiter.store().account(deposit.key).await.unwrap();
        let has = account.free.checked_add(account.bonds).unwrap();
        match deposit.party {
            Party::Challenger => assert_eq!(has, PURSE, "neither rewarded nor slashed"),
            Party::Hostile(_) => {
                assert_eq!(has, PURSE.less(world.params.executor_bond), "it never answered");
            }
            _ => {}
        }
    }
    let artifact = Request::Artifact(world.artifact(Ground::Contested));
    let Response::Artifact(Some(view)) = world.requester.ask(artifact).await else {
        panic!("no artifact")
    };
    assert!(view.suspended, "an incident");
    assert!(world.arbiter.store().totals().await.unwrap().is_conserved());
    check_fold(&world.arbiter, &world.params).await;
    world.close().await;
}
