//! Every bound of the transport, each with the attack it answers.
//!
//! A peer is hostile until shown otherwise, and keys cost nothing, so nothing a peer sends may make this
//! process hold memory, a stream, a connection or a task beyond what is written here. `Limits::default()` is
//! meant for an open network; the demo and tests raise single fields. Loopback is an address like any other.

use std::time::Duration;

/// Application protocol name of TLS ALPN. Answers cross-protocol confusion: another protocol under the same
/// key cannot be made to talk to us.
pub const ALPN: &[u8] = b"gainsay/1";

/// Largest payload of one frame, in bytes, that any configuration may allow. Answers a length prefix of
/// 4 GiB: it is compared before a single byte is reserved.
pub const FRAME_BYTES_CAP: u32 = 1 << 20;

/// Largest payload of one answer, in bytes, that any configuration may allow.
pub const ANSWER_BYTES_CAP: u32 = 256 << 20;

/// Most streams one connection may be configured to hold. Answers a configuration that gives the memory bound away.
pub const STREAMS_CAP: u32 = 256;

/// The bounds of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a connection may have in flight towards us, unread. quinn's default has no bound: one peer that
    /// sends and never pauses would fill the memory.
    pub connection_window_bytes: u32,
    /// The same for one stream. Over all streams it is at most seven eighths of the connection window, so that streams
    /// nobody reads cannot starve those beside them: quinn announces new connection credit only an eighth at a time.
    pub stream_window_bytes: u32,
    /// Bytes we hold for a connection that does not acknowledge. Answers a peer that asks for everything and reads nothing.
    pub send_window_bytes: u32,
    /// Bidirectional streams open at once in one connection. Answers a flood of half-open requests;
    /// unidirectional streams and datagrams are off. quinn renews the credit of ended streams in batches of an
    /// eighth, so of 16 streams 14 can be counted on.
    pub streams: u32,
    /// Time for a handshake. Answers handshakes that are begun and left.
    pub handshake: Duration,
    /// Silence after which a connection is dead. Answers peers that vanish and keep their quota.
    pub idle: Duration,
    /// How often a client speaks so as not to seem dead. Less than half of `idle`.
    pub keep_alive: Duration,
    /// Handshakes in progress. Answers a flood of first packets; more are refused.
    pub handshakes: usize,
    /// Handshakes in progress from which on an address must first prove, by a Retry, that it receives what is sent
    /// to it. Answers spoofed source addresses, and our being used to amplify traffic at a victim.
    pub retry_above_handshakes: usize,
    /// Handshakes in progress from one address (IPv6: one /64). Answers one host taking every handshake slot.
    pub handshakes_per_address: usize,
    /// Connections in all, reserved ones included. Bounds the sum of all windows.
    pub connections: usize,
    /// Part of `connections` that only keys with `Admission::Reserved` may use. Answers locking a party out
    /// of the network while its clock in a dispute is running.
    pub reserved_connections: usize,
    /// Connections from one address (IPv6: one /64). Answers one host with a thousand fresh keys.
    pub connections_per_address: usize,
    /// Connections of one key. Answers one key from a thousand hosts.
    pub connections_per_key: usize,
    /// Calls of one key being answered at once, over all its connections, those included whose peer has hung up.
    /// Answers opening, asking and resetting in a loop, which the stream limit alone would not stop.
    pub calls_per_key: usize,
    /// Payload of one frame. See `FRAME_BYTES_CAP`.
    pub frame_bytes: u32,
    /// Payload of one answer. More than a request's, because a job grows with the challenges on it, each of which locks
    /// a bond, and who cannot be told of a job cannot defend itself in it. Memory grows with what arrives.
    pub answer_bytes: u32,
    /// Time to receive one frame that has been announced, or a request once its stream is open. Answers dribbling.
    pub receive: Duration,
    /// Time a peer may leave us unable to send before its stream is reset. Answers peers that stop reading.
    pub send: Duration,
    /// Time a client waits for an answer, from opening the stream to its last byte.
    pub call: Duration,
    /// Largest blob, in bytes. Answers uploads that fill the disk; `Blobs::may_upload` narrows it per peer.
    pub blob_bytes: u64,
    /// Piece in which blobs are read, sent and stored: what one transfer holds in memory.
    pub blob_chunk_bytes: u32,
    /// Uploads of one key at once. Answers many uploads begun and never finished.
    pub uploads_per_key: usize,
    /// Announced bytes of one key's open uploads together. Answers taking the disk with uploads that never end.
    pub upload_bytes_per_key: u64,
    /// Subscriptions of one connection, so that calls keep most of its streams.
    pub subscriptions: usize,
    /// Time between two heartbeats on a feed where nothing happens. A client gives up after four.
    pub heartbeat: Duration,
    /// Time that running requests get to finish when the server is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connection_window_bytes: 8 << 20,
            stream_window_bytes: 448 << 10,
            send_window_bytes: 4 << 20,
            streams: 16,
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(20),
            keep_alive: Duration::from_secs(5),
            handshakes: 256,
            retry_above_handshakes: 32,
            handshakes_per_address: 16,
            connections: 512,
            reserved_connections: 64,
            connections_per_address: 32,
            connections_per_key: 4,
            calls_per_key: 32,
            frame_bytes: FRAME_BYTES_CAP,
            answer_bytes: 64 << 20,
            receive: Duration::from_secs(10),
            send: Duration::from_secs(20),
            call: Duration::from_secs(30),
            blob_bytes: 1 << 30,
            blob_chunk_bytes: 256 << 10,
            uploads_per_key: 4,
            upload_bytes_per_key: 2 << 30,
            subscriptions: 4,
            heartbeat: Duration::from_secs(5),
            drain: Duration::from_secs(5),
        }
    }
}

