//! A module filled from a source, parameter by parameter, in the module's order.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::PretrainedError;

/// A parameter as its module describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The module path, as `encoder.layer.0.output.dense.weight`.
    pub path: String,
    /// The type of the module that holds it, as `Linear`.
    pub holder: String,
    /// The shape in Burn's layout.
    pub shape: Vec<usize>,
}

impl Wanted {
    /// The parameter's own name, as `weight`.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// How many elements there are.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Where values come from.
pub trait Source {
    /// The values of one parameter, row-major in Burn's layout.
    ///
    /// # Errors
    /// If there are none, or they do not fit.
    fn read(&mut self, wanted: &Wanted) -> Result<Vec<f32>, PretrainedError>;
}

/// The module with every parameter read from `source`; `progress` hears the bytes of each parameter when it is there.
///
/// Parameters that were never looked at are not initialised on the way.
///
/// # Errors
/// The first that the source has.
pub fn fill<M: Module>(
    module: M,
    source: &mut impl Source,
    progress: &mut dyn FnMut(u64),
) -> Result<M, PretrainedError> {
    let mut filler = Filler { source, progress, path: Path::default(), error: None };
    let module = module.map(&mut filler);
    filler.error.map_or(Ok(module), Err)
}

/// The bytes of a module's parameters.
pub fn parameter_bytes<M: Module>(module: &M) -> u64 {
    let mut counter = Counter(0);
    module.visit(&mut counter);
    counter.0
}

/// Where the walk is: field names, and the type that holds the last one.
#[derive(Default)]
struct Path(Vec<(String, String)>);

impl Path {
    fn wanted(&self, shape: Vec<usize>) -> Wanted {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        let holder = self.0.last().map(|(_, holder)| holder.clone()).unwrap_or_default();
        Wanted { path: names.join("."), holder, shape }
    }
}

struct Filler<'a, S> {
    source: &'a mut S,
    progress: &'a mut dyn FnMut(u64),
    path: Path,
    error: Option<PretrainedError>,
}

impl<S: Source> ModuleMapper for Filler<'_, S> {
    fn enter_module(&mut self, name: &str, container: &str) {
        let holder = container.rsplit(':').next().unwrap_or(container);
        self.path.0.push((name.to_owned(), holder.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let wanted = self.path.wanted(param.lazy_shape().to_vec());
        match self.source.read(&wanted) {
            Ok(values) => {
                (self.progress)(values.len() as u64 * 4);
                let data = TensorData::new(values, wanted.shape);
                Param::initialized(param.id, Tensor::from_data(data, &param.lazy_device()))
            }
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}

struct Counter(u64);

impl ModuleVisitor for Counter {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 += param.lazy_shape().iter().product::<usize>() as u64 * 4;
    }
}
