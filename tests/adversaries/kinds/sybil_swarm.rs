//! A swarm of keys that all challenge their own liar's claim with the true root.

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
    /// How many keys.
    pub keys: u64,
}

impl Default for SybilSwarm {
    fn default() -> Self {
        Self { keys: 40 }
    }
}

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
        params.window = Millis(6_000);
        params.reveal = Millis(4_000);
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
            let mut committed = Vec::new();
            for keypair in &swarm {
                let key = keypair.key();
                let commitment = challenge_commitment(network, root, &salt(key), key, claim);
                let commit = Message::Commit(Commit { claim, commitment });
                if carrier.person.submit(&signed(keypair, world, commit)).await.is_ok() {
                    committed.push(keypair);
                }
            }
            carrier.until_revealing(job, claim).await;
            let mut revealed = 0;
            for keypair in committed {
                let reveal =
                    Reveal { salt: salt(keypair.key()), ..carrier.reveal_of(claim, &truth) };
                let reveal = signed(keypair, world, Message::Reveal(reveal));
                revealed += usize::from(carrier.person.submit(&reveal).await.is_ok());
            }
            assert!(revealed > 0);
            let ended = liar.play(job, claim, &told).await;
            let ended = ended.claim_by_id(claim).unwrap();
            assert_eq!(ended.outcome(), Some(ClaimOutcome::Rejected));
            assert_eq!(ended.disputes.len(), 1);
            assert_eq!(ended.challenges.len(), revealed + 1, "the swarm and somebody honest");
        })
    }
}
