//! The forms of operators that need nothing but their types: how a [`Plan`] becomes what is run.

use super::super::Fast;
use super::attention::Attention;
use super::conv::{Conv, Extents};
use super::filters::{self, Filters};
use super::linear::{Columns, Product};
use super::lines::{Function, RowsOf};
use super::operand::{Given, Matrix, Memory, Operands};
use super::{Plan, Prepared, Root};
use crate::scalar::FromScalar;
use crate::{Binary, DType, Link, LinkOperand, Operator, Reduction, Source};

/// Matrices times matrices, all of them values.
pub(super) fn prepare_matmul(plan: &Plan<'_>) -> Option<Prepared> {
    let (of_a, of_b, shape) = (plan.shape(0)?, plan.shape(1)?, &plan.result.shape);
    let (&[.., k], &[ref leading @ .., m, n]) = (of_a.as_slice(), shape.as_slice()) else {
        return None;
    };
    let matrices = |index: usize, rows: u64, columns: u64| {
        let operand = plan.spec.operands.get(index).filter(|x| x.source != Source::Output)?;
        let shape = [leading, &[rows, columns]].concat();
        Some((operand.source, plan.view(operand)?.expanded(&shape)?))
    };
    // One matrix for all rows, or one for each of them.
    let one = of_b.len() == 2;
    let (a, x) = matrices(0, m, k)?;
    let a = Given { source: a, lines: x.lines(1) };
    let operand = plan.spec.operands.get(1).filter(|x| x.source != Source::Output)?;
    let (source, view) = match one {
        true => (operand.source, plan.view(operand)?),
        false => matrices(1, k, n)?,
    };
    let steps = view.lines(1);
    let rank = if one { 2 } else { shape.len() as u8 };
    let mut axes: Vec<u8> = (0..rank).collect();
    axes.swap(usize::from(rank) - 2, usize::from(rank) - 1);
    let transposed = view.through(&Operator::Permute { axes })?.lines(1);
    let b = if !steps.is_contiguous() && transposed.is_contiguous() {
        Columns::Transposed(transposed)
    } else {
        Columns::Steps(steps.clone())
    };
    let bias: Vec<_> = plan.spec.operands.iter().skip(2).map(|x| (Binary::Add, x)).collect();
    let chain = plan.chain(1, &bias)?;
    let all = leading.iter().product::<u64>();
    let (products, rows) = if one { (1, all * m) } else { (all, m) };
    let [products, rows, k, n] = [products, rows, k, n].map(|extent| extent as usize);
    let root = Product { a: a.lines.clone(), b, products, rows, k, n };
    let operands = vec![a, Given { source, lines: steps }];
    Some(Prepared { root: Root::Product(root), operands, mask: None, chain })
}

pub(super) fn prepare_attention(plan: &Plan<'_>) -> Option<Prepared> {
    let Operator::Attention { scale, softcap, keys, masked, biased } = plan.spec.operator else {
        return None;
    };
    let [q, k, v] = [0, 1, 2].map(|index| plan.shape(index));
    let (q, k, v) = (q?, k?, v?);
    let (&[ref leading @ .., s, d], &[.., t, e]) = (q.as_slice(), v.as_slice()) else {
        return None;
    };
    let scores = [leading, &[s, t]].concat();
    let mut operands = vec![plan.operand(0, 1)?, plan.operand(1, 1)?, plan.operand(2, 1)?];
    let mut rest = plan.spec.operands.iter().skip(3);
    let mask = match masked {
        true => {
            let mask = rest.next().filter(|mask| mask.source != Source::Output)?;
            let view = plan.view_of(mask, DType::Bool)?.expanded(&scores)?;
            Some(Given { source: mask.source, lines: view.lines(1) })
        }
        false => None,
    };
    if biased {
        let bias = rest.next().filter(|bias| bias.source != Source::Output)?;
        let lines = plan.view(bias)?.expanded(&scores)?.lines(1);
        operands.push(Given { source: bias.source, lines });
    }
    debug_assert_eq!(k.last(), Some(&d));
    let [matrices, s, t, d, e] =
        [leading.iter().product(), s, t, d, e].map(|extent| extent as usize);
    let attention = Attention {
        lines: operands.iter().map(|given| given.lines.clone()).collect(),
        mask: mask.as_ref().map(|mask| mask.lines.clone()),
        matrices,
        s,
        t,
        d,
        e,
        scale: f32::from_scalar(scale),
        softcap: softcap.map(f32::from_scalar),
        keys,
    };
    let (root, mask) = (Root::Attention(attention), mask.map(|mask| mask.source));
    Some(Prepared { root, operands, mask, chain: plan.chain(1, &[])? })
}

