//! Validation: from a [`Program`] as decoded to a [`TypedProgram`] that the rest of the crate may trust.
//!
//! A program has one form. Dead instructions and unread weights are refused, not stripped, because two
//! programs that compute the same must not differ in what a replay costs; the builder strips them before
//! there is an id. Operands are earlier slots, weights ascend, names are unique, types follow from canon.
//! Every size here is bounded, so that sums of bytes and costs cannot overflow.

use std::collections::BTreeSet;

use gainsay_canon::TensorType;

use crate::error::ProgramError;
use crate::layers::LayerTable;
use crate::program::Program;
use crate::typed::TypedProgram;

/// The most instructions of a program.
pub const MAX_INSTRUCTIONS: usize = 1 << 20;
/// The most inputs, and the most outputs, of a program.
pub const MAX_PORTS: usize = 4096;
/// The most weights of a program and of an artifact.
pub const MAX_WEIGHTS: usize = 1 << 20;
/// The most operands of one instruction.
pub const MAX_OPERANDS: usize = 4096;
/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// The most arithmetic of a program, in FLOP, so that sums of costs fit in 64 bits.
pub const MAX_COST: u64 = 1 << 62;

/// What a program must know of a weight of its artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightType {
    /// The parameter path, `blocks.1.conv.weight`; layers are named after it.
    pub name: String,
    /// Element type and shape.
    pub tensor: TensorType,
}

