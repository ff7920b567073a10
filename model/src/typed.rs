//! A valid program with everything that follows from it.

use gainsay_canon::TensorType;

use crate::layers::{Boundaries, InstructionRange, Layer, LayerTable};
use crate::program::{Instruction, Program, Slot};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The input at this position.
    Input(u32),
    /// The weight at this position of the program's list.
    Weight(u32),
    /// The instruction at this position.
    Instruction(u32),
}

/// A valid program with everything that follows from it: types, costs, lifetimes and the layer table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedProgram {
    pub(crate) program: Program,
    pub(crate) weight_names: Vec<String>,
    pub(crate) types: Vec<TensorType>,
    pub(crate) bytes: Vec<u64>,
    pub(crate) costs: Vec<u64>,
    pub(crate) needed_until: Vec<u32>,
    pub(crate) layers: LayerTable,
}

impl TypedProgram {
    /// The program as stored.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The parameter paths of the program's weights, in slot order.
    pub fn weight_names(&self) -> &[String] {
        &self.weight_names
    }

    /// The layer table.
    pub fn layer_table(&self) -> &LayerTable {
        &self.layers
    }

    /// The layers, first to last; layer `i` of the protocol is at position `i - 1`.
    pub fn layers(&self) -> &[Layer] {
        &self.layers.0
    }

    /// n: the number of layers, at least 1.
    pub fn layer_count(&self) -> u32 {
        self.layers.0.len() as u32
    }

    /// Layer `index`, from 1 to n.
    pub fn layer(&self, index: u32) -> Option<&Layer> {
        self.layers.0.get((index as usize).checked_sub(1)?)
    }

    /// The number of slots: inputs, weights and values.
    pub fn slot_count(&self) -> u32 {
        self.types.len() as u32
    }

    /// The type of a slot's value.
    pub fn type_of(&self, slot: Slot) -> Option<&TensorType> {
        self.types.get(slot.0 as usize)
    }

    /// The bytes of a slot's value; 0 if there is no such slot.
    pub fn bytes_of(&self, slot: Slot) -> u64 {
        self.bytes.get(slot.0 as usize).copied().unwrap_or(0)
    }

    /// Where a slot's value comes from.
    pub fn origin(&self, slot: Slot) -> Option<Origin> {
        let (inputs, ambient) = (self.program.inputs.len() as u32, self.ambient_count());
        match slot.0 {
            at if at < inputs => Some(Origin::Input(at)),
            at if at < ambient => Some(Origin::Weight(at - inputs)),
            at if at < self.slot_count() => Some(Origin::Instruction(at - ambient)),
            _ => None,
        }
    }

    /// The slot that an instruction's value gets.
    pub fn slot_of(&self, instruction: u32) -> Slot {
        Slot(self.ambient_count() + instruction)
    }

    /// The instructions of a layer.
    pub fn instructions(&self, range: InstructionRange) -> &[Instruction] {
        let range = range.first as usize..range.end as usize;
        self.program.instructions.get(range).unwrap_or_default()
    }

    /// The arithmetic of each instruction, in FLOP.
    pub fn costs(&self) -> &[u64] {
        &self.costs
    }

    /// The arithmetic of one run, in FLOP.
    pub fn total_cost(&self) -> u64 {
        self.costs.iter().sum()
    }

    /// The largest number of bytes that inputs and values take at once during a run; weights not counted.
    pub fn peak_bytes(&self) -> u64 {
        let ports: u64 = self.bytes.iter().take(self.program.inputs.len()).sum();
        let live = Boundaries::of(self).bytes;
        // While an instruction runs, everything live before it and its result are there.
        let results = (0u32..).zip(&live).map(|(at, live)| live + self.bytes_of(self.slot_of(at)));
        ports + results.max().unwrap_or(0)
    }

    /// How many instructions must have run before nobody reads the slot any more: 0 if nobody ever does,
    /// one more than there are instructions if it is returned.
    pub fn needed_until(&self, slot: Slot) -> u32 {
        self.needed_until.get(slot.0 as usize).copied().unwrap_or(0)
    }

    /// Inputs and weights: the slots that a state never lists.
    pub(crate) fn ambient_count(&self) -> u32 {
        (self.program.inputs.len() + self.program.weights.len()) as u32
    }
}