/// An operator on whole rows.
pub(super) fn prepare_rows(plan: &Plan<'_>, function: Function) -> Option<Prepared> {
    // Of a layer norm.
    let scale = plan.spec.operands.get(1).map(|gamma| (Binary::Mul, gamma));
    let shift = plan.spec.operands.get(2).map(|beta| (Binary::Add, beta));
    let first: Vec<_> = scale.into_iter().chain(shift).collect();
    let chain = plan.chain(1, &first)?;
    let operand = plan.spec.operands.first()?;
    let lines = plan.view(operand)?.lines(1);
    if operand.source == Source::Output && lines != chain.output {
        return None;
    }
    let x = Given { source: operand.source, lines };
    let columns = *plan.result.shape.last()? as usize;
    let rows = plan.result.shape.iter().product::<u64>() as usize / columns;
    let root = RowsOf { x: x.clone(), function, rows, columns, weight: 8 };
    Some(Prepared { root: Root::Rows(root), operands: vec![x], mask: None, chain })
}

/// Columns that make long runs: as many inner axes as all views can take as one.
fn widest<T>(rank: usize, of: impl Fn(usize) -> Option<T>) -> Option<T> {
    (0..=rank).rev().find_map(of)
}

pub(super) fn prepare_elementwise(plan: &Plan<'_>) -> Option<Prepared> {
    let shape = &plan.result.shape;
    widest(shape.len(), |inner| {
        let operand = plan.spec.operands.first()?;
        let mut chain = plan.chain(inner, &[])?;
        let lines = plan.view(operand)?.expanded(shape)?.lines(inner);
        if operand.source == Source::Output && lines != chain.output {
            return None;
        }
        let mut operands = vec![LinkOperand::Chain];
        operands.extend(plan.spec.operands.iter().skip(1).cloned().map(LinkOperand::Other));
        let link = Link { operator: plan.spec.operator.clone(), operands };
        let action = plan.action(&link, inner, &mut chain)?;
        chain.actions.insert(0, action);
        let x = Given { source: operand.source, lines };
        let columns = shape.iter().rev().take(inner).product::<u64>() as usize;
        if !chain.is_even() || x.lines.step().is_none() {
            return None;
        }
        let rows = shape.iter().product::<u64>() as usize / columns;
        let weight = 1 + chain.actions.len() as u64;
        let root = RowsOf { x: x.clone(), function: Function::Copy, rows, columns, weight };
        Some(Prepared { root: Root::Rows(root), operands: vec![x], mask: None, chain })
    })
}

/// Movement, which copies bits: nothing settles a NaN unless a link does.
pub(super) fn prepare_movement(plan: &Plan<'_>) -> Option<Prepared> {
    let shape = &plan.result.shape;
    let operand = plan.spec.operands.first().filter(|x| x.source != Source::Output)?;
    let view = plan.view(operand)?.through(&plan.spec.operator)?;
    widest(shape.len(), |inner| {
        let mut chain = plan.chain(inner, &[])?;
        if plan.spec.chain.is_empty() {
            chain.actions.clear();
        }
        let x = Given { source: operand.source, lines: view.lines(inner) };
        if !chain.is_even() || x.lines.step().is_none() {
            return None;
        }
        let columns = shape.iter().rev().take(inner).product::<u64>() as usize;
        let rows = shape.iter().product::<u64>() as usize / columns;
        let function = Function::Copy;
        let root = RowsOf { x: x.clone(), function, rows, columns, weight: 2 };
        Some(Prepared { root: Root::Rows(root), operands: vec![x], mask: None, chain })
    })
}

