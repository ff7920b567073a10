use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use quinn::{Connection, ConnectionError, Endpoint};

use super::*;
use crate::endpoint;
use crate::limits::Limits;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn spki(identity: &Identity) -> Vec<u8> {
    [SPKI_PREFIX.as_slice(), identity.public().as_bytes()].concat()
}

/// Connects with `crypto` to a server under seed 1, and gives both ends.
async fn connect(
    crypto: QuicClientConfig,
) -> (Result<Connection, ConnectionError>, Result<Connection, ConnectionError>, Endpoint) {
    let limits = Limits::default();
    let (server, address, _) =
        endpoint::server(LOOPBACK, &Identity::from_seed([1; 32]), &limits).unwrap();
    let (client, ..) = endpoint::client(address, &Identity::from_seed([2; 32])).unwrap();
    let config = endpoint::client_config(crypto, &limits);
    let connecting = client.connect_with(config, address, SERVER_NAME).unwrap();
    let accepting = async { server.accept().await.unwrap().await };
    let (ours, theirs) = tokio::join!(connecting, accepting);
    (ours, theirs, server)
}

fn config(identity: &Identity, expected: PeerKey) -> QuicClientConfig {
    client_config(identity, expected, Arc::default()).unwrap()
}

#[tokio::test]
async fn both_sides_learn_the_others_proved_key() {
    let (server, client) = (Identity::from_seed([1; 32]), Identity::from_seed([2; 32]));
    let (ours, theirs, _endpoint) = connect(config(&client, server.public())).await;
    assert_eq!(peer_key(&ours.unwrap()), Some(server.public()));
    assert_eq!(peer_key(&theirs.unwrap()), Some(client.public()));
}

#[tokio::test]
async fn a_client_that_does_not_hold_the_key_it_shows_is_refused() {
    // The certificate says seed 3, the signature is made with seed 2.
    let (shown, held) = (Identity::from_seed([3; 32]), Identity::from_seed([2; 32]));
    let honest = certified_key(&held).unwrap();
    let forged = CertifiedKey::new(vec![CertificateDer::from(spki(&shown))], honest.key.clone());
    let expected = Identity::from_seed([1; 32]).public();
    let (_, theirs, _endpoint) = connect(custom(expected, Arc::new(forged), ALPN)).await;
    let error = theirs.unwrap_err().to_string();
    assert!(error.contains("BadSignature"), "{error}");
}

#[tokio::test]
async fn another_application_protocol_is_refused() {
    let (client, expected) = (Identity::from_seed([2; 32]), Identity::from_seed([1; 32]).public());
    let certified = certified_key(&client).unwrap();
    let (ours, theirs, _endpoint) = connect(custom(expected, certified, b"gainsay/2")).await;
    assert!(ours.is_err());
    let error = theirs.unwrap_err().to_string();
    assert!(error.contains("error 120"), "{error}");
}

#[tokio::test]
async fn a_client_without_a_key_is_refused() {
    let expected = Identity::from_seed([1; 32]).public();
    let provider = provider();
    let verifier = PinnedServer { provider: provider.clone(), expected, presented: Arc::default() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let (_, theirs, _endpoint) = connect(config.try_into().unwrap()).await;
    assert!(theirs.is_err());
}

/// A client that shows `certified` and speaks `alpn`.
fn custom(expected: PeerKey, certified: Arc<CertifiedKey>, alpn: &[u8]) -> QuicClientConfig {
    let provider = provider();
    let verifier = PinnedServer { provider: provider.clone(), expected, presented: Arc::default() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified)));
    config.alpn_protocols = vec![alpn.to_vec()];
    config.try_into().unwrap()
}

#[test]
fn our_spki_is_the_one_that_ring_makes() {
    let identity = Identity::from_seed([9; 32]);
    let certified = certified_key(&identity).unwrap();
    assert_eq!(certified.key.public_key().unwrap().as_ref(), spki(&identity));
}

#[test]
fn a_key_of_small_order_is_no_identity() {
    let mut der = SPKI_PREFIX.to_vec();
    der.extend_from_slice(&[0; 32]);
    assert!(parse_spki(&der).is_err());
}

proptest! {
    #[test]
    fn only_the_one_encoding_of_a_key_is_taken(seed in any::<[u8; 32]>(), extra in any::<u8>()) {
        let identity = Identity::from_seed(seed);
        let der = spki(&identity);
        prop_assert_eq!(parse_spki(&der).unwrap(), identity.public());
        prop_assert!(parse_spki(&der[..der.len() - 1]).is_err());
        let longer = [der.as_slice(), &[extra]].concat();
        prop_assert!(parse_spki(&longer).is_err());
    }

    #[test]
    fn parsing_any_bytes_does_not_panic(der in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse_spki(&der);
    }
}
