//! Operators whose fast kernel is that of a planned step: one step of a single operator.

use super::{Computed, Fast};
use crate::tensor::Data;
use crate::{Operand, Operator, Source, StepJob, StepSpec, Tensor, TensorType};

impl Fast {
    /// Nothing where there is no fused step, or no work.
    pub(super) fn planned(
        &self,
        operator: &Operator,
        operands: &[&Tensor],
        result: &TensorType,
    ) -> Computed {
        if operands.iter().any(|x| x.element_count() == 0) {
            return Ok(None);
        }
        let value = |index| Operand { source: Source::Value(index), view: vec![] };
        let spec = StepSpec {
            operator: operator.clone(),
            operands: (0..operands.len()).map(value).collect(),
            chain: vec![],
            layout: vec![],
        };
        let types: Vec<TensorType> = operands.iter().map(|x| x.tensor_type().clone()).collect();
        let Some(prepared) = self.prepare(&spec, &types, &[], None, result.clone()) else {
            return Ok(None);
        };
        let Ok(mut output) = Tensor::zeros(result) else { return Ok(None) };
        let mut jobs = [StepJob { operands: operands.to_vec(), output: &mut output }];
        self.run_prepared(&prepared, &[], &mut jobs)?;
        let empty = Data::F32(vec![]);
        Ok(Some(std::mem::replace(output.data_mut(), empty)))
    }
}