pub(super) fn prepare_reduction(
    plan: &Plan<'_>,
    function: Reduction,
    axes: &[u8],
) -> Option<Prepared> {
    let shape = &plan.result.shape;
    let operand = plan.spec.operands.first().filter(|x| x.source != Source::Output)?;
    // The reduced axes last.
    let all = 0..shape.len() as u8;
    let order = all.filter(|axis| !axes.contains(axis)).chain(axes.iter().copied()).collect();
    let view = plan.view(operand)?.through(&Operator::Permute { axes: order })?;
    let x = Given { source: operand.source, lines: view.lines(axes.len()) };
    let of_x = plan.shape(0)?;
    let length = axes.iter().map(|&axis| of_x[usize::from(axis)]).product::<u64>() as usize;
    widest(shape.len(), |inner| {
        let chain = plan.chain(inner, &[])?;
        if !chain.is_even() {
            return None;
        }
        let columns = shape.iter().rev().take(inner).product::<u64>() as usize;
        let rows = shape.iter().product::<u64>() as usize / columns;
        let function = Function::Reduce { function, length };
        let root = RowsOf { x: x.clone(), function, rows, columns, weight: length as u64 };
        Some(Prepared { root: Root::Rows(root), operands: vec![x.clone()], mask: None, chain })
    })
}

pub(super) fn prepare_conv(fast: &Fast, plan: &Plan<'_>) -> Option<Prepared> {
    let Operator::Conv2d { stride, padding, dilation, groups } = plan.spec.operator else {
        return None;
    };
    let (x, w) = (plan.shape(0)?, plan.shape(1)?);
    let (&[batch, _, h, width], &[out, channels, kh, kw]) = (x.as_slice(), w.as_slice()) else {
        return None;
    };
    let &[.., rows, columns] = plan.result.shape.as_slice() else { return None };
    let pair = |pair: [u64; 2]| pair.map(|value| value as usize);
    let extents = Extents {
        batch: batch as usize,
        groups: groups as usize,
        channels: channels as usize,
        out: (out / groups) as usize,
        input: pair([h, width]),
        kernel: pair([kh, kw]),
        output: pair([rows, columns]),
        stride: pair(stride),
        padding: pair(padding),
        dilation: pair(dilation),
    };
    let weights = plan.operand(1, 3).filter(|w| w.lines.is_contiguous())?;
    // As an operand that broadcasts to the result.
    let bias = plan.spec.operands.get(2).cloned().map(|mut bias| {
        bias.view.push(Operator::Reshape { shape: vec![out, 1, 1] });
        bias
    });
    let bias: Vec<_> = bias.iter().map(|bias| (Binary::Add, bias)).collect();
    let chain = plan.chain(2, &bias)?;
    let image = plan.operand(0, 1)?;
    // A whole image in one piece can be read where it lies.
    let plain = plan.operand(0, 3)?.lines.is_contiguous();
    let constant = plan.constant(1).filter(|_| extents.out >= filters::LEAST);
    let filters = constant.map(|constant| {
        let shape = [extents.out, extents.channels * extents.kernel.iter().product::<usize>()];
        // SAFETY: the weights are borrowed.
        let constant = unsafe { Operands::new(vec![Memory::of(constant)], 1) };
        // SAFETY: constants are not written.
        let matrix = unsafe { Matrix::new(&constant, 0, 0, &weights.lines) };
        Filters::new(fast, extents.groups, shape, &matrix)
    });
    let operands = match filters {
        Some(_) => vec![image.clone()],
        None => vec![image.clone(), weights.clone()],
    };
    let conv = Conv::new(extents, image.lines, weights.lines, filters, plain);
    Some(Prepared { root: Root::Conv(Box::new(conv)), operands, mask: None, chain })
}