impl Program {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing to memory fails only beyond 2^32 elements of one list, far over the limits here.
        borsh::to_vec(self).unwrap_or_default()
    }

    /// A program from its canonical bytes; still to be validated.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProgramError> {
        borsh::from_slice(bytes).map_err(|error| ProgramError::Encoding(error.to_string()))
    }

    /// Checks everything and infers what follows, given the artifact's weights.
    ///
    /// # Errors
    /// The first fault found, in program order; see [`ProgramError`].
    pub fn validate(self, weights: &[WeightType]) -> Result<TypedProgram, ProgramError> {
        self.check_ports()?;
        let names = self.weight_names(weights)?;
        let mut types = self.ambient_types(weights)?;
        let costs = self.infer_types(&mut types)?;
        let bytes = types
            .iter()
            .map(|tensor| byte_len(|| format!("a value {tensor}"), tensor))
            .collect::<Result<_, _>>()?;
        let needed_until = self.lifetimes(types.len())?;
        self.check_no_waste(&names, &needed_until)?;
        let mut typed = TypedProgram {
            program: self,
            weight_names: names,
            types,
            bytes,
            costs,
            needed_until,
            layers: LayerTable::default(),
        };
        typed.layers = LayerTable::of(&typed);
        Ok(typed)
    }

    fn check_ports(&self) -> Result<(), ProgramError> {
        check_name("program", &self.name)?;
        check_count("inputs", self.inputs.len(), 0, MAX_PORTS)?;
        check_count("outputs", self.outputs.len(), 1, MAX_PORTS)?;
        check_count("weights", self.weights.len(), 0, MAX_WEIGHTS)?;
        check_count("instructions", self.instructions.len(), 1, MAX_INSTRUCTIONS)?;
        check_names("input", self.inputs.iter().map(|input| input.name.as_str()))?;
        check_names("output", self.outputs.iter().map(|output| output.name.as_str()))
    }

    fn weight_names(&self, weights: &[WeightType]) -> Result<Vec<String>, ProgramError> {
        let mut least = 0u32;
        let mut names = Vec::with_capacity(self.weights.len());
        for (position, &index) in self.weights.iter().enumerate() {
            let refused = ProgramError::Weight { position, index, available: weights.len() };
            match weights.get(index as usize) {
                Some(weight) if index >= least => names.push(weight.name.clone()),
                _ => return Err(refused),
            }
            least = index.saturating_add(1);
        }
        Ok(names)
    }

    fn ambient_types(&self, weights: &[WeightType]) -> Result<Vec<TensorType>, ProgramError> {
        let mut types = Vec::new();
        for input in &self.inputs {
            byte_len(|| format!("input {:?}", input.name), &input.tensor)?;
            types.push(input.tensor.clone());
        }
        for weight in self.weights.iter().filter_map(|index| weights.get(*index as usize)) {
            byte_len(|| format!("weight {:?}", weight.name), &weight.tensor)?;
            types.push(weight.tensor.clone());
        }
        Ok(types)
    }

    /// Appends the type of every instruction's value and returns the costs.
    fn infer_types(&self, types: &mut Vec<TensorType>) -> Result<Vec<u64>, ProgramError> {
        let mut costs = Vec::with_capacity(self.instructions.len());
        let mut total = 0u64;
        for (position, instruction) in self.instructions.iter().enumerate() {
            let operator = instruction.operator.name();
            check_count("operands", instruction.operands.len(), 0, MAX_OPERANDS)?;
            let operands: Vec<TensorType> = instruction
                .operands
                .iter()
                .map(|&slot| {
                    let refused = ProgramError::Operand { instruction: position, operator, slot };
                    types.get(slot.0 as usize).cloned().ok_or(refused)
                })
                .collect::<Result<_, _>>()?;
            let refused =
                |source| ProgramError::Operator { instruction: position, operator, source };
            let results = instruction.operator.infer(&operands).map_err(refused)?;
            let [result] = <[TensorType; 1]>::try_from(results)
                .map_err(|_| ProgramError::Results { instruction: position, operator })?;
            let cost = instruction.operator.cost(&operands).operations;
            total = total.saturating_add(cost);
            if total > MAX_COST {
                return Err(ProgramError::Cost { instruction: position, operator, cost });
            }
            costs.push(cost);
            types.push(result);
        }
        Ok(costs)
    }

    /// Per slot: how many instructions must have run before nobody reads it any more.
    fn lifetimes(&self, slots: usize) -> Result<Vec<u32>, ProgramError> {
        let mut until = vec![0u32; slots];
        for (position, instruction) in (1u32..).zip(&self.instructions) {
            for slot in &instruction.operands {
                if let Some(entry) = until.get_mut(slot.0 as usize) {
                    *entry = position;
                }
            }
        }
        let end = self.instructions.len() as u32 + 1;
        for output in &self.outputs {
            let refused = || ProgramError::Output { name: output.name.clone(), slot: output.slot };
            *until.get_mut(output.slot.0 as usize).ok_or_else(refused)? = end;
        }
        Ok(until)
    }

    fn check_no_waste(&self, names: &[String], until: &[u32]) -> Result<(), ProgramError> {
        let weights = until.iter().skip(self.inputs.len());
        if let Some((name, _)) = names.iter().zip(weights).find(|(_, until)| **until == 0) {
            return Err(ProgramError::UnreadWeight { name: name.clone() });
        }
        let values = until.iter().skip(self.inputs.len() + self.weights.len());
        let dead = self.instructions.iter().zip(values).position(|(_, until)| *until == 0);
        match dead.and_then(|at| self.instructions.get(at).map(|found| (at, found))) {
            Some((instruction, found)) => {
                Err(ProgramError::Dead { instruction, operator: found.operator.name() })
            }
            None => Ok(()),
        }
    }
}

/// Refuses a name that is empty, too long, or has anything but printable ASCII in it.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), ProgramError> {
    let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !printable {
        return Err(ProgramError::Name { what, name: name.chars().take(64).collect() });
    }
    Ok(())
}

/// Checks every name and that none comes twice.
pub(crate) fn check_names<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), ProgramError> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(what, name)?;
        if !seen.insert(name) {
            return Err(ProgramError::DuplicateName { what, name: name.to_owned() });
        }
    }
    Ok(())
}

/// Checks that a count is in range.
pub(crate) fn check_count(
    what: &'static str,
    count: usize,
    least: usize,
    most: usize,
) -> Result<(), ProgramError> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(ProgramError::Count { what, count, least, most })
}

/// The bytes of a tensor of this type, if there can be one.
pub(crate) fn byte_len(
    place: impl FnOnce() -> String,
    tensor: &TensorType,
) -> Result<u64, ProgramError> {
    let refused = |source| ProgramError::Value { place: place(), source };
    tensor.byte_len().map(|bytes| bytes as u64).map_err(refused)
}
