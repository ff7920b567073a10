//! D_max: the longest that a claim can take from its admission to its end, in serving time (`bounded_delay`).

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{ChunkShape, TraceShape, TreeError};

use crate::{DeepLayer, Millis, Params};

/// What the arbiter itself adds to a claim's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Service {
    /// The longest replay, of a layer, a step or a chunk, from its request to its verdict.
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
        Self { replay: twice, run: twice, gaps }
    }
}

impl Params {
    /// The most moves that each side owes among the layers of a dispute: one per step of the dissection, and the evidence.
    ///
    /// # Errors
    /// If no trace has that many layers.
    pub fn rounds(&self, layers: u32) -> Result<u64, TreeError> {
        Ok(self.dissections(TraceShape::new(layers)?.depth()) + 1)
    }

    /// The most moves that each side owes below a layer once the sub-roots are there: one per step of the dissection of the
    /// layer's steps; where a step is judged by the chunk what it gives, and one per step of the dissection of that; the evidence.
    ///
    /// # Errors
    /// If no layer has that many steps.
    pub fn rounds_below(&self, deep: &DeepLayer) -> Result<u64, TreeError> {
        let steps = self.dissections(deep.shape()?.tree().depth());
        let chunked = deep.steps.iter().flatten().map(|bytes| {
            let chunks = ChunkShape::new(*bytes).root().chunks;
            // Halvings until one chunk is left.
            self.dissections(chunks.next_power_of_two().trailing_zeros() as u8) + 1
        });
        Ok(steps + chunked.max().unwrap_or(0) + 1)
    }

    /// Steps of a dissection that goes down that many levels.
    fn dissections(&self, depth: u8) -> u64 {
        u64::from(depth).div_ceil(self.arity.levels().into())
    }

    /// What both clocks of a dispute or of a pair can run in all: each side's budget, and in each round the grace once.
    fn clocks(&self, rounds: u64) -> u64 {
        let graces = 2u64.saturating_mul(rounds).saturating_mul(self.grace.0);
        self.budget.0.saturating_mul(2).saturating_add(graces)
    }

    /// D_max for a program of that many layers, of which these are over the arbiter's budget. Among the layers either side
    /// can use its budget, and the grace once in each round; below a layer sub-roots have a budget's time, then each pair its
    /// own clocks, all pairs at once. In each gap either running clock is given the grace; a window or reveal time under way
    /// gets it once.
    ///
    /// # Errors
    /// If no trace has that many layers, or no layer that many steps.
    pub fn d_max(
        &self,
        layers: u32,
        below: &[DeepLayer],
        service: &Service,
    ) -> Result<Millis, TreeError> {
        let mut longest_below = 0;
        for deep in below {
            let pair = self.clocks(self.rounds_below(deep)?);
            longest_below = longest_below.max(pair.saturating_add(self.budget.0));
        }
        let gaps = u64::from(service.gaps).saturating_mul(2).saturating_mul(self.grace.0);
        let parts = [
            self.window.0,
            self.reveal.0,
            self.clocks(self.rounds(layers)?),
            longest_below,
            service.replay.0,
            service.run.0,
            gaps,
        ];
        Ok(Millis(parts.into_iter().fold(0, u64::saturating_add)))
    }
}
