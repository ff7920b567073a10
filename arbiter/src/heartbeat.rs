//! Heartbeats: what lets serving time go on, and what brings the gauges up to date.
//!
//! Each is a round trip through the public listener, as any participant would make one, then through store and log.
//! One that does not get through stops time within one period, whatever keeps it: no flood and no fault of the
//! arbiter's is on anybody's clock. When they get through again, every running clock is given at least the grace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gainsay_network::api::{Request, Response};
use gainsay_network::{Backoff, Identity, Limits, NetworkError, PeerKey, ReconnectingClient};
use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::clock::Gap;
use crate::core::Core;
use crate::error::Chain;

/// Time between two looks at the whole store for the gauges.
const OBSERVE: Duration = Duration::from_secs(1);

/// The way in that participants take.
pub(crate) struct Door {
    client: ReconnectingClient,
    patience: Duration,
}

impl Door {
    /// The listener at `address` under `identity`; one that listens everywhere is asked on loopback.
    pub(crate) fn new(
        address: SocketAddr,
        identity: Identity,
        key: PeerKey,
        patience: Duration,
    ) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let backoff = Backoff { attempts: 1, ..Backoff::default() };
        let limits = Limits { call: patience, handshake: patience, ..Limits::default() };
        let address = SocketAddr::new(ip, address.port());
        Self { client: ReconnectingClient::new(address, identity, key, limits, backoff), patience }
    }

    /// Whether it is open: one request is answered in time.
    async fn knock(&self) -> Result<(), NetworkError> {
        let asked = self.client.call::<Request, Response>(&Request::Params);
        let late =
            || NetworkError::TimedOut { what: "the arbiter's own listener", after: self.patience };
        tokio::time::timeout(self.patience, asked).await.map_err(|_| late())??;
        Ok(())
    }
}

/// Beats until the arbiter stops.
pub(crate) async fn serve(core: Arc<Core>, period: Duration, door: Door) {
    let mut beats = tokio::time::interval(period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut observed: Option<Instant> = None;
    let observing = Arc::new(Semaphore::new(1));
    loop {
        beats.tick().await;
        if let Err(error) = door.knock().await {
            tracing::error!(error = %Chain(&error), "the arbiter's own listener does not answer; serving time stands");
            continue;
        }
        match core.beat().await {
            Ok(Gap::None) => {}
            Ok(Gap::Stood(stood)) => {
                tracing::warn!(?stood, "serving time stood; running clocks are given the grace");
                core.metrics.service.clock_gaps.inc();
                core.metrics.service.clock_stood.inc_by(stood.as_secs_f64());
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), "a heartbeat did not reach the log; serving time stands");
            }
        }
        if observed.is_none_or(|at| at.elapsed() >= OBSERVE) {
            observed = Some(Instant::now());
            observe(&core, &observing);
        }
    }
}

/// Brings the gauges up to date beside the heartbeats, so that a slow look at the store stops no time. One at a time.
fn observe(core: &Arc<Core>, observing: &Arc<Semaphore>) {
    let Ok(turn) = Arc::clone(observing).try_acquire_owned() else { return };
    let core = Arc::clone(core);
    tokio::spawn(async move {
        if let Err(error) = core.observe().await {
            tracing::error!(error = %Chain(&error), "the gauges could not be brought up to date");
        }
        drop(turn);
    });
}
