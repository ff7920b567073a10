//! The wire format, pinned: one example of every kind of message, its bytes and its id as committed vectors.
//!
//! A change here changes what is signed and stored: it is a new protocol version, not a refactoring.

use std::collections::BTreeMap;

use gainsay_commitment::{
    ChunkNode, Context, Digest, NodeId, Opening, StateList, StepOpening, content, hash, hash_bytes,
};
use gainsay_protocol::*;

use crate::game::keypair;

fn digest(number: u8) -> Digest {
    content(&[number])
}

fn opening(index: u32) -> Opening {
    Opening { index, siblings: vec![digest(40), digest(41)] }
}

fn tensor(number: u8) -> TensorRef {
    TensorRef { dtype: 1, shape: vec![2, 4], content: digest(number) }
}

fn claim(root: u8) -> Claim {
    Claim {
        job: JobId(MessageId(digest(2))),
        attempt: 1,
        layers: 3,
        root: digest(root),
        outputs: vec![tensor(5)],
        first: opening(0),
        last: opening(3),
    }
}

fn sub_root(claim: ClaimId) -> Message {
    let step = |number, index| StepOpening { state: digest(number), opening: opening(index) };
    Message::SubRoot(SubRoot {
        claim,
        counter_root: digest(11),
        layer: 2,
        steps: 5,
        sub_root: digest(17),
        before: opening(1),
        first: step(18, 0),
        last: step(19, 5),
    })
}

fn sub_dissection(claim: ClaimId, node: NodeId) -> Message {
    Message::SubDissection(SubDissection {
        claim,
        counter_root: digest(11),
        sub_root: digest(17),
        node,
        children: vec![digest(20), digest(21)],
    })
}

fn chunk_dissection(claim: ClaimId) -> Message {
    Message::ChunkDissection(ChunkDissection {
        claim,
        counter_root: digest(11),
        sub_root: digest(17),
        step: 3,
        node: ChunkNode { start: 4, chunks: 4 },
        children: vec![digest(23), digest(24)],
    })
}

fn step_value(claim: ClaimId) -> Message {
    Message::StepValue(StepValue {
        claim,
        counter_root: digest(11),
        sub_root: digest(17),
        step: 3,
        list: StateList(vec![(1, digest(27))]),
        opening: opening(2),
        content: digest(22),
        after: digest(28),
    })
}

fn step_evidence(claim: ClaimId) -> Message {
    Message::StepEvidence(StepEvidence {
        claim,
        counter_root: digest(11),
        sub_root: digest(17),
        step: 3,
        chunk: Some(5),
        list: StateList(vec![(1, digest(27))]),
        opening: opening(2),
        tensors: vec![(1, tensor(29))],
        slices: Some(digest(30)),
    })
}

