//! Every kind of lie about one layer, and where a dispute about it must end.

use std::sync::Arc;

use anyhow::{Context, Result};
use gainsay_canon::Tensor;
use gainsay_commitment::{CHUNK_BYTES, content};
use gainsay_model::{JudgedBy, Steps, Telling};
use gainsay_player::rehearsal::{
    Change, Changed, Instead, Malformed, OtherWeights, Rounding, Treatment, Truth, false_steps,
    inner, made_in, malformed_state, skipped,
};
use gainsay_player::{RunSource, TraceSource};

use super::arbiter::Subject;

/// A kind of lie about a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One bit off in one element.
    Ulp,
    /// The sign of one element.
    Sign,
    /// One element not a number.
    Nan,
    /// Every element zero.
    Zero,
    /// The layer's output is its input.
    Skipped,
    /// The state of a run on other inputs.
    Stale,
    /// The layer on rounded weights.
    Quantised,
    /// The layer on other weights.
    Weights,
    /// A state that is not of the program.
    Malformed,
    /// A digest with nothing behind it.
    Garbage,
    /// Steps that do not lead to the layer's state.
    FalseSteps,
    /// A value off after one step of the layer, for each of them.
    Below,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Ulp,
        Self::Sign,
        Self::Nan,
        Self::Zero,
        Self::Skipped,
        Self::Stale,
        Self::Quantised,
        Self::Weights,
        Self::Malformed,
        Self::Garbage,
        Self::FalseSteps,
        Self::Below,
    ];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ulp => "one ulp",
            Self::Sign => "sign",
            Self::Nan => "NaN",
            Self::Zero => "zeros",
            Self::Skipped => "skipped",
            Self::Stale => "stale",
            Self::Quantised => "quantised",
            Self::Weights => "weights",
            Self::Malformed => "malformed",
            Self::Garbage => "garbage",
            Self::FalseSteps => "false steps",
            Self::Below => "each step",
        }
    }

    /// Whether a liar of this kind has no answer where a dispute about a narrowed layer asks it about values.
    pub fn is_speechless(self) -> bool {
        matches!(self, Self::Malformed | Self::Garbage)
    }
}

/// One lie.
pub struct Lie {
    /// What is told.
    pub source: RunSource,
    /// Which of its kind.
    pub what: String,
    /// The layer, and the step and chunk below it, that a dispute must come down to.
    pub place: Place,
}

/// Where two runs part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first layer.
    pub layer: u32,
    /// Of a layer over the budget the first step.
    pub step: Option<u32>,
    /// Of a step that is judged by the chunk the first chunk of its value.
    pub chunk: Option<u64>,
}

/// What lies are told from.
pub struct Told<'a> {
    /// The program, its inputs and the budget.
    pub subject: &'a Subject,
    /// The true run.
    pub honest: &'a RunSource,
    /// Inputs of another job.
    pub others: &'a [Tensor],
}

