//! The executor daemon with one of its rehearsed kinds of dishonesty.

use gainsay_executor::{CheatKind, Cheating, Executor};
use gainsay_protocol::Params;

use super::{Adversary, Pays, Play, Role};
use crate::world::{Ground, PURSE, World};

/// The kinds played here: name, what it tries, what stops it.
const DESCRIBED: [(&str, &str, &str); 12] = [
    ("wrong-weights", "runs the same program with other weights", JUDGED),
    ("wrong-layer", "claims a trace with one value off after a layer", JUDGED),
    ("garbage-root", "claims a root with no trace behind it", TIMED_OUT),
    ("stall", "claims wrongly and never answers", TIMED_OUT),
    ("skip-layer", "leaves a layer out and passes on what went into it", JUDGED),
    ("stale-output", "answers with the run on other inputs from some layer on", JUDGED),
    ("quantised", "runs the whole model on weights rounded to fewer bits", JUDGED),
    ("wrong-program", "runs a cheaper program in place of the one asked for", JUDGED),
    ("two-lies", "plants two lies at different layers", JUDGED),
    (
        "one-ulp",
        "is off by one unit in the last place of one value, as another backend would be",
        JUDGED,
    ),
    ("malformed-state", "commits to a state that is none of the program's, hashed right", JUDGED),
    (
        "false-sub-root",
        "tells one story above a layer and another one below it",
        "the step or layer where its stories part is replayed",
    ),
];

const JUDGED: &str = "the dissection ends at the first wrong layer, whose replay slashes it";

const TIMED_OUT: &str = "its clock ends, and the arbiter's one run tells the true root";

fn described(kind: CheatKind) -> Option<(&'static str, &'static str, &'static str)> {
    DESCRIBED.into_iter().find(|(name, ..)| *name == kind.name())
}

/// Every rehearsed kind that is played here.
pub fn all() -> impl Iterator<Item = Cheat> {
    CheatKind::ALL.into_iter().filter(|kind| described(*kind).is_some()).map(Cheat)
}

/// See the module.
pub struct Cheat(pub CheatKind);

impl Adversary for Cheat {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn role(&self) -> Role {
        Role::Executor
    }

    fn tries(&self) -> &'static str {
        described(self.0).map_or("", |(_, tries, _)| tries)
    }

    fn stopped_by(&self) -> &'static str {
        described(self.0).map_or("", |(.., stopped_by)| stopped_by)
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond)
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            // It lies about one job in three.
            let mut jobs = Vec::new();
            for _ in 0..3 {
                jobs.push(world.order(Ground::Rehearsed).await);
            }
            let witness = world.hostile(self.name()).await;
            let keypair = world.sybil(self.name(), PURSE).await;
            let journals = tempfile::tempdir().unwrap();
            let journal = journals.path().join("lies.jsonl");
            let mut config = world.executor_config(keypair, &[Ground::Rehearsed]);
            let liar = config.keypair.key();
            config.conduct = Box::new(Cheating::open(&[self.0], world.seed, &journal).unwrap());
            let daemon = Executor::start(config).await.unwrap();
            for job in jobs {
                let done = |job: &gainsay_protocol::JobState| {
                    let mut ours = job.claims.iter().filter(|claim| claim.executor == liar);
                    job.is_terminal() || ours.any(|claim| claim.outcome().is_some())
                };
                witness.person.until(job, done).await;
            }
            daemon.shutdown().await.unwrap();
        })
    }
}
