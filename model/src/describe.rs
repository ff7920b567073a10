//! An artifact described: as text for people, and as a value to be serialised for programs.

use std::fmt;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::layers::Layer;
use crate::manifest::ProgramEntry;
use crate::program::Slot;
use crate::typed::{Origin, TypedProgram};

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortDescription {
    /// Its name.
    pub name: String,
    /// The element type.
    pub dtype: String,
    /// The extents.
    pub shape: Vec<u64>,
}

/// One operator of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstructionDescription {
    /// The slot of its value.
    pub slot: u32,
    /// The operator with its attributes.
    pub operator: String,
    /// What it reads: inputs and weights by name, values by slot, `%12`.
    pub operands: Vec<String>,
    /// The element type of its value.
    pub dtype: String,
    /// The extents of its value.
    pub shape: Vec<u64>,
    /// Its arithmetic, in FLOP.
    pub flop: u64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerDescription {
    /// From 1 to n.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its arithmetic, in FLOP.
    pub flop: u64,
    /// Bytes of the state after it.
    pub state_bytes: u64,
    /// Its operators.
    pub instructions: Vec<InstructionDescription>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramDescription {
    /// Its name.
    pub name: String,
    /// Content digest of its bytes.
    pub content: String,
    /// Digest of its layer table.
    pub layer_table: String,
    /// The inputs.
    pub inputs: Vec<PortDescription>,
    /// The outputs.
    pub outputs: Vec<PortDescription>,
    /// The layers.
    pub layers: Vec<LayerDescription>,
    /// The arithmetic of a run, in FLOP.
    pub flop: u64,
    /// The most bytes that inputs and values take at once during a run.
    pub peak_bytes: u64,
}

/// One weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WeightDescription {
    /// The parameter path.
    pub name: String,
    /// The element type.
    pub dtype: String,
    /// The extents.
    pub shape: Vec<u64>,
    /// Its bytes.
    pub bytes: u64,
    /// Content digest of its bytes.
    pub content: String,
}

/// All there is to say of an artifact without its weights' values. `Display` writes it for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArtifactDescription {
    /// The model's name.
    pub name: String,
    /// The artifact id.
    pub id: String,
    /// The version of the encodings.
    pub format_version: u32,
    /// The version of the arithmetic.
    pub numerics_version: u32,
    /// The programs.
    pub programs: Vec<ProgramDescription>,
    /// The weights.
    pub weights: Vec<WeightDescription>,
    /// Elements of all weights together.
    pub parameters: u64,
    /// Bytes of all weights together.
    pub weight_bytes: u64,
}

impl Artifact {
    /// Describes the artifact.
    pub fn describe(&self) -> ArtifactDescription {
        let manifest = self.manifest();
        let programs = manifest.programs.iter().zip(self.programs());
        let weights = manifest.weights.iter().map(|entry| WeightDescription {
            name: entry.name.clone(),
            dtype: entry.tensor.dtype.to_string(),
            shape: entry.tensor.shape.clone(),
            bytes: entry.tensor.byte_len().map_or(0, |bytes| bytes as u64),
            content: entry.content.to_string(),
        });
        ArtifactDescription {
            name: manifest.name.clone(),
            id: self.id().to_string(),
            format_version: manifest.format_version,
            numerics_version: manifest.numerics_version,
            programs: programs.map(|(entry, program)| describe_program(entry, program)).collect(),
            weights: weights.collect(),
            parameters: self.weights().iter().map(|weight| weight.element_count() as u64).sum(),
            weight_bytes: manifest.weight_bytes(),
        }
    }
}

fn describe_program(entry: &ProgramEntry, program: &TypedProgram) -> ProgramDescription {
    let port = |name: &str, slot| {
        let (dtype, shape) = typed(program, slot);
        PortDescription { name: name.to_owned(), dtype, shape }
    };
    let inputs = (0u32..).zip(&program.program().inputs);
    let outputs = program.program().outputs.iter();
    let layers = (1u32..).zip(program.layers());
    ProgramDescription {
        name: entry.name.clone(),
        content: entry.content.to_string(),
        layer_table: entry.layer_table.to_string(),
        inputs: inputs.map(|(position, input)| port(&input.name, Slot(position))).collect(),
        outputs: outputs.map(|output| port(&output.name, output.slot)).collect(),
        layers: layers.map(|(index, layer)| describe_layer(program, index, layer)).collect(),
        flop: program.total_cost(),
        peak_bytes: program.peak_bytes(),
    }
}

