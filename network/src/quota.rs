//! Who may hold how much: handshakes, connections, calls and uploads, per address and per key.
//!
//! Everything taken is a slot that gives itself back when dropped, and an address or key with nothing taken is
//! forgotten, so the tables never outgrow the limits. Decisions take one short lock and never wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::key::PeerKey;
use crate::limits::Limits;
use crate::service::Admission;
use crate::wire::{Refusal, Rejection};

/// What to do with a first packet.
#[derive(Debug)]
pub(crate) enum Attempt {
    Begin(HandshakeSlot),
    /// The address must first prove itself.
    Retry,
    Refuse,
}

/// The tables.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    handshakes: usize,
    connections: usize,
    ordinary: usize,
    addresses: HashMap<Prefix, PerAddress>,
    keys: HashMap<PeerKey, PerKey>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct PerAddress {
    handshakes: usize,
    connections: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct PerKey {
    connections: usize,
    calls: usize,
    uploads: usize,
    upload_bytes: u64,
}

/// What one host can be assumed to hold: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Quotas {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The counters are changed by single additions, so a panic elsewhere leaves them sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on a first packet from `address`; `validated` if a Retry has shown that it is really there.
    ///
    /// What is spoofable may fill at most half of an address's slots, so a stranger cannot use them up in its name.
    pub(crate) fn attempt(self: &Arc<Self>, address: IpAddr, validated: Validated) -> Attempt {
        let prefix = Prefix::from(address);
        let mut state = self.lock();
        let here = state.addresses.get(&prefix).map_or(0, |entry| entry.handshakes);
        let limits = &self.limits;
        if validated == Validated::No
            && (state.handshakes >= limits.retry_above_handshakes
                || here >= limits.handshakes_per_address.div_ceil(2))
        {
            return Attempt::Retry;
        }
        if state.handshakes >= limits.handshakes || here >= limits.handshakes_per_address {
            return Attempt::Refuse;
        }
        state.handshakes += 1;
        state.addresses.entry(prefix).or_default().handshakes += 1;
        drop(state);
        Attempt::Begin(HandshakeSlot { quotas: self.clone(), prefix })
    }

    /// Turns a finished handshake into a connection of `key`.
    pub(crate) fn connect(
        self: &Arc<Self>,
        handshake: HandshakeSlot,
        key: PeerKey,
        admission: Admission,
    ) -> Result<ConnectionSlot, Refusal> {
        let prefix = handshake.prefix;
        drop(handshake);
        let limits = &self.limits;
        let mut state = self.lock();
        let of_key = state.keys.get(&key).map_or(0, |entry| entry.connections);
        let here = state.addresses.get(&prefix).map_or(0, |entry| entry.connections);
        if admission == Admission::Refused {
            return Err(Refusal::NotAdmitted);
        }
        if of_key >= limits.connections_per_key {
            return Err(Refusal::KeyQuota);
        }
        if state.connections >= limits.connections {
            return Err(Refusal::Full);
        }
        if admission == Admission::Ordinary {
            if here >= limits.connections_per_address {
                return Err(Refusal::AddressQuota);
            }
            if state.ordinary >= limits.connections.saturating_sub(limits.reserved_connections) {
                return Err(Refusal::Full);
            }
            state.ordinary += 1;
        }
        state.connections += 1;
        state.addresses.entry(prefix).or_default().connections += 1;
        state.keys.entry(key).or_default().connections += 1;
        drop(state);
        Ok(ConnectionSlot { quotas: self.clone(), prefix, key, admission })
    }

    /// Takes one call of `key`.
    pub(crate) fn call(self: &Arc<Self>, key: PeerKey) -> Result<CallSlot, Rejection> {
        let mut state = self.lock();
        let calls = state.keys.get(&key).map_or(0, |entry| entry.calls);
        if calls >= self.limits.calls_per_key {
            return Err(Rejection::Busy);
        }
        state.keys.entry(key).or_default().calls += 1;
        drop(state);
        Ok(CallSlot { quotas: self.clone(), key })
    }

    /// Takes one upload of `size` bytes by `key`.
    pub(crate) fn upload(
        self: &Arc<Self>,
        key: PeerKey,
        size: u64,
    ) -> Result<UploadSlot, Rejection> {
        let mut state = self.lock();
        let held = state.keys.get(&key).copied().unwrap_or_default();
        if held.uploads >= self.limits.uploads_per_key {
            return Err(Rejection::TooManyUploads);
        }
        let limit = self.limits.upload_bytes_per_key.saturating_sub(held.upload_bytes);
        if size > limit {
            return Err(Rejection::BlobTooLarge { size, limit });
        }
        let entry = state.keys.entry(key).or_default();
        entry.uploads += 1;
        entry.upload_bytes = entry.upload_bytes.saturating_add(size);
        drop(state);
        Ok(UploadSlot { quotas: self.clone(), key, size })
    }

    fn release_address(&self, prefix: Prefix, release: impl FnOnce(&mut State, &mut PerAddress)) {
        let mut state = self.lock();
        let mut entry = state.addresses.remove(&prefix).unwrap_or_default();
        release(&mut state, &mut entry);
        if entry != PerAddress::default() {
            state.addresses.insert(prefix, entry);
        }
    }

    fn release_key(&self, key: PeerKey, release: impl FnOnce(&mut PerKey)) {
        let mut state = self.lock();
        let mut entry = state.keys.remove(&key).unwrap_or_default();
        release(&mut entry);
        if entry != PerKey::default() {
            state.keys.insert(key, entry);
        }
    }
}

/// Whether an address has shown that it receives what is sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validated {
    Yes,
    No,
}

/// One handshake in progress.
#[derive(Debug)]
pub(crate) struct HandshakeSlot {
    quotas: Arc<Quotas>,
    prefix: Prefix,
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        self.quotas.release_address(self.prefix, |state, entry| {
            state.handshakes = state.handshakes.saturating_sub(1);
            entry.handshakes = entry.handshakes.saturating_sub(1);
        });
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    quotas: Arc<Quotas>,
    prefix: Prefix,
    key: PeerKey,
    admission: Admission,
}

impl ConnectionSlot {
    /// Whose connection it is.
    pub(crate) fn key(&self) -> PeerKey {
        self.key
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let ordinary = usize::from(self.admission == Admission::Ordinary);
        self.quotas.release_address(self.prefix, |state, entry| {
            state.connections = state.connections.saturating_sub(1);
            state.ordinary = state.ordinary.saturating_sub(ordinary);
            entry.connections = entry.connections.saturating_sub(1);
        });
        self.quotas.release_key(self.key, |entry| {
            entry.connections = entry.connections.saturating_sub(1);
        });
    }
}

/// One call being answered.
#[derive(Debug)]
pub(crate) struct CallSlot {
    quotas: Arc<Quotas>,
    key: PeerKey,
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.quotas.release_key(self.key, |entry| entry.calls = entry.calls.saturating_sub(1));
    }
}

/// One upload under way.
#[derive(Debug)]
pub(crate) struct UploadSlot {
    quotas: Arc<Quotas>,
    key: PeerKey,
    size: u64,
}

impl Drop for UploadSlot {
    fn drop(&mut self) {
        self.quotas.release_key(self.key, |entry| {
            entry.uploads = entry.uploads.saturating_sub(1);
            entry.upload_bytes = entry.upload_bytes.saturating_sub(self.size);
        });
    }
}

#[cfg(test)]
mod tests;
