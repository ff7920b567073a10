//! Parameters of a Burn module from and to safetensors, by module path.
//!
//! Loading is strict both ways: every parameter needs a tensor of its shape and element type, and every
//! tensor needs a parameter.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::kind::Basic;
use burn::tensor::{Bool, DType, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, View};

/// Why parameters could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a safetensors file.
    #[error("the weights are not a safetensors file")]
    Format(#[source] safetensors::SafeTensorError),
    /// A parameter has no tensor.
    #[error("the weights have no tensor `{path}`, which the module needs with shape {shape:?}")]
    Missing {
        /// The parameter's module path.
        path: String,
        /// The parameter's shape.
        shape: Vec<usize>,
    },
    /// A tensor has another shape than its parameter.
    #[error("the tensor `{path}` has shape {found:?}, the module needs {expected:?}")]
    Shape {
        /// The parameter's module path.
        path: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
    /// A tensor has another element type than its parameter.
    #[error("the tensor `{path}` holds {found:?}, the module needs {expected:?}")]
    Element {
        /// The parameter's module path.
        path: String,
        /// The parameter's element type.
        expected: DType,
        /// The tensor's element type.
        found: Dtype,
    },
    /// A tensor belongs to no parameter.
    #[error("the weights hold a tensor `{path}` that the module has no parameter for")]
    Unexpected {
        /// The tensor's name.
        path: String,
    },
}

/// Why parameters could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A parameter's element type has no safetensors counterpart here.
    #[error("the parameter `{path}` holds {dtype:?}, which is not written")]
    Element {
        /// The parameter's module path.
        path: String,
        /// Its element type.
        dtype: DType,
    },
    /// The file could not be put together.
    #[error("the weights could not be written")]
    Format(#[source] safetensors::SafeTensorError),
}

/// The module with every parameter replaced by the tensor named by its path.
///
/// # Errors
/// Names the first tensor that is missing, misshapen, of another type, or unexpected.
pub fn load<M: Module>(module: M, bytes: &[u8]) -> Result<M, LoadError> {
    let file = SafeTensors::deserialize(bytes).map_err(LoadError::Format)?;
    let mut loader = Loader {
        unread: file.names().into_iter().map(str::to_owned).collect(),
        file,
        path: Path::default(),
        error: None,
    };
    let module = module.map(&mut loader);
    if let Some(error) = loader.error {
        return Err(error);
    }
    match loader.unread.pop_first() {
        Some(path) => Err(LoadError::Unexpected { path }),
        None => Ok(module),
    }
}

/// The module's parameters as a safetensors file, named by path.
///
/// # Errors
/// When an element type cannot be written.
pub fn save<M: Module>(module: &M) -> Result<Vec<u8>, SaveError> {
    let mut saver = Saver::default();
    module.visit(&mut saver);
    if let Some(error) = saver.error {
        return Err(error);
    }
    safetensors::serialize(saver.tensors, None).map_err(SaveError::Format)
}

/// The path of the module being walked.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.0.pop();
    }

    fn joined(&self) -> String {
        self.0.join(".")
    }
}

struct Loader<'a> {
    file: SafeTensors<'a>,
    unread: BTreeSet<String>,
    path: Path,
    error: Option<LoadError>,
}

impl Loader<'_> {
    fn find(&mut self, expected: &[usize], dtype: DType) -> Result<TensorData, LoadError> {
        let path = self.path.joined();
        let Ok(view) = self.file.tensor(&path) else {
            return Err(LoadError::Missing { path, shape: expected.to_vec() });
        };
        self.unread.remove(&path);
        if view.shape() != expected {
            return Err(LoadError::Shape {
                path,
                expected: expected.to_vec(),
                found: view.shape().to_vec(),
            });
        }
        if element(dtype) != Some(view.dtype()) {
            return Err(LoadError::Element { path, expected: dtype, found: view.dtype() });
        }
        Ok(TensorData::from_bytes_vec(view.data().to_vec(), expected, dtype))
    }

    fn replace<const D: usize, K: Basic>(&mut self, value: Tensor<D, K>) -> Tensor<D, K> {
        if self.error.is_some() {
            return value;
        }
        match self.find(&value.dims(), value.dtype()) {
            Ok(data) => Tensor::from_data(data, (&value.device(), value.dtype())),
            Err(error) => {
                self.error = Some(error);
                value
            }
        }
    }
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| self.replace(value))
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        param.map(|value| self.replace(value))
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        param.map(|value| self.replace(value))
    }
}

#[derive(Default)]
struct Saver {
    tensors: BTreeMap<String, Parameter>,
    path: Path,
    error: Option<SaveError>,
}

impl Saver {
    fn keep(&mut self, data: TensorData) {
        let path = self.path.joined();
        match element(data.dtype()) {
            Some(dtype) => {
                self.tensors.insert(path, Parameter { data, dtype });
            }
            None => {
                self.error = Some(SaveError::Element { path, dtype: data.dtype() });
            }
        }
    }
}

impl ModuleVisitor for Saver {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.keep(param.val().into_data());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.keep(param.val().into_data());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.keep(param.val().into_data());
    }
}

struct Parameter {
    data: TensorData,
    dtype: Dtype,
}

impl View for Parameter {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.data.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.data.as_bytes())
    }

    fn data_len(&self) -> usize {
        self.data.as_bytes().len()
    }
}

/// The safetensors name of a Burn element type.
fn element(dtype: DType) -> Option<Dtype> {
    Some(match dtype {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool(_) => Dtype::BOOL,
        _ => return None,
    })
}
