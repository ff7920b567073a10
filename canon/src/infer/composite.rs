//! Types of attention and layer normalisation.

use super::{Door, Inferred};
use crate::shape::broadcast;
use crate::{DType, OperatorError, Scalar, TensorType};

impl Door<'_> {
    pub(super) fn attention(
        &self,
        scale: Scalar,
        softcap: Option<Scalar>,
        masked: bool,
        biased: bool,
    ) -> Inferred {
        let [q, k, v, rest @ ..] = self.operands else { return Err(self.arity("at least 3")) };
        let (mask, bias) = match (masked, biased, rest) {
            (false, false, []) => (None, None),
            (true, false, [mask]) => (Some(mask), None),
            (false, true, [bias]) => (None, Some(bias)),
            (true, true, [mask, bias]) => (Some(mask), Some(bias)),
            (false, false, _) => return Err(self.arity("3")),
            (true, true, _) => return Err(self.arity("5")),
            _ => return Err(self.arity("4")),
        };
        self.dtype(q.dtype, q.dtype.is_float())?;
        self.same(q.dtype, k.dtype)?;
        self.same(q.dtype, v.dtype)?;
        self.scalar(q.dtype, scale)?;
        softcap.map_or(Ok(()), |softcap| self.scalar(q.dtype, softcap))?;
        let mismatch = || self.shape(format!("{q}, {k} and {v} do not attend to each other"));
        let ([of_q @ .., s, d], [of_k @ .., t, d_of_k], [of_v @ .., t_of_v, e]) =
            (q.shape.as_slice(), k.shape.as_slice(), v.shape.as_slice())
        else {
            return Err(mismatch());
        };
        if of_q != of_k || of_q != of_v || d != d_of_k || t != t_of_v {
            return Err(mismatch());
        }
        let scores = TensorType::new(q.dtype, [of_q, &[*s, *t]].concat());
        self.possible(&scores)?;
        if let Some(mask) = mask {
            self.same(DType::Bool, mask.dtype)?;
            self.onto(mask, &scores)?;
        }
        if let Some(bias) = bias {
            self.same(q.dtype, bias.dtype)?;
            self.onto(bias, &scores)?;
        }
        Ok(TensorType::new(q.dtype, [of_q, &[*s, *e]].concat()))
    }

    fn onto(&self, x: &TensorType, scores: &TensorType) -> Result<(), OperatorError> {
        if broadcast(&x.shape, &scores.shape).as_ref() == Some(&scores.shape) {
            return Ok(());
        }
        Err(self.shape(format!("{x} does not broadcast to the scores {:?}", scores.shape)))
    }

    pub(super) fn layer_norm(&self, epsilon: Scalar) -> Inferred {
        let (x, gamma, beta) = self.two_and_bias()?;
        self.dtype(x.dtype, x.dtype.is_float())?;
        self.scalar(x.dtype, epsilon)?;
        let Some(&extent) = x.shape.last() else {
            return Err(self.shape(format!("{x} has no axis")));
        };
        for factor in [Some(gamma), beta].into_iter().flatten() {
            self.same(x.dtype, factor.dtype)?;
            if factor.shape != [extent] {
                let due = format!("{factor} where {}[{extent}] is due", x.dtype);
                return Err(self.shape(due));
            }
        }
        Ok(x.clone())
    }
}