/// One message of every kind, in the order of their discriminants.
pub fn examples() -> Vec<Message> {
    let claim_id = ClaimId(MessageId(digest(1)));
    let node = NodeId { level: 2, index: 1 };
    let network = NetworkId(digest(90));
    let signed = |root| Box::new(Signed::new(keypair(1), network, Message::Claim(claim(root))));
    vec![
        Message::AdmitArtifact(AdmitArtifact {
            artifact: ArtifactId(digest(3)),
            manifest: digest(4),
        }),
        Message::Mint(Mint { to: keypair(2).key(), amount: Amount(5_000_000), nonce: 1 }),
        Message::Withdraw(Withdraw { amount: Amount(7), nonce: 2 }),
        Message::Job(Job {
            artifact: ArtifactId(digest(3)),
            program: 1,
            inputs: vec![tensor(6), tensor(7)],
            fee: Amount(1_000),
            deadline: Time(60_000),
            nonce: 3,
        }),
        Message::Take(Take { job: JobId(MessageId(digest(2))), attempt: 1 }),
        Message::Claim(claim(8)),
        Message::Commit(Commit { claim: claim_id, commitment: digest(9) }),
        Message::Reveal(Reveal {
            claim: claim_id,
            salt: [10; 32],
            root: digest(11),
            last_state: digest(12),
            first: opening(0),
            last: opening(3),
        }),
        Message::Dissection(Dissection {
            claim: claim_id,
            root: digest(11),
            node,
            children: vec![digest(13), digest(14)],
        }),
        Message::Evidence(EvidenceMessage {
            claim: claim_id,
            counter_root: digest(11),
            layer: 2,
            list: StateList(vec![(1, digest(15))]),
            opening: opening(1),
            tensors: vec![(1, tensor(16))],
        }),
        sub_root(claim_id),
        sub_dissection(claim_id, node),
        chunk_dissection(claim_id),
        Message::Equivocation(Equivocation { one: signed(8), other: signed(25) }),
        Message::Announce(Announce {
            from: Time(70_000),
            params: Box::new(crate::game::params(16)),
        }),
        step_value(claim_id),
        step_evidence(claim_id),
        Message::CanaryCommit(CanaryCommit {
            commitments: vec![digest(31), digest(32)],
            bonus: Amount(12),
        }),
        Message::CanaryReveal(CanaryReveal {
            job: JobId(MessageId(digest(2))),
            executor: keypair(3).key(),
            salt: [33; 32],
        }),
    ]
}

/// The log's entries, in the order of their discriminants.
fn entries() -> Vec<LogEntry> {
    let network = NetworkId(digest(90));
    let signed = |at: usize| Box::new(Signed::new(keypair(1), network, examples().swap_remove(at)));
    let job = JobId(MessageId(digest(2)));
    let claim = ClaimId(MessageId(digest(3)));
    let events = [
        LoggedEvent::Message(signed(4)),
        LoggedEvent::Evidence { message: signed(9), bytes: Some(32) },
        LoggedEvent::Tick(job),
        LoggedEvent::Judged {
            job,
            claim,
            counter_root: digest(11),
            verdict: Verdict::ExecutorFault,
        },
        LoggedEvent::Ran { job, claim, root: Some(digest(26)) },
        LoggedEvent::Heartbeat,
        LoggedEvent::Resumed,
        LoggedEvent::Paid(MessageId(digest(27))),
        LoggedEvent::StepJudged {
            job,
            claim,
            counter_root: digest(11),
            sub_root: digest(17),
            verdict: Verdict::ChallengerFault,
        },
    ];
    (0..).zip(events).map(|(index, event)| LogEntry { index, time: Time(100), event }).collect()
}

fn computed() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pin =
        |name: &str, value: String| assert_eq!(found.insert(name.to_owned(), value), None);
    for message in examples() {
        let kind = message.kind();
        let bytes = borsh::to_vec(&message).unwrap();
        pin(&format!("message {kind} discriminant"), bytes[0].to_string());
        pin(&format!("message {kind} bytes"), hash_bytes(Context::Envelope, &bytes).to_string());
        let signed = Signed::new(keypair(1), NetworkId(digest(90)), message);
        pin(&format!("message {kind} id"), signed.id().0.to_string());
        let signed = signed.to_bytes().unwrap();
        pin(&format!("message {kind} signed"), hash_bytes(Context::Envelope, &signed).to_string());
    }
    for entry in entries() {
        let bytes = borsh::to_vec(&entry).unwrap();
        let name = format!("log entry {}", bytes[16]);
        pin(&name, entry.digest().to_string());
    }
    let [one, two] = [1, 2].map(|number| keypair(number).key());
    let network = NetworkId::new("a network", one, two);
    pin("network", network.0.to_string());
    let receipt = Receipt::new(keypair(1), network, MessageId(digest(1)), 5, Time(6));
    pin("receipt", hash(Context::Receipt, &receipt).to_string());
    let claim = ClaimId(MessageId(digest(1)));
    let commitment = challenge_commitment(network, digest(11), &[10; 32], two, claim);
    pin("challenge commitment", commitment.to_string());
    let commitment = canary_commitment(network, JobId(MessageId(digest(2))), one, &[33; 32]);
    pin("canary commitment", commitment.to_string());
    let accounts = [
        Account::World,
        Account::Free(one),
        Account::Escrow(JobId(MessageId(digest(2)))),
        Account::Bond(MessageId(digest(3))),
        Account::Burned,
        Account::Treasury,
        Account::Pending(MessageId(digest(28))),
        Account::Canary(digest(31)),
    ];
    for account in accounts {
        let bytes = borsh::to_vec(&account).unwrap();
        pin(&format!("account {}", bytes[0]), hash_bytes(Context::Envelope, &bytes).to_string());
    }
    pin("params", hash(Context::Network, &crate::game::params(16)).to_string());
    found
}

