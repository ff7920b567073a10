//! Says things that are well signed and make no sense where they are said.

use gainsay_commitment::{NodeId, content};
use gainsay_protocol::{
    Claim, ClaimId, Commit, Dissection, Equivocation, Message, MessageId, Mint, Take, Withdraw,
};

use super::{Behaviour, Me, Say, View};

/// See the module.
#[derive(Debug)]
pub(super) struct Noise;

impl Noise {
    fn something(me: &mut Me, view: &View) -> Option<Message> {
        let at = me.rng.below(view.jobs.len() as u64) as usize;
        let job = view.jobs.get(at)?;
        let (kind, word) = (me.rng.below(8), me.rng.next());
        let claim = job.claim();
        let here = claim.map_or(ClaimId(MessageId(content(b"none"))), |claim| claim.id);
        let digest = content(&word.to_le_bytes());
        Some(match kind {
            0 => Message::Take(Take { job: job.id, attempt: job.attempt + 1 }),
            1 => Message::Claim(Claim { attempt: 9, ..claim?.claim.clone() }),
            2 => Message::Claim(Claim { root: digest, ..claim?.claim.clone() }),
            3 => Message::Commit(Commit { claim: ClaimId(MessageId(digest)), commitment: digest }),
            4 => Message::Mint(Mint {
                to: me.key(),
                amount: gainsay_protocol::Amount(word),
                nonce: word,
            }),
            5 => {
                Message::Withdraw(Withdraw { amount: gainsay_protocol::Amount(word), nonce: word })
            }
            6 => {
                let mut claims =
                    view.heard.iter().filter(|s| matches!(s.message, Message::Claim(_)));
                let one = Box::new((**claims.next()?).clone());
                let other = claims.next().map_or_else(|| one.clone(), |s| Box::new((**s).clone()));
                Message::Equivocation(Equivocation { one, other })
            }
            _ => Message::Dissection(Dissection {
                claim: here,
                root: claim?.claim.root,
                node: NodeId { level: (word % 6) as u8, index: (word / 6 % 9) as u32 },
                children: vec![digest; 1 << (word % 5)],
            }),
        })
    }
}

impl Behaviour for Noise {
    fn react(&mut self, me: &mut Me, view: &View) -> Vec<Say> {
        let said = Self::something(me, view);
        said.into_iter().map(|message| Say::Message(message, Vec::new())).collect()
    }
}
