//! Tensors of jobs and claims: fetched by reference, verified, and named for sending.

use std::borrow::Cow;

use gainsay_canon::{DType, Tensor, TensorType};
use gainsay_commitment::content;
use gainsay_model::TypedProgram;
use gainsay_protocol::{Job, TensorRef};

use crate::client::ArbiterClient;
use crate::error::ClientError;

/// Why a tensor cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// The reference has an element type that does not exist.
    #[error("tensor {position}: {tag} is no element type")]
    DType {
        /// Which tensor.
        position: usize,
        /// The tag.
        tag: u8,
    },
    /// The reference is not of the program's type.
    #[error("tensor {position} is not the {expected} that the program has there")]
    Port {
        /// Which tensor.
        position: usize,
        /// What the program has.
        expected: TensorType,
    },
    /// The program has another number of them.
    #[error("{found} tensors where the program has {expected}")]
    Count {
        /// How many the program has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The bytes are no tensor of the type.
    #[error("tensor {position}: {source}")]
    Content {
        /// Which tensor.
        position: usize,
        /// Why.
        #[source]
        source: gainsay_canon::TensorError,
    },
    /// The bytes could not be fetched.
    #[error("tensor {position} could not be fetched")]
    Fetch {
        /// Which tensor.
        position: usize,
        /// Why.
        #[source]
        source: ClientError,
    },
}

impl TensorError {
    /// Whether fetching again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fetch { source, .. } if source.is_transient())
    }
}

/// How a job or claim names a tensor.
pub fn reference(tensor: &Tensor) -> TensorRef {
    reference_with(tensor.tensor_type(), &tensor.bytes())
}

/// The same for a type and bytes.
pub fn reference_with(tensor_type: &TensorType, bytes: &[u8]) -> TensorRef {
    TensorRef {
        dtype: tensor_type.dtype as u8,
        shape: tensor_type.shape.clone(),
        content: content(bytes),
    }
}

/// The type that a reference states.
///
/// # Errors
/// If there is no such element type.
pub fn type_of(position: usize, reference: &TensorRef) -> Result<TensorType, TensorError> {
    let dtype = DType::ALL.into_iter().find(|dtype| *dtype as u8 == reference.dtype);
    let dtype = dtype.ok_or(TensorError::DType { position, tag: reference.dtype })?;
    Ok(TensorType::new(dtype, reference.shape.clone()))
}

/// The bytes of tensors, for [`ArbiterClient::put_blobs`].
pub fn blobs(tensors: &[Tensor]) -> Vec<Cow<'_, [u8]>> {
    tensors.iter().map(Tensor::bytes).collect()
}

/// Fetches tensors by reference; their bytes are those that the references name.
///
/// # Errors
/// If one cannot be fetched or is no tensor.
pub async fn fetch(
    client: &ArbiterClient,
    references: &[TensorRef],
) -> Result<Vec<Tensor>, TensorError> {
    let mut tensors = Vec::with_capacity(references.len());
    for (position, reference) in references.iter().enumerate() {
        let tensor_type = type_of(position, reference)?;
        let malformed = |source| TensorError::Content { position, source };
        let limit_bytes = tensor_type.byte_len().map_err(malformed)? as u64;
        let bytes = client.get_blob_within(reference.content, limit_bytes).await;
        let bytes = bytes.map_err(|source| TensorError::Fetch { position, source })?;
        tensors.push(Tensor::from_bytes(&tensor_type, &bytes).map_err(malformed)?);
    }
    Ok(tensors)
}

/// Fetches a job's inputs, which must be those that the program takes.
///
/// # Errors
/// As [`fetch`]; and if they are not of the program's types, before anything is fetched.
pub async fn fetch_inputs(
    client: &ArbiterClient,
    job: &Job,
    program: &TypedProgram,
) -> Result<Vec<Tensor>, TensorError> {
    let ports = &program.program().inputs;
    if ports.len() != job.inputs.len() {
        return Err(TensorError::Count { expected: ports.len(), found: job.inputs.len() });
    }
    for (position, (port, input)) in ports.iter().zip(&job.inputs).enumerate() {
        if type_of(position, input)? != port.tensor {
            return Err(TensorError::Port { position, expected: port.tensor.clone() });
        }
    }
    fetch(client, &job.inputs).await
}
