//! A swarm of keys that all challenge their own liar's claim with the true root.

use futures_util::{StreamExt, stream};
use gainsay_commitment::content;
use gainsay_protocol::{
    ClaimOutcome, Commit, Key, Keypair, Message, Millis, Params, Reveal, Signed,
    challenge_commitment,
};

use super::{Adversary, Pays, Play, Role};
use crate::hostile::Told;
use crate::world::{Ground, World};

/// See the module.
pub struct SybilSwarm {
    keys: u64,
}

impl SybilSwarm {
    /// So many keys.
    pub fn of(keys: u64) -> Self {
        Self { keys }
    }
}

/// How many messages are under way at a time.
const AT_ONCE: usize = 16;

/// What a key signs and somebody else carries.
fn signed(keypair: &Keypair, world: &World, message: Message) -> Signed {
    Signed::new(keypair, world.params.network(), message)
}

fn salt(key: Key) -> [u8; 32] {
    content(key.as_bytes()).0
}

impl Adversary for SybilSwarm {
    fn name(&self) -> &'static str {
        "sybil-swarm"
    }

    fn role(&self) -> Role {
        Role::Both
    }

    fn tries(&self) -> &'static str {
        "many keys join the true root against their own liar, to dilute the reward and to make everybody work"
    }

    fn stopped_by(&self) -> &'static str {
        "equal roots are one side: one dispute, each node revealed once, one replay; half the reward goes by moves made"
    }

    fn rules(&self, params: &mut Params) {
        params.window = Millis(6_000 + 5 * self.keys);
        params.reveal = Millis(4_000 + 5 * self.keys);
    }

    fn pays(&self, params: &Params) -> Pays {
        Pays::AtLeast(params.executor_bond.percent(40))
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let liar = world.hostile(self.name()).await;
            let carrier = world.hostile(self.name()).await;
            let mut swarm = Vec::new();
            for _ in 0..self.keys {
                swarm.push(world.sybil(self.name(), world.params.challenger_bond).await);
            }
            let job = world.order(Ground::Contested).await;
            let told: Told = world.lie(job, 3, 50).await.into();
            let truth: Told = world.truth(&world.requester.job(job).await).await.into();
            let claim = liar.claim(job, &told).await;
            let (network, root) = (world.params.network(), truth.root());
            // As many as come in time.
            let (carrier, truth) = (&carrier, &truth);
            let committed: Vec<Keypair> = stream::iter(swarm)
                .map(|keypair: Keypair| async move {
                    let key = keypair.key();
                    let commitment = challenge_commitment(network, root, &salt(key), key, claim);
                    let commit = Message::Commit(Commit { claim, commitment });
                    let said = carrier.person.submit(&signed(&keypair, world, commit)).await;
                    said.is_ok().then_some(keypair)
                })
                .buffer_unordered(AT_ONCE)
                .filter_map(std::future::ready)
                .collect()
                .await;
            carrier.until_revealing(job, claim).await;
            let joined = committed.len();
            let revealed = stream::iter(committed)
                .map(|keypair: Keypair| async move {
                    let salt = salt(keypair.key());
                    let reveal = Reveal { salt, ..carrier.reveal_of(claim, truth) };
                    let reveal = signed(&keypair, world, Message::Reveal(reveal));
                    carrier.person.submit(&reveal).await.is_ok()
                })
                .buffer_unordered(AT_ONCE)
                .filter(|revealed| std::future::ready(*revealed))
                .count()
                .await;
            println!("{joined} of {} keys committed, {revealed} revealed", self.keys);
            assert!(revealed > 0);
            let ended = liar.play(job, claim, &told).await;
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.disputes.len(), 1);
            assert_eq!(ended.challenges.len(), revealed + 1, "the swarm and somebody honest");
        })
    }
}
