//! Counters of one endpoint, for metrics and for the accounting of a single call.
//!
//! Byte counts are those of frames and blob bytes on streams, headers included; QUIC and UDP overhead,
//! acknowledgements and retransmissions are not, so the same conversation always counts the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Live counters. Shared by everything that works for one endpoint.
        #[derive(Debug, Default)]
        pub struct Traffic {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct TrafficSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Traffic {
            /// Reads every counter. They are read one after the other, so sums across them may be off by what happens meanwhile.
            pub fn snapshot(&self) -> TrafficSnapshot {
                TrafficSnapshot { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Connections open now.
    connections_open,
    /// Connections that were admitted.
    connections_accepted,
    /// Connections and attempts refused by a quota, by load or by the service.
    connections_refused,
    /// Handshakes that were begun and did not succeed.
    handshakes_failed,
    /// Attempts answered with a Retry.
    retries_sent,
    /// Streams whose opening was read.
    streams,
    /// Streams that ended with a rejection or an error.
    streams_failed,
    /// Frames received.
    frames_in,
    /// Frames sent.
    frames_out,
    /// Bytes received in frames and blobs.
    bytes_in,
    /// Bytes sent in frames and blobs.
    bytes_out,
    /// Blobs received whole and verified.
    blobs_in,
    /// Blobs sent to their end.
    blobs_out,
    /// Blobs that arrived with another digest than announced.
    blobs_mismatched,
    /// Subscriptions open now.
    subscriptions_open,
    /// Feed items sent.
    feed_items_out,
}

/// A number that goes up, or up and down with a `Held`.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn less_one(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one call, transfer or subscription cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallStats {
    /// Bytes sent on the stream, frame headers included.
    pub sent_bytes: u64,
    /// Bytes received on the stream, frame headers included.
    pub received_bytes: u64,
    /// From before the stream was opened to after its last byte.
    pub elapsed: Duration,
}
