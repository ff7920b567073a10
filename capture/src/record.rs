//! One run of the closure on the capture device: what Burn recorded, with names.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{Device, TensorData};
use burn_capture::TensorId;
use burn_ir::OperationIr;

use crate::error::{Fault, Refusal};
use crate::parameters::ParameterPaths;
use crate::ports::{InputSpec, Inputs, Outputs, Returned, Sample, Source};
use crate::quiet::{Panic, quietly};

/// What one run recorded.
pub(crate) struct Recording {
    /// The operations, in order.
    pub(crate) operations: Vec<OperationIr>,
    /// The data that came from outside the closure or was written into it.
    pub(crate) values: BTreeMap<TensorId, TensorData>,
    /// The inputs, in order.
    pub(crate) inputs: Vec<TensorId>,
    /// Names and tensors of the outputs, in order.
    pub(crate) outputs: Vec<(String, TensorId)>,
    /// Module paths of the parameters.
    pub(crate) parameters: BTreeMap<TensorId, String>,
}

thread_local! {
    /// One per thread: a device captures one scope at a time, and Burn has only 65,536 of them per process.
    static DEVICE: Device = Device::capture();
}

/// What the scope's closure hands out besides Burn's graph.
#[derive(Default)]
struct Ports {
    inputs: Vec<Option<TensorId>>,
    returned: Vec<Returned>,
    parameters: ParameterPaths,
}

/// Runs the closure once on a copy of the module.
pub(crate) fn record<M, I, O>(
    module: &M,
    forward: &impl Fn(&M, I) -> O,
    specs: &[InputSpec],
    sample: Sample,
) -> Result<Recording, Fault>
where
    M: Module,
    I: Inputs,
    O: Outputs,
{
    let device = DEVICE.with(Clone::clone);
    let mut ports = Ports::default();
    let captured = quietly(|| {
        device.capture_scope(|scope| {
            // Clones share running statistics, which a move would take along; `valid` makes fresh ones.
            let module = module.valid().to_device(&device);
            ports.parameters = ParameterPaths::of(&module);
            let mut source = Source::new(&device, specs, sample);
            let inputs = I::take(&mut source);
            ports.inputs = std::mem::take(&mut source.ids);
            forward(&module, inputs).give(&mut ports.returned);
            let mut outputs: Vec<TensorId> = Vec::new();
            for id in ports.returned.iter().filter_map(|returned| returned.id) {
                if !outputs.contains(&id) {
                    outputs.push(id);
                }
            }
            // Inputs are known by their ids; declared ones would need values.
            scope.complete([], outputs)
        })
    });
    let graph = captured.map_err(panicked)?.map_err(|error| Fault::Scope(error.to_string()))?;
    if let Some(name) = ports.parameters.unreadable.pop() {
        return Err(Fault::Value { name, refusal: Refusal::Unsupported(Some("quantised types")) });
    }
    Ok(Recording {
        operations: graph.graph.operations,
        values: graph.values,
        inputs: ports.inputs.into_iter().flatten().collect(),
        outputs: named(ports.returned)?,
        parameters: ports.parameters.paths,
    })
}

/// Outputs without a name are called `output`, or `output.N` among several.
fn named(returned: Vec<Returned>) -> Result<Vec<(String, TensorId)>, Fault> {
    let count = returned.len();
    let outputs = returned.into_iter().enumerate().map(|(position, Returned { name, id })| {
        let output = name.unwrap_or_else(|| default_name("output", position, count));
        match id {
            Some(id) => Ok((output, id)),
            None => Err(Fault::ForeignOutput { output }),
        }
    });
    outputs.collect()
}

/// `base`, or `base.N` among several.
pub(crate) fn default_name(base: &str, position: usize, count: usize) -> String {
    if count == 1 { base.to_owned() } else { format!("{base}.{position}") }
}

fn panicked(Panic { message, location }: Panic) -> Fault {
    // Burn's two ways to say that a tensor on the capture device has no data to read.
    if message.contains("has no concrete value") || message.contains("has no initialized value") {
        Fault::ReadsData { message, location }
    } else {
        Fault::Panicked { message, location }
    }
}
