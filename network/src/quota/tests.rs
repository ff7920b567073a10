use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::key::Identity;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn host(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn key(seed: u8) -> PeerKey {
    Identity::from_seed([seed; 32]).public()
}

fn quotas() -> Arc<Quotas> {
    Quotas::new(Limits {
        handshakes: 6,
        retry_above_handshakes: 4,
        handshakes_per_address: 4,
        connections: 5,
        reserved_connections: 2,
        connections_per_address: 2,
        connections_per_key: 2,
        calls_per_key: 2,
        uploads_per_key: 2,
        upload_bytes_per_key: 100,
        ..Limits::default()
    })
}

fn begin(quotas: &Arc<Quotas>, address: IpAddr) -> HandshakeSlot {
    match quotas.attempt(address, Validated::Yes) {
        Attempt::Begin(slot) => slot,
        other => panic!("not begun: {other:?}"),
    }
}

fn connect(
    quotas: &Arc<Quotas>,
    address: IpAddr,
    key: PeerKey,
    admission: Admission,
) -> Result<ConnectionSlot, Refusal> {
    quotas.connect(begin(quotas, address), key, admission)
}

#[test]
fn an_address_must_prove_itself_when_the_server_is_busy() {
    let quotas = quotas();
    let held: Vec<_> = (1..=4).map(|last| begin(&quotas, host(last))).collect();
    assert!(matches!(quotas.attempt(host(9), Validated::No), Attempt::Retry));
    assert!(matches!(quotas.attempt(host(9), Validated::Yes), Attempt::Begin(_)));
    drop(held);
    assert!(matches!(quotas.attempt(host(9), Validated::No), Attempt::Begin(_)));
}

#[test]
fn spoofed_packets_cannot_use_up_an_address() {
    let quotas = quotas();
    let mut held = Vec::new();
    while let Attempt::Begin(slot) = quotas.attempt(HOST, Validated::No) {
        held.push(slot);
    }
    assert_eq!(held.len(), 2);
    assert!(matches!(quotas.attempt(HOST, Validated::Yes), Attempt::Begin(_)));
}

#[test]
fn handshakes_are_bounded_in_all_and_per_address() {
    let quotas = quotas();
    let one: Vec<_> = (0..4).map(|_| begin(&quotas, HOST)).collect();
    assert!(matches!(quotas.attempt(HOST, Validated::Yes), Attempt::Refuse));
    let two: Vec<_> = (1..=2).map(|last| begin(&quotas, host(last))).collect();
    assert!(matches!(quotas.attempt(host(3), Validated::Yes), Attempt::Refuse));
    drop((one, two));
    drop(begin(&quotas, HOST));
}

#[test]
fn connections_are_bounded_per_key_and_per_address() {
    let quotas = quotas();
    let first = connect(&quotas, host(1), key(1), Admission::Ordinary).unwrap();
    let _second = connect(&quotas, host(2), key(1), Admission::Ordinary).unwrap();
    let refused = connect(&quotas, host(3), key(1), Admission::Ordinary).unwrap_err();
    assert_eq!(refused, Refusal::KeyQuota);
    drop(first);
    let _third = connect(&quotas, host(2), key(1), Admission::Ordinary).unwrap();
    let refused = connect(&quotas, host(2), key(2), Admission::Ordinary).unwrap_err();
    assert_eq!(refused, Refusal::AddressQuota);
}

#[test]
fn flooding_timed_against_a_clock_leaves_reserved_connections_to_their_owners() {
    let quotas = quotas();
    let mut held: Vec<_> =
        (1..=3).map(|n| connect(&quotas, host(n), key(n), Admission::Ordinary).unwrap()).collect();
    let refused = connect(&quotas, host(4), key(4), Admission::Ordinary).unwrap_err();
    assert_eq!(refused, Refusal::Full);
    held.push(connect(&quotas, host(1), key(4), Admission::Reserved).unwrap());
    held.push(connect(&quotas, host(1), key(5), Admission::Reserved).unwrap());
    let refused = connect(&quotas, host(6), key(6), Admission::Reserved).unwrap_err();
    assert_eq!(refused, Refusal::Full);
}

#[test]
fn a_key_that_is_not_admitted_takes_nothing() {
    let quotas = quotas();
    let refused = connect(&quotas, HOST, key(1), Admission::Refused).unwrap_err();
    assert_eq!(refused, Refusal::NotAdmitted);
    assert!(quotas.lock().keys.is_empty());
}

#[test]
fn ipv6_hosts_of_one_network_share_a_quota_and_mapped_addresses_are_ipv4() {
    let in_network = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
    assert_eq!(Prefix::from(in_network(1)), Prefix::from(in_network(2)));
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(Prefix::from(mapped), Prefix::from(HOST));
}

#[test]
fn calls_and_uploads_are_bounded_per_key() {
    let quotas = quotas();
    let calls: Vec<_> = (0..2).map(|_| quotas.call(key(1)).unwrap()).collect();
    assert_eq!(quotas.call(key(1)).unwrap_err(), Rejection::Busy);
    let _other = quotas.call(key(2)).unwrap();
    drop(calls);
    quotas.call(key(1)).unwrap();

    let upload = quotas.upload(key(1), 60).unwrap();
    let refused = quotas.upload(key(1), 41).unwrap_err();
    assert_eq!(refused, Rejection::BlobTooLarge { size: 41, limit: 40 });
    let _small = quotas.upload(key(1), 40).unwrap();
    assert_eq!(quotas.upload(key(1), 0).unwrap_err(), Rejection::TooManyUploads);
    drop(upload);
    let _again = quotas.upload(key(1), 60).unwrap();
}

#[test]
fn what_is_given_back_is_forgotten() {
    let quotas = quotas();
    let connection = connect(&quotas, HOST, key(1), Admission::Ordinary).unwrap();
    let call = quotas.call(key(1)).unwrap();
    let upload = quotas.upload(key(2), 1).unwrap();
    drop((connection, call, upload));
    let state = quotas.lock();
    assert!(state.addresses.is_empty() && state.keys.is_empty());
    assert_eq!((state.handshakes, state.connections, state.ordinary), (0, 0, 0));
}
