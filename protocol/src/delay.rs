//! D_max: the longest that a claim can take from its admission to its end, in serving time (`bounded_delay`).

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{TraceShape, TreeError};

use crate::{Millis, Params};

/// What the arbiter itself adds to a claim's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Service {
    /// Levels of a dispute: 1 where layers are judged whole.
    pub levels: u32,
    /// The longest replay, from its request to its verdict.
    pub replay: Millis,
    /// The longest run of a program.
    pub run: Millis,
    /// Gaps in its service while the claim is under way.
    pub gaps: u32,
}

impl Service {
    /// What admission assures under these parameters: a whole run fits a quarter of the window and of a side's
    /// budget, so that a replay and a run fit half of it even if each is carried out twice.
    pub fn assured(params: &Params, gaps: u32) -> Self {
        let twice = Millis(params.window.min(params.budget).0 / 2);
        Self { levels: 1, replay: twice, run: twice, gaps }
    }
}

impl Params {
    /// The most moves that each side owes in one level of a dispute on a trace of that many layers: one per step of the
    /// dissection, and the evidence.
    ///
    /// # Errors
    /// If no trace has that many layers.
    pub fn rounds(&self, layers: u32) -> Result<u64, TreeError> {
        let depth = u64::from(TraceShape::new(layers)?.depth());
        Ok(depth.div_ceil(self.arity.levels().into()) + 1)
    }

    /// D_max for a program of that many layers. In each round either side can be given the grace once, and in each gap
    /// either running clock; a window or reveal time under way gets it once.
    ///
    /// # Errors
    /// If no trace has that many layers.
    pub fn d_max(&self, layers: u32, service: &Service) -> Result<Millis, TreeError> {
        let clocks = 2u64
            .saturating_mul(self.rounds(layers)?)
            .saturating_mul(self.grace.0)
            .saturating_add(self.budget.0.saturating_mul(2));
        let level = clocks.saturating_add(service.replay.0);
        let gaps = u64::from(service.gaps).saturating_mul(2).saturating_mul(self.grace.0);
        let parts = [
            self.window.0,
            self.reveal.0,
            level.saturating_mul(service.levels.into()),
            service.run.0,
            gaps,
        ];
        Ok(Millis(parts.into_iter().fold(0, u64::saturating_add)))
    }
}
