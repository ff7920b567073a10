//! Scaled dot-product attention, a query at a time.

use super::number::{Float, Number};
use super::reduction::{LANES, largest, tree};
use super::{Call, contraction, each_index, offset};
use crate::scalar::FromScalar;
use crate::shape::{broadcast_strides, extents};
use crate::tensor::Data;
use crate::{Keys, OperatorError, Scalar, Tensor, Unary};

type Computed = Result<Data, OperatorError>;

/// What is done to a score before the softmax.
struct Scores<F> {
    scale: F,
    softcap: Option<F>,
}

/// The keys that take part for one query: position, score, values.
type Attended<'a, F> = Vec<(usize, F, &'a [F])>;

impl<F: Float> Scores<F> {
    fn score(&self, q: &[F], k: &[F], bias: Option<F>) -> F {
        let chain = contraction::chain(q.iter().copied().zip(k.iter().copied()), None);
        let score = chain.mul(self.scale);
        let capped = |cap: F| score.div(cap).elementary(Unary::Tanh).mul(cap);
        let score = self.softcap.map_or(score, capped);
        bias.map_or(score, |bias| score.add(bias))
    }
}

/// The row of `e` results for one query.
fn attend<F: Float>(attended: &Attended<'_, F>, e: usize) -> Vec<F> {
    let max = largest(attended.iter().map(|&(_, score, _)| score)).unwrap_or(F::NEGATIVE_INFINITY);
    if max.equal(F::NEGATIVE_INFINITY) {
        return vec![F::ZERO; e];
    }
    let weights: Vec<F> =
        attended.iter().map(|&(_, score, _)| score.sub(max).elementary(Unary::Exp)).collect();
    let mut lanes = [F::ZERO; LANES];
    for (&(position, ..), &weight) in attended.iter().zip(&weights) {
        lanes[position % LANES] = lanes[position % LANES].add(weight);
    }
    let total = tree(lanes, Number::add);
    let column = |c: usize| {
        let terms = attended.iter().zip(&weights);
        contraction::chain(terms.map(|(&(_, _, v), weight)| (weight.div(total), v[c])), None)
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
        let mask = if masked { Some(self.operand(3)?) } else { None };
        let bias = if biased { Some(self.operand(3 + usize::from(masked))?) } else { None };
        let rows = Rows { tensors: [q, k, v], mask, bias, keys };
        macro_rules! typed {
            ($variant:ident, $element:ident, $view:ident) => {{
                let (Some(q), Some(k), Some(v)) = (q.$view(), k.$view(), v.$view()) else {
                    return Err(self.unsupported(q));
                };
                let scores = Scores {
                    scale: $element::from_scalar(scale),
                    softcap: softcap.map($element::from_scalar),
                };
                let bias = bias.and_then(|bias| bias.$view());
                Ok(Data::$variant(rows.attend([q, k, v], bias, &scores)))
            }};
        }
        match q.data() {
            Data::F32(_) => typed!(F32, f32, as_f32),
            Data::F64(_) => typed!(F64, f64, as_f64),
            _ => Err(self.unsupported(q)),
        }
    }
}

/// The operands of attention and which keys take part.
struct Rows<'a> {
    /// Queries, keys, values.
    tensors: [&'a Tensor; 3],
    mask: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    keys: Keys,
}

impl Rows<'_> {
    fn attend<F: Float>(
        &self,
        [q_values, k_values, v_values]: [&[F]; 3],
        bias: Option<&[F]>,
        scores: &Scores<F>,
    ) -> Vec<F> {
        let [q, k_shape, v_shape] = self.tensors.map(|x| extents(x.shape()));
        let queries = &q[..q.len() - 1];
        let (leading, s) = (queries.len() - 1, queries[queries.len() - 1]);
        let (t, d, e) = (k_shape[leading], k_shape[leading + 1], v_shape[leading + 1]);
        let all = [queries, &[t]].concat();
        let [of_mask, of_bias] =
            [self.mask, self.bias].map(|x| x.map(|x| broadcast_strides(&extents(x.shape()), &all)));
        let at = |values: &Option<Vec<usize>>, index: &[usize], key: usize| {
            let strides = values.as_ref()?;
            Some(offset(index, strides) + key * strides[leading + 1])
        };
        let mut result = Vec::with_capacity(queries.iter().product::<usize>() * e);
        let mut row = 0;
        each_index(queries, |index| {
            let (query, matrix) = (index[leading], row / s);
            let takes_part = |key: &usize| {
                let seen = self.keys == Keys::All || key + s <= query + t;
                let hidden = at(&of_mask, index, *key)
                    .zip(self.mask.and_then(|mask| mask.as_bool()))
                    .is_some_and(|(at, mask)| mask[at] != 0);
                seen && !hidden
            };
            let q = &q_values[row * d..][..d];
            let attended: Attended<'_, F> = (0..t)
                .filter(takes_part)
                .map(|key| {
                    let bias = at(&of_bias, index, key).zip(bias).map(|(at, bias)| bias[at]);
                    let k = &k_values[(matrix * t + key) * d..][..d];
                    (key, scores.score(q, k, bias), &v_values[(matrix * t + key) * e..][..e])
                })
                .collect();
            result.extend(attend(&attended, e).into_iter().map(Number::settle));
            row += 1;
        });
        result
    }
}
