//! Takes jobs and never claims, key after key, to keep them from being done.

use gainsay_protocol::{Amount, JobPhase, Millis, Params};

use super::{Adversary, Pays, Play, Role};
use crate::world::{Ground, World};

/// See the module.
pub struct LapsingLeases;

/// Keys that take in turn.
const KEYS: u32 = 3;

impl Adversary for LapsingLeases {
    fn name(&self) -> &'static str {
        "lapsing-leases"
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        "takes a job with one key after another and lets every lease lapse"
    }

    fn stopped_by(&self) -> &'static str {
        "a lapse costs a fee to the requester that doubles each time, and bars the key"
    }

    fn rules(&self, params: &mut Params) {
        params.lease = Millis(2_000);
    }

    fn pays(&self, params: &Params) -> Pays {
        let fees = (0..KEYS).map(|lapse| params.lapse_fee.0 << lapse).sum();
        Pays::AtLeast(Amount(fees))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let job = world.order(Ground::Contested).await;
            for lapse in 0..KEYS {
                let taker = world.hostile(self.name()).await;
                taker.take(job).await.unwrap();
                taker.person.until(job, |job| job.lapses > lapse).await;
                // The same words again are the same take, which is over.
                taker.take(job).await.unwrap();
                let state = taker.person.job(job).await;
                assert_eq!(state.phase, JobPhase::Open);
                assert!(state.barred.contains(&taker.key()));
            }
            let state = world.requester.job(job).await;
            assert_eq!(state.barred.len(), KEYS as usize);
        })
    }
}
