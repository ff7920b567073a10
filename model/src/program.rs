//! A program: one entry point of a model, as a list of canonical operators over static shapes.
//!
//! Values are numbered once ([`Slot`]): first the inputs, then the weights the program reads, then the
//! outputs of the instructions in order. Inputs and weights are ambient: a state never lists them.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_canon::{Operator, TensorType};

/// The number of a value in a program: inputs, then weights, then instruction outputs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Slot(pub u32);

/// An input of a program.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Input {
    /// The name callers use.
    pub name: String,
    /// Element type and static shape.
    pub tensor: TensorType,
}

/// An output of a program.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Output {
    /// The name callers use.
    pub name: String,
    /// The value returned.
    pub slot: Slot,
}

/// One operator applied to earlier values.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Instruction {
    /// What is computed.
    pub operator: Operator,
    /// The operands, in the operator's order; each an earlier slot.
    pub operands: Vec<Slot>,
}

/// One entry point of a model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Program {
    /// The entry point's name.
    pub name: String,
    /// Inputs, in order.
    pub inputs: Vec<Input>,
    /// Indices into the manifest's weights, in the order their slots are numbered.
    pub weights: Vec<u32>,
    /// The operators, in program order.
    pub instructions: Vec<Instruction>,
    /// Outputs, in order; a value may be returned twice.
    pub outputs: Vec<Output>,
}
