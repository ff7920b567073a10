//! Which tensor is which parameter: the module's paths, as `encoder.layers.3.weight`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};
use burn_capture::TensorId;

use crate::ports::{Kind, tensor_id};

/// The paths of a module's parameters, by the tensors that hold them on the capture device.
#[derive(Default)]
pub(crate) struct ParameterPaths {
    pub(crate) paths: BTreeMap<TensorId, String>,
    /// Parameters whose tensors are not ordinary ones, as after quantisation.
    pub(crate) unreadable: Vec<String>,
    path: Vec<String>,
}

impl ParameterPaths {
    pub(crate) fn of<M: Module>(module: &M) -> Self {
        let mut paths = Self::default();
        module.visit(&mut paths);
        paths
    }

    fn keep<const D: usize, K: Kind>(&mut self, tensor: Tensor<D, K>) {
        let path = self.path.join(".");
        match tensor_id(tensor) {
            Some(id) => {
                // A tensor that two parameters share keeps the path that comes first.
                self.paths.entry(id).or_insert(path);
            }
            None => self.unreadable.push(path),
        }
    }
}

impl ModuleVisitor for ParameterPaths {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.keep(param.base());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.keep(param.base());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.keep(param.base());
    }
}

/// Draws every parameter that was never looked at, so that all runs, and the caller, see one value.
pub(crate) struct Initialise;

impl ModuleVisitor for Initialise {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.base();
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        let _ = param.base();
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        let _ = param.base();
    }
}

/// The module that a parameter belongs to: its path without the last name.
pub(crate) fn module_of(path: &str) -> String {
    path.rsplit_once('.').map_or(path, |(module, _)| module).to_owned()
}
