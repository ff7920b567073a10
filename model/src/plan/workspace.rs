//! The memory of one job: its buffers, made when first written and lent again to the next run.

use std::sync::{Mutex, PoisonError};

use gainsay_canon::{Tensor, TensorError, TensorType};

/// The buffers of one job.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    buffers: Vec<Option<Tensor>>,
}

impl Workspace {
    pub(super) fn new(buffers: usize) -> Self {
        Self { buffers: (0..buffers).map(|_| None).collect() }
    }

    pub(super) fn tensor(&self, buffer: usize) -> Option<&Tensor> {
        self.buffers.get(buffer)?.as_ref()
    }

    /// Takes a buffer out to write a result into it; `like` is a type of as many elements as it ever holds.
    pub(super) fn take(
        &mut self,
        buffer: usize,
        like: &TensorType,
        result: &TensorType,
    ) -> Result<Tensor, TensorError> {
        let there = self.buffers.get_mut(buffer).and_then(Option::take);
        match there {
            Some(tensor) if tensor.tensor_type() == result => Ok(tensor),
            Some(tensor) => tensor.resized(&result.shape),
            None => Tensor::zeros(like)?.resized(&result.shape),
        }
    }

    pub(super) fn put(&mut self, buffer: usize, tensor: Tensor) {
        if let Some(place) = self.buffers.get_mut(buffer) {
            *place = Some(tensor);
        }
    }

    /// Gives a buffer away; it is made again when it is next written.
    pub(super) fn give(&mut self, buffer: usize) -> Option<Tensor> {
        self.buffers.get_mut(buffer)?.take()
    }

    /// Overwrites all that earlier runs left.
    #[cfg(test)]
    pub(super) fn poison(&mut self) {
        for tensor in self.buffers.iter_mut().flatten() {
            let tensor_type = tensor.tensor_type().clone();
            let byte = if tensor_type.dtype == gainsay_canon::DType::Bool { 1 } else { 0xff };
            let bytes = vec![byte; tensor_type.byte_len().unwrap()];
            *tensor = Tensor::from_bytes(&tensor_type, &bytes).unwrap();
        }
    }
}

/// Workspaces that no run uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Workspace>>);

impl Pool {
    /// So many runs at once find their memory again.
    const MOST: usize = 64;

    pub(super) fn lend(&self, buffers: usize) -> Workspace {
        let lent = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        lent.unwrap_or_else(|| Workspace::new(buffers))
    }

    pub(super) fn take_back(&self, workspace: Workspace) {
        let mut there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if there.len() < Self::MOST {
            there.push(workspace);
        }
    }

    #[cfg(test)]
    pub(super) fn poison(&self) {
        self.0.lock().unwrap().iter_mut().for_each(Workspace::poison);
    }
}