#[test]
fn every_wire_type_has_its_committed_encoding() {
    let committed: BTreeMap<String, String> = include_str!("wire.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let computed = computed();
    let lines: Vec<String> =
        computed.iter().map(|(name, value)| format!("{name} {value}")).collect();
    assert_eq!(committed, computed, "now it is:\n{}", lines.join("\n"));
}

#[test]
fn messages_are_numbered_from_1_without_gaps() {
    let tags: Vec<u8> = examples().iter().map(|m| borsh::to_vec(m).unwrap()[0]).collect();
    assert_eq!(tags, (1..=19).collect::<Vec<_>>());
    for tag in [0].into_iter().chain(20..=255u8) {
        let bytes = [&[tag][..], &[0; 400]].concat();
        assert!(borsh::from_slice::<Message>(&bytes).is_err());
    }
}

#[test]
fn a_message_id_is_over_network_signer_and_content_and_not_the_signature() {
    let network = NetworkId(digest(90));
    let ids: std::collections::BTreeSet<MessageId> = examples()
        .into_iter()
        .flat_map(|message| {
            let at = |number, network| Signed::new(keypair(number), network, message.clone()).id();
            [at(1, network), at(2, network), at(1, NetworkId(digest(91)))]
        })
        .collect();
    assert_eq!(ids.len(), 3 * 19);
    let signed = Signed::new(keypair(1), network, examples().swap_remove(0));
    let other = Signed { signature: Signature([0; 64]), ..signed.clone() };
    assert_eq!(signed.id(), other.id());
}

#[test]
fn a_challenge_commitment_binds_all_it_is_made_of() {
    let [one, two] = [1, 2].map(|number| keypair(number).key());
    let [n1, n2] = [90, 91].map(|number| NetworkId(digest(number)));
    let [c1, c2] = [1, 2].map(|number| ClaimId(MessageId(digest(number))));
    let all = [
        challenge_commitment(n1, digest(11), &[10; 32], one, c1),
        challenge_commitment(n2, digest(11), &[10; 32], one, c1),
        challenge_commitment(n1, digest(12), &[10; 32], one, c1),
        challenge_commitment(n1, digest(11), &[11; 32], one, c1),
        challenge_commitment(n1, digest(11), &[10; 32], two, c1),
        challenge_commitment(n1, digest(11), &[10; 32], one, c2),
    ];
    assert_eq!(std::collections::BTreeSet::from(all).len(), all.len());
}

#[test]
fn signing_bytes_are_network_signer_and_message_under_the_message_context() {
    for message in examples() {
        let signed = Signed::new(keypair(1), NetworkId(digest(90)), message);
        let mut bytes = digest(90).0.to_vec();
        bytes.extend(keypair(1).key().as_bytes());
        bytes.extend(borsh::to_vec(&signed.message).unwrap());
        assert_eq!(signed.id().0, hash_bytes(Context::Message, &bytes));
        assert!(keypair(1).key().verify(&signed.id().0, &signed.signature));
        let whole = [&bytes[..], &signed.signature.0].concat();
        assert_eq!(signed.to_bytes().unwrap(), whole);
    }
}