/// Limits that contradict one another or give up a bound that memory safety under attack rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// A count, size or time is zero.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A bound is over the cap that no configuration may pass.
    #[error("{name} is {value}, over the cap of {cap}")]
    OverCap {
        /// The field.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The most it may be.
        cap: u64,
    },
    /// One field must not be larger than another.
    #[error("{smaller} must not be larger than {larger}")]
    Order {
        /// The field that is too large.
        smaller: &'static str,
        /// The field that bounds it.
        larger: &'static str,
    },
}

impl Limits {
    /// Checks that the limits fit one another.
    ///
    /// # Errors
    /// Names the first field that does not.
    pub fn check(&self) -> Result<(), LimitsError> {
        self.check_not_zero()?;
        let caps = [
            ("frame_bytes", u64::from(self.frame_bytes), u64::from(FRAME_BYTES_CAP)),
            ("answer_bytes", u64::from(self.answer_bytes), u64::from(ANSWER_BYTES_CAP)),
            ("streams", u64::from(self.streams), u64::from(STREAMS_CAP)),
            ("blob_chunk_bytes", u64::from(self.blob_chunk_bytes), 8 << 20),
            ("idle (ms)", millis(self.idle), 10 * 60 * 1000),
        ];
        for (name, value, cap) in caps {
            if value > cap {
                return Err(LimitsError::OverCap { name, value, cap });
            }
        }
        let orders = [
            (
                u64::from(self.stream_window_bytes) * u64::from(self.streams)
                    <= u64::from(self.connection_window_bytes) / 8 * 7,
                "stream_window_bytes of all streams",
                "seven eighths of connection_window_bytes",
            ),
            (self.keep_alive < self.idle / 2, "keep_alive", "half of idle"),
            (self.reserved_connections < self.connections, "reserved_connections", "connections"),
            (
                self.retry_above_handshakes <= self.handshakes,
                "retry_above_handshakes",
                "handshakes",
            ),
        ];
        match orders.into_iter().find(|(holds, ..)| !holds) {
            Some((_, smaller, larger)) => Err(LimitsError::Order { smaller, larger }),
            None => Ok(()),
        }
    }

    fn check_not_zero(&self) -> Result<(), LimitsError> {
        let numbers = [
            ("stream_window_bytes", u64::from(self.stream_window_bytes)),
            ("send_window_bytes", u64::from(self.send_window_bytes)),
            ("streams", u64::from(self.streams)),
            ("handshake", millis(self.handshake)),
            ("keep_alive", millis(self.keep_alive)),
            ("handshakes", self.handshakes as u64),
            ("handshakes_per_address", self.handshakes_per_address as u64),
            ("connections_per_address", self.connections_per_address as u64),
            ("connections_per_key", self.connections_per_key as u64),
            ("calls_per_key", self.calls_per_key as u64),
            ("frame_bytes", u64::from(self.frame_bytes)),
            ("answer_bytes", u64::from(self.answer_bytes)),
            ("receive", millis(self.receive)),
            ("send", millis(self.send)),
            ("call", millis(self.call)),
            ("blob_chunk_bytes", u64::from(self.blob_chunk_bytes)),
            ("heartbeat", millis(self.heartbeat)),
        ];
        match numbers.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(LimitsError::Zero(name)),
            None => Ok(()),
        }
    }
}

/// Whole milliseconds, saturating.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
