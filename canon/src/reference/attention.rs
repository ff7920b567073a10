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
        let score = contraction::chain(q.iter().copied().zip(k.iter().copied()), None);
        let score = score.mul(self.scale);
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
    let exponential = |&(_, score, _): &(usize, F, &[F])| score.sub(max).elementary(Unary::Exp);
    let weights: Vec<F> = attended.iter().map(exponential).collect();
    let mut lanes = [F::ZERO; LANES];
    for (&(position, ..), weight) in attended.iter().zip(&weights) {
        lanes[position % LANES] = lanes[position % LANES].add(*weight);
    }
    let total = tree(lanes, Number::add);
    let column = |c: usize| {
        let terms = attended.iter().zip(&weights);
        contraction::chain(terms.map(|(&(_, _, v), weight)| (weight.div(total), v[c])), None)
    };
    (0..e).map(column).collect()
}

/// Operands that broadcast to the scores: where those of a key lie.
struct Broadcast<'a, T> {
    values: &'a [T],
    strides: Vec<usize>,
}

impl<'a, T: Copy> Broadcast<'a, T> {
    fn new(x: &Tensor, values: &'a [T], scores: &[usize]) -> Broadcast<'a, T> {
        Broadcast { values, strides: broadcast_strides(&extents(x.shape()), scores) }
    }

    /// The value for a query, by its leading indices and its own, and a key.
    fn at(&self, query: &[usize], key: usize) -> T {
        let last = self.strides.last().copied().unwrap_or(0);
        self.values[offset(query, &self.strides) + key * last]
    }
}

/// Queries, keys and values, and which take part.
struct Attention<'a, F> {
    q: &'a [F],
    k: &'a [F],
    v: &'a [F],
    mask: Option<Broadcast<'a, u8>>,
    bias: Option<Broadcast<'a, F>>,
    keys: Keys,
    scores: Scores<F>,
    /// Extents of `q` but for the last, and of the others.
    queries: Vec<usize>,
    t: usize,
    d: usize,
    e: usize,
}

impl<F: Float> Attention<'_, F> {
    fn run(&self) -> Vec<F> {
        let Attention { t, d, e, .. } = *self;
        let (leading, s) = (self.queries.len() - 1, self.queries[self.queries.len() - 1]);
        let mut result = Vec::with_capacity(self.queries.iter().product::<usize>() * e);
        let mut row = 0;
        each_index(&self.queries, |index| {
            let (query, matrix) = (index[leading], row / s);
            let takes_part = |&key: &usize| {
                let seen = self.keys == Keys::All || key + s <= query + t;
                seen && self.mask.as_ref().is_none_or(|mask| mask.at(index, key) == 0)
            };
            let q = &self.q[row * d..][..d];
            let attended: Attended<'_, F> = (0..t)
                .filter(takes_part)
                .map(|key| {
                    let bias = self.bias.as_ref().map(|bias| bias.at(index, key));
                    let k = &self.k[(matrix * t + key) * d..][..d];
                    (key, self.scores.score(q, k, bias), &self.v[(matrix * t + key) * e..][..e])
                })
                .collect();
            result.extend(attend(&attended, e).into_iter().map(F::settle));
            row += 1;
        });
        result
    }
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
        let queries = extents(&q.shape()[..q.shape().len() - 1]);
        let (k_shape, v_shape) = (extents(k.shape()), extents(v.shape()));
        let [t, d] = [k_shape[queries.len() - 1], k_shape[queries.len()]];
        let scores = [queries.as_slice(), &[t]].concat();
        macro_rules! typed {
            ($variant:ident, $view:ident, $q:ident) => {{
                let (Some(k), Some(v)) = (k.$view(), v.$view()) else {
                    return Err(self.unsupported(q));
                };
                let mask = mask.and_then(|x| Some(Broadcast::new(x, x.as_bool()?, &scores)));
                let bias = bias.and_then(|x| Some(Broadcast::new(x, x.$view()?, &scores)));
                let scores = Scores {
                    scale: FromScalar::from_scalar(scale),
                    softcap: softcap.map(FromScalar::from_scalar),
                };
                let e = v_shape[queries.len()];
                let q = $q;
                let attention = Attention { q, k, v, mask, bias, keys, scores, queries, t, d, e };
                Ok(Data::$variant(attention.run()))
            }};
        }
        match q.data() {
            Data::F32(values) => typed!(F32, as_f32, values),
            Data::F64(values) => typed!(F64, as_f64, values),
            _ => Err(self.unsupported(q)),
        }
    }
}
