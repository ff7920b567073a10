//! quinn endpoints configured to the limits.
//!
//! A server derives its connection ids and stateless-reset tokens from its seed. So when it was killed and has been
//! started again, it can tell clients of the old process that their connections are gone, and they reconnect
//! at once instead of waiting for the idle time-out. The price: of two servers that run on one seed at once, one can
//! be made to reset a connection of the other by whoever can read that connection's packets (RFC 9000, 21.11).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};
use std::time::Duration;

use quinn::{
    AsyncUdpSocket, ClientConfig, Endpoint, EndpointConfig, IdleTimeout, Runtime, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use quinn_proto::crypto::{CryptoError, HmacKey};
use zeroize::Zeroizing;

use crate::error::NetworkError;
use crate::key::Identity;
use crate::limits::{Limits, millis};
use crate::tls;

/// A socket that is still open as long as this can be upgraded.
pub(crate) type OpenSocket = Weak<dyn AsyncUdpSocket>;

/// Binds a server's endpoint.
pub(crate) fn server(
    address: SocketAddr,
    identity: &Identity,
    limits: &Limits,
) -> Result<(Endpoint, SocketAddr, OpenSocket), NetworkError> {
    let crypto = tls::server_config(identity).map_err(NetworkError::Tls)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(limits)));
    // Before a handshake is accepted its packets wait here: few, and little of each.
    config.max_incoming(limits.handshakes);
    config.incoming_buffer_size(64 << 10);
    config.incoming_buffer_size_total(4 << 20);
    config.retry_token_lifetime(limits.handshake);
    // A connection stays at the address that was charged for it; a client whose address changes connects again.
    config.migration(false);

    let seed = Zeroizing::new(blake3::derive_key("gainsay 1 connection ids", identity.seed()));
    let [a, b, c, d, e, f, g, h, ..] = *seed;
    let id_key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let mut endpoint = EndpointConfig::new(Arc::new(ResetKey::new(identity)));
    endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
    open(address, endpoint, Some(config))
}

/// Binds a client's endpoint on any free port of the server's address family.
pub(crate) fn client(
    server: SocketAddr,
    identity: &Identity,
) -> Result<(Endpoint, SocketAddr, OpenSocket), NetworkError> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    open(any, EndpointConfig::new(Arc::new(ResetKey::new(identity))), None)
}

/// What a client needs for one connection.
pub(crate) fn client_config(
    crypto: quinn::crypto::rustls::QuicClientConfig,
    limits: &Limits,
) -> ClientConfig {
    let mut transport = transport(limits);
    // The client keeps the connection alive, so that a server can drop peers that do not care.
    transport.keep_alive_interval(Some(limits.keep_alive));
    // A server never opens streams.
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    config
}

fn open(
    address: SocketAddr,
    config: EndpointConfig,
    server: Option<ServerConfig>,
) -> Result<(Endpoint, SocketAddr, OpenSocket), NetworkError> {
    let bind = |source| NetworkError::Bind { address, source };
    let runtime = Arc::new(TokioRuntime);
    let socket = UdpSocket::bind(address).map_err(bind)?;
    let local = socket.local_addr().map_err(bind)?;
    let socket = runtime.wrap_udp_socket(socket).map_err(bind)?;
    let open = Arc::downgrade(&socket);
    let endpoint =
        Endpoint::new_with_abstract_socket(config, server, socket, runtime).map_err(bind)?;
    Ok((endpoint, local, open))
}

fn transport(limits: &Limits) -> TransportConfig {
    let idle_ms = u32::try_from(millis(limits.idle)).unwrap_or(u32::MAX);
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .receive_window(VarInt::from_u32(limits.connection_window_bytes))
        .stream_receive_window(VarInt::from_u32(limits.stream_window_bytes))
        .send_window(u64::from(limits.send_window_bytes))
        // A first packet lost, or sent while the server was starting, is repeated after 0.3 s instead of 1 s.
        .initial_rtt(Duration::from_millis(100))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))));
    config
}

/// Stateless-reset key: BLAKE3 keyed by something only the seed gives.
struct ResetKey(Zeroizing<[u8; 32]>);

impl ResetKey {
    fn new(identity: &Identity) -> Self {
        Self(Zeroizing::new(blake3::derive_key("gainsay 1 stateless reset", identity.seed())))
    }

    fn mac(&self, data: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, data)
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        for (out, byte) in signature_out.iter_mut().zip(self.mac(data).as_bytes()) {
            *out = *byte;
        }
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let expected = self.mac(data);
        match <[u8; 32]>::try_from(signature) {
            // `blake3::Hash` compares in constant time.
            Ok(bytes) if expected == blake3::Hash::from_bytes(bytes) => Ok(()),
            _ => Err(CryptoError),
        }
    }
}