fn describe_layer(program: &TypedProgram, index: u32, layer: &Layer) -> LayerDescription {
    let instructions = program.instructions(layer.instructions).iter();
    let instructions = layer.instructions.positions().zip(instructions);
    let described = instructions.map(|(position, instruction)| {
        let slot = program.slot_of(position);
        let (dtype, shape) = typed(program, slot);
        let operands = instruction.operands.iter();
        InstructionDescription {
            slot: slot.0,
            operator: instruction.operator.to_string(),
            operands: operands.map(|&operand| operand_name(program, operand)).collect(),
            dtype,
            shape,
            flop: program.costs().get(position as usize).copied().unwrap_or(0),
        }
    });
    LayerDescription {
        index,
        name: layer.name.clone(),
        flop: layer.cost,
        state_bytes: layer.state_bytes,
        instructions: described.collect(),
    }
}

fn typed(program: &TypedProgram, slot: Slot) -> (String, Vec<u64>) {
    let found = program.type_of(slot);
    found.map_or_else(Default::default, |tensor| (tensor.dtype.to_string(), tensor.shape.clone()))
}

fn operand_name(program: &TypedProgram, slot: Slot) -> String {
    let named = match program.origin(slot) {
        Some(Origin::Input(at)) => {
            program.program().inputs.get(at as usize).map(|input| input.name.clone())
        }
        Some(Origin::Weight(at)) => program.weight_names().get(at as usize).cloned(),
        Some(Origin::Instruction(_)) | None => None,
    };
    named.unwrap_or_else(|| format!("%{}", slot.0))
}

/// A quantity with a decimal prefix, `1.25 M`.
struct Scaled(u64, &'static str);

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        let mut scaled = value as f64;
        for prefix in ["", "k", "M", "G", "T", "P"] {
            if scaled < 999.5 {
                let digits = if prefix.is_empty() || scaled >= 99.95 { 0 } else { 1 };
                return f.pad(&format!("{scaled:.digits$} {prefix}{unit}"));
            }
            scaled /= 1000.0;
        }
        f.pad(&format!("{scaled:.0} E{unit}"))
    }
}

impl fmt::Display for ArtifactDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "artifact {}", self.name)?;
        writeln!(f, "  id        {}", self.id)?;
        writeln!(
            f,
            "  versions  format {}, numerics {}",
            self.format_version, self.numerics_version
        )?;
        let (bytes, count) = (Scaled(self.weight_bytes, "B"), self.weights.len());
        writeln!(f, "  weights   {count} tensors, {} parameters, {bytes}", self.parameters)?;
        for program in &self.programs {
            writeln!(f)?;
            program.fmt(f)?;
        }
        if !self.weights.is_empty() {
            writeln!(f, "\nweights")?;
        }
        for weight in &self.weights {
            let WeightDescription { name, dtype, shape, bytes, .. } = weight;
            let short = weight.content.get(..8).unwrap_or_default();
            let tensor = format!("{dtype}{shape:?}");
            writeln!(f, "  {name:<40} {tensor:<20} {:>9}  {short}", Scaled(*bytes, "B"))?;
        }
        Ok(())
    }
}

impl fmt::Display for ProgramDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {}", self.name)?;
        let ports = [("input", &self.inputs), ("output", &self.outputs)];
        for (kind, ports) in ports {
            for PortDescription { name, dtype, shape } in ports {
                writeln!(f, "  {kind:<6} {name}: {dtype}{shape:?}")?;
            }
        }
        let (flop, peak) = (Scaled(self.flop, "FLOP"), Scaled(self.peak_bytes, "B"));
        writeln!(f, "  {} layers, {flop}, at most {peak} of values at once", self.layers.len())?;
        self.layers.iter().try_for_each(|layer| layer.fmt(f))
    }
}

impl fmt::Display for LayerDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flop, state) = (Scaled(self.flop, "FLOP"), Scaled(self.state_bytes, "B"));
        writeln!(f, "  layer {:>3}  {:<32} {flop:>10}  state {state:>8}", self.index, self.name)?;
        for instruction in &self.instructions {
            let InstructionDescription { slot, operator, operands, dtype, shape, flop } =
                instruction;
            let tensor = format!("%{slot}: {dtype}{shape:?}");
            let reads = operands.join(", ");
            writeln!(f, "    {tensor:<26} = {operator} of {reads}  {}", Scaled(*flop, "FLOP"))?;
        }
        Ok(())
    }
}