impl Told<'_> {
    /// Every lie of a kind about a layer; none if there is none that differs from the truth.
    pub fn lies(&self, kind: Kind, layer: u32, seed: u64) -> Result<Vec<Lie>> {
        let sources = match kind {
            Kind::Ulp => vec![self.changed(layer, Change::Ulp(seed))?],
            Kind::Sign => vec![self.changed(layer, Change::Sign(seed))?],
            Kind::Nan => vec![self.changed(layer, Change::Nan(seed))?],
            Kind::Zero => vec![self.changed(layer, Change::Zero)?],
            Kind::Skipped => {
                let skipped = skipped(&self.subject.runner, &self.subject.inputs, layer)?;
                vec![(String::new(), self.told(skipped)?)]
            }
            Kind::Stale => {
                let made = made_in(self.subject.runner.program(), layer);
                let values = self.subject.runner.values_told(self.others, &made, &Truth)?;
                vec![(String::new(), self.told(Instead(values))?)]
            }
            Kind::Quantised => self.quantised(layer)?,
            Kind::Weights => vec![(String::new(), self.treated(layer, Treatment::Scaled)?)],
            Kind::Malformed => self.malformed(layer)?,
            Kind::Garbage => {
                let digest = content(&[b"nothing".as_slice(), &layer.to_le_bytes()].concat());
                vec![(String::new(), self.run()?.with_digest(layer, digest)?)]
            }
            Kind::FalseSteps => self.false_steps(layer, seed)?,
            Kind::Below => self.below(layer, seed)?,
        };
        let differs = |(_, source): &(String, RunSource)| source.root() != self.honest.root();
        let place = |(what, source): (String, RunSource)| {
            let place = self.place(kind, &source)?;
            Ok(Lie { source, what, place })
        };
        sources.into_iter().filter(differs).map(place).collect()
    }

    fn parts(&self) -> (Arc<gainsay_model::Runner>, Arc<[Tensor]>) {
        (Arc::clone(&self.subject.runner), Arc::clone(&self.subject.inputs))
    }

    fn run(&self) -> Result<RunSource> {
        let (runner, inputs) = self.parts();
        Ok(RunSource::run(runner, inputs)?)
    }

    fn told(&self, telling: impl Telling + 'static) -> Result<RunSource> {
        let (runner, inputs) = self.parts();
        Ok(RunSource::told(runner, inputs, Arc::new(telling))?)
    }

    fn changed(&self, layer: u32, change: Change) -> Result<(String, RunSource)> {
        let made = made_in(self.subject.runner.program(), layer);
        let slot = made.last().context("a layer makes a value")?;
        Ok((String::new(), self.told(Changed::at(*slot, change))?))
    }

    fn treated(&self, layer: u32, treatment: Treatment) -> Result<RunSource> {
        let program = Arc::clone(self.subject.runner.program());
        let range = program.layer(layer).context("there is no such layer")?.instructions;
        self.told(OtherWeights { program, range, treatment })
    }

    /// The coarsest rounding that is needed to make a difference.
    fn quantised(&self, layer: u32) -> Result<Vec<(String, RunSource)>> {
        for rounding in Rounding::ALL {
            let source = self.treated(layer, Treatment::Rounded(rounding))?;
            if source.root() != self.honest.root() {
                return Ok(vec![(format!("{rounding:?}"), source)]);
            }
        }
        Ok(Vec::new())
    }

    fn malformed(&self, layer: u32) -> Result<Vec<(String, RunSource)>> {
        let mut found = Vec::new();
        if layer == self.honest.layers() {
            return Ok(found);
        }
        for how in Malformed::ALL {
            let (runner, inputs) = self.parts();
            if let Some(list) = malformed_state(&runner, &inputs, layer, how)? {
                found.push((format!("{how:?}"), self.run()?.with_list(layer, list)?));
            }
        }
        Ok(found)
    }

    fn false_steps(&self, layer: u32, seed: u64) -> Result<Vec<(String, RunSource)>> {
        let program = self.subject.runner.program();
        if !self.subject.is_deep(layer) || inner(program, layer).is_empty() {
            return Ok(Vec::new());
        }
        let (runner, inputs) = self.parts();
        Ok(vec![(String::new(), false_steps(runner, inputs, layer, seed)?)])
    }

    fn below(&self, layer: u32, seed: u64) -> Result<Vec<(String, RunSource)>> {
        let program = self.subject.runner.program();
        let steps = Steps::of(program, layer).context("there is no such layer")?;
        if !self.subject.is_deep(layer) {
            return Ok(Vec::new());
        }
        let lie = |step: u32| {
            let slot = steps.slot(step).context("there is no such step")?;
            let change = Change::Value(seed.wrapping_add(u64::from(step) * 977));
            let operator = steps.instruction(step).map_or("?", |found| found.operator.name());
            Ok((format!("step {step}, {operator}"), self.told(Changed::at(slot, change))?))
        };
        (1..=steps.count()).map(lie).collect()
    }

    /// Where the lie parts from the truth, by comparing the two runs.
    fn place(&self, kind: Kind, source: &RunSource) -> Result<Place> {
        let layer = self.honest.parts_from(source).context("a lie differs from the truth")?;
        let whole = Place { layer, step: None, chunk: None };
        if !self.subject.is_deep(layer) || kind.is_speechless() {
            return Ok(whole);
        }
        let (ours, theirs) = (source.below_run(layer)?, self.honest.below_run(layer)?);
        let mut states = ours.states().iter().zip(theirs.states());
        let step = states.position(|(ours, theirs)| ours != theirs);
        let step = u32::try_from(step.context("the steps do not differ")?)?;
        let steps = Steps::of(self.subject.runner.program(), layer).context("no such layer")?;
        if steps.judged_by(step) != Some(JudgedBy::Chunk) {
            return Ok(Place { step: Some(step), ..whole });
        }
        let (ours, theirs) = (ours.value(step)?, theirs.value(step)?);
        let (ours, theirs) = (ours.bytes(), theirs.bytes());
        let mut chunks = ours.chunks(CHUNK_BYTES as usize).zip(theirs.chunks(CHUNK_BYTES as usize));
        let chunk = chunks.position(|(ours, theirs)| ours != theirs);
        Ok(Place { step: Some(step), chunk: chunk.map(|chunk| chunk as u64), ..whole })
    }
}
