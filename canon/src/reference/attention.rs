//! Scaled dot-product attention, a query at a time.

use super::number::Number;
use super::reduction::{LANES, largest, tree};
use super::{Call, contraction, each_index, elementary, offset};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{Keys, OperatorError, Scalar};

type Computed = Result<Data, OperatorError>;

/// What is done to a score before the softmax.
struct Scores {
    scale: f32,
    softcap: Option<f32>,
}

/// The keys that take part for one query: position, score, values.
type Attended<'a> = Vec<(usize, f32, &'a [f32])>;

impl Scores {
    fn score(&self, q: &[f32], k: &[f32], bias: Option<f32>) -> f32 {
        let score = contraction::chain(q.iter().copied().zip(k.iter().copied()), None) * self.scale;
        let score = self.softcap.map_or(score, |cap| elementary::tanh(score / cap) * cap);
        bias.map_or(score, |bias| score + bias)
    }
}

/// The row of `e` results for one query.
fn attend(attended: &Attended<'_>, e: usize) -> Vec<f32> {
    let max = largest(attended.iter().map(|&(_, score, _)| score)).unwrap_or(f32::NEG_INFINITY);
    if max == f32::NEG_INFINITY {
        return vec![0.0; e];
    }
    let weights: Vec<f32> =
        attended.iter().map(|&(_, score, _)| elementary::exp(score - max)).collect();
    let mut lanes = [0.0; LANES];
    for (&(position, ..), weight) in attended.iter().zip(&weights) {
        lanes[position % LANES] += weight;
    }
    let total = tree(lanes, Number::add);
    let column = |c: usize| {
        let terms = attended.iter().zip(&weights);
        contraction::chain(terms.map(|(&(_, _, v), weight)| (weight / total, v[c])), None)
    };
    (0..e).map(column).collect()
}

impl Call<'_> {
    pub(super) fn attention(
        &self,
        scale: Scalar,
        softcap: Option<Scalar>,
        keys: Keys,
        masked: bool,
        biased: bool,
    ) -> Computed {
        let [q, k, v] = [self.operand(0)?, self.operand(1)?, self.operand(2)?];
        let (Some(q_values), Some(k_values), Some(v_values)) = (q.as_f32(), k.as_f32(), v.as_f32())
        else {
            return Err(self.unsupported(q));
        };
        let mask = if masked { Some(self.operand(3)?) } else { None };
        let bias = if biased { Some(self.operand(3 + usize::from(masked))?) } else { None };
        let scores =
            Scores { scale: f32::from_scalar(scale), softcap: softcap.map(f32::from_scalar) };
        let queries = extents(&q.shape()[..q.shape().len() - 1]);
        let (leading, s) = (queries.len() - 1, queries[queries.len() - 1]);
        let (k_shape, v_shape) = (extents(k.shape()), extents(v.shape()));
        let (t, d, e) = (k_shape[leading], k_shape[leading + 1], v_shape[leading + 1]);
        let all = [queries.as_slice(), &[t]].concat();
        let [of_mask, of_bias] =
            [mask, bias].map(|x| x.map(|x| broadcast_strides(&extents(x.shape()), &all)));
        let at = |values: &Option<Vec<usize>>, index: &[usize], key: usize| {
            let strides = values.as_ref()?;
            Some(offset(index, strides) + key * strides[leading + 1])
        };
        let mut result = Vec::with_capacity(self.output_extents().iter().product());
        let mut row = 0;
        each_index(&queries, |index| {
            let (query, matrix) = (index[leading], row / s);
            let takes_part = |key: &usize| {
                let seen = keys == Keys::All || key + s <= query + t;
                let hidden = at(&of_mask, index, *key)
                    .zip(mask.and_then(|mask| mask.as_bool()))
                    .is_some_and(|(at, mask)| mask[at] != 0);
                seen && !hidden
            };
            let q = &q_values[row * d..][..d];
            let attended: Attended<'_> = (0..t)
                .filter(takes_part)
                .map(|key| {
                    let bias = at(&of_bias, index, key)
                        .zip(bias.and_then(|bias| bias.as_f32()))
                        .map(|(at, bias)| bias[at]);
                    let k = &k_values[(matrix * t + key) * d..][..d];
                    (key, scores.score(q, k, bias), &v_values[(matrix * t + key) * e..][..e])
                })
                .collect();
            result.extend(attend(&attended, e).into_iter().map(Number::settle));
            row += 1;
        });
        Ok(Data::F32(result))
    }
}
