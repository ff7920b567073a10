//! The layer table: where a program is cut into layers, as a pure function of the program.
//!
//! A boundary is a **candidate** if it belongs to a run of boundaries with equally many live values that has more live
//! values on either side. A layer without arithmetic, or one that reads no parameters and has less than the one before it, is
//! merged into it. A block (what is named by a number, as `layers.3`) is not cut where enough cuts lie between blocks, nor, if
//! any does, where the state is large. What is small beside its neighbour (an embedding, a norm) joins it if the state between
//! them is large, over the largest first. Cuts are then thinned until the bytes of all inner states are within the hash budget,
//! or four layers are left: each time, the cut whose state is largest for the arithmetic of the two layers it parts is dropped
//! (the earliest of equals), so that layers come out about equal. Invariants: layers are contiguous, cover the program, and
//! there is at least one.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::{Digest, layer_table_digest};

use crate::program::Slot;
use crate::typed::{Origin, TypedProgram};
use crate::validate::MAX_NAME_BYTES;

/// FLOP of arithmetic per byte of state hashed: keeps committing near 1% of a run.
pub const FLOP_PER_HASHED_BYTE: u64 = 2300;
/// The least hash budget: below it hashing is a fixed cost and every cut is kept.
pub const LEAST_HASH_BUDGET_BYTES: u64 = 64 * 1024;
/// Thinning stops here even over budget.
pub const LEAST_LAYERS: usize = 4;
/// What has so many times less arithmetic than the layer beside it is not worth a large state between them.
const SMALL_BESIDE: u64 = 4;
/// Bytes hashed for one entry of a state's list: a slot number and a digest.
const ENTRY_BYTES: u64 = 36;
/// The most operators that a layer's name lists.
const NAMED_OPERATORS: usize = 4;

/// A contiguous run of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InstructionRange {
    /// The first instruction.
    pub first: u32,
    /// One past the last.
    pub end: u32,
}

impl InstructionRange {
    /// The positions in it.
    pub fn positions(self) -> std::ops::Range<u32> {
        self.first..self.end
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Layer {
    /// After the module whose parameters it reads, else its operators; unique in the program.
    pub name: String,
    /// The instructions it runs.
    pub instructions: InstructionRange,
    /// Its arithmetic, in FLOP.
    pub cost: u64,
    /// Bytes of the values live after it; after the last layer, of the values returned.
    pub state_bytes: u64,
}

/// The layers of a program, first to last.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LayerTable(pub Vec<Layer>);

impl LayerTable {
    /// The digest under which a manifest names it.
    pub fn digest(&self) -> Digest {
        layer_table_digest(&borsh::to_vec(self).unwrap_or_default())
    }

    /// The table of a program.
    pub(crate) fn of(program: &TypedProgram) -> Self {
        let boundaries = Boundaries::of(program);
        let costs = CostSums::of(program.costs());
        let cuts = merge_trivial(program, candidates(&boundaries), &costs);
        let cuts = join_small(keep_blocks(program, cuts, &boundaries), &boundaries, &costs);
        let cuts = thin(cuts, &boundaries, &costs);
        let ends = cuts.iter().copied().chain([costs.end()]);
        let firsts = [0].into_iter().chain(cuts.iter().copied());
        let mut names = Names::default();
        let layers = firsts.zip(ends).map(|(first, end)| {
            let instructions = InstructionRange { first, end };
            Layer {
                name: names.unique(layer_name(program, instructions)),
                instructions,
                cost: costs.between(first, end),
                state_bytes: boundaries.bytes_at(end),
            }
        });
        Self(layers.collect())
    }
}

/// What is live at every boundary, from before the first instruction to after the last.
pub(crate) struct Boundaries {
    pub(crate) counts: Vec<u64>,
    pub(crate) bytes: Vec<u64>,
}

impl Boundaries {
    pub(crate) fn of(program: &TypedProgram) -> Self {
        let end = program.costs().len();
        // Births and deaths first, running sums after. Deaths never precede births.
        let (mut born, mut dead) = (vec![(0u64, 0u64); end + 2], vec![(0u64, 0u64); end + 2]);
        for position in 0..end as u32 {
            let slot = program.slot_of(position);
            let bytes = program.bytes_of(slot);
            let until = program.needed_until(slot) as usize;
            for (list, at) in [(&mut born, position as usize + 1), (&mut dead, until)] {
                if let Some((count, total)) = list.get_mut(at) {
                    *count += 1;
                    *total += bytes;
                }
            }
        }
        let mut live = (0, 0);
        let (counts, bytes) = born
            .iter()
            .zip(&dead)
            .take(end + 1)
            .map(|(born, dead)| {
                live = (live.0 + born.0 - dead.0, live.1 + born.1 - dead.1);
                live
            })
            .unzip();
        Self { counts, bytes }
    }

    fn count_at(&self, boundary: u32) -> u64 {
        self.counts.get(boundary as usize).copied().unwrap_or(0)
    }

    fn bytes_at(&self, boundary: u32) -> u64 {
        self.bytes.get(boundary as usize).copied().unwrap_or(0)
    }

    /// What a state here costs to hash.
    fn price(&self, boundary: u32) -> u64 {
        self.bytes_at(boundary) + ENTRY_BYTES * self.count_at(boundary)
    }
}

/// Running sums of the costs, for the cost of any range.
struct CostSums(Vec<u64>);

impl CostSums {
    fn of(costs: &[u64]) -> Self {
        let mut sum = 0;
        let sums = costs.iter().map(|cost| {
            sum += cost;
            sum
        });
        Self([0].into_iter().chain(sums).collect())
    }

    fn end(&self) -> u32 {
        self.0.len() as u32 - 1
    }

    fn between(&self, first: u32, end: u32) -> u64 {
        let at = |boundary: u32| self.0.get(boundary as usize).copied().unwrap_or(0);
        at(end) - at(first)
    }
}

/// Inner boundaries where the live set is locally smallest. Equal neighbours stand or fall together, so that the
/// inside of a residual block, where two values are live throughout, is not cut.
fn candidates(boundaries: &Boundaries) -> Vec<u32> {
    let inner = boundaries.counts.len().saturating_sub(1).max(1);
    let counts = boundaries.counts.get(1..inner).unwrap_or(&[]);
    let mut candidates = Vec::new();
    let (mut first, mut descended) = (1u32, true);
    for run in counts.chunk_by(|left, right| left == right) {
        let end = first + run.len() as u32;
        let ascends = counts.get(end as usize - 1).is_none_or(|next| run.first() < Some(next));
        if descended && ascends {
            candidates.extend(first..end);
        }
        (first, descended) = (end, !ascends);
    }
    candidates
}

/// Drops cuts until every layer is worth one, or one layer is left.
fn merge_trivial(program: &TypedProgram, candidates: Vec<u32>, costs: &CostSums) -> Vec<u32> {
    let mut cuts: Vec<u32> = Vec::with_capacity(candidates.len());
    for end in candidates.into_iter().chain([costs.end()]) {
        let mut ends = cuts.iter().rev().copied();
        let (first, before) = (ends.next().unwrap_or(0), ends.next().unwrap_or(0));
        let cost = costs.between(first, end);
        let trivial = cost == 0
            || (cost < costs.between(before, first)
                && !reads_weights(program, InstructionRange { first, end }));
        if trivial {
            // It joins the layer before it; without arithmetic at the very beginning, the one after it.
            cuts.pop();
        }
        if !trivial || first > 0 {
            cuts.push(end);
        }
    }
    // The last end is that of the program, which is no cut.
    cuts.pop();
    cuts
}

fn reads_weights(program: &TypedProgram, range: InstructionRange) -> bool {
    let mut operands = program.instructions(range).iter().flat_map(|found| &found.operands);
    operands.any(|&slot| matches!(program.origin(slot), Some(Origin::Weight(_))))
}

/// A cut in the queue of those to drop: the worst is the greatest.
#[derive(PartialEq, Eq)]
struct Burden {
    price: u64,
    cost: u64,
    position: usize,
}

impl Ord for Burden {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (
            u128::from(self.price) * u128::from(other.cost),
            u128::from(other.price) * u128::from(self.cost),
        );
        left.cmp(&right).then(other.position.cmp(&self.position))
    }
}

impl PartialOrd for Burden {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Drops cuts until the states are within the hash budget, or [`LEAST_LAYERS`] are left.
fn thin(cuts: Vec<u32>, boundaries: &Boundaries, costs: &CostSums) -> Vec<u32> {
    let total_cost = costs.between(0, costs.end());
    let budget = (total_cost / FLOP_PER_HASHED_BYTE).max(LEAST_HASH_BUDGET_BYTES);
    let mut hashed: u64 = cuts.iter().map(|&cut| boundaries.price(cut)).sum();
    let mut left = cuts.len();
    let mut kept: BTreeSet<u32> = cuts.iter().copied().collect();
    let burden = |kept: &BTreeSet<u32>, position: usize, cut: u32| {
        let before = kept.range(..cut).next_back().copied().unwrap_or(0);
        let after = kept.range(cut + 1..).next().copied().unwrap_or(costs.end());
        Burden { price: boundaries.price(cut), cost: costs.between(before, after), position }
    };
    let mut queue: BinaryHeap<Burden> =
        cuts.iter().enumerate().map(|(position, &cut)| burden(&kept, position, cut)).collect();
    while hashed > budget && left >= LEAST_LAYERS {
        let Some((worst, &cut)) =
            queue.pop().and_then(|b| cuts.get(b.position).map(|cut| (b, cut)))
        else {
            break;
        };
        // Dropping a neighbour makes a cut part more arithmetic, so a stale entry is never too low.
        let now = burden(&kept, worst.position, cut);
        if now != worst {
            queue.push(now);
            continue;
        }
        kept.remove(&cut);
        hashed -= now.price;
        left -= 1;
    }
    kept.into_iter().collect()
}

/// Drops the cuts inside of blocks; where the others do not make [`LEAST_LAYERS`], only those with large states, and none
/// where there are no others.
fn keep_blocks(program: &TypedProgram, cuts: Vec<u32>, boundaries: &Boundaries) -> Vec<u32> {
    // The block that each instruction reads from; what reads from none (a table of rotations) says nothing of where it is.
    let of = |at: u32| module(program, InstructionRange { first: at, end: at + 1 }).and_then(block);
    let blocks: Vec<Option<&str>> = (0..program.costs().len() as u32).map(of).collect();
    // The next block read from each instruction on.
    let mut after = blocks.clone();
    let mut next = None;
    for block in after.iter_mut().rev() {
        next = block.or(next);
        *block = next;
    }
    let (mut read, mut before, mut passed) = (blocks.iter(), None, 0);
    let mut between = |&cut: &u32| {
        before = read.by_ref().take((cut - passed) as usize).flatten().last().or(before);
        passed = cut;
        before.is_none() || before != after.get(cut as usize).and_then(Option::as_ref)
    };
    let kept: BTreeSet<u32> = cuts.iter().filter(|cut| between(cut)).copied().collect();
    let is_large = |cut: u32| boundaries.price(cut) > LEAST_HASH_BUDGET_BYTES;
    let few = kept.len() + 1 < LEAST_LAYERS;
    let stays = |cut: &u32| kept.contains(cut) || few && (kept.is_empty() || !is_large(*cut));
    cuts.iter().copied().filter(stays).collect()
}

/// Drops the cuts with large states between a layer and what is small beside it, all of it together. The largest state comes
/// first, so that what is small joins the side from which more would be hashed to part it; the layers that grow by it are
/// compared with their neighbours again.
fn join_small(cuts: Vec<u32>, boundaries: &Boundaries, costs: &CostSums) -> Vec<u32> {
    // Per layer, by where it begins: its arithmetic, and that of the heaviest of those that it was.
    let ends = cuts.iter().copied().chain([costs.end()]);
    let firsts = [0].into_iter().chain(cuts.iter().copied());
    let each = firsts.zip(ends).map(|(first, end)| (first, costs.between(first, end)));
    let mut layers: BTreeMap<u32, (u64, u64)> =
        each.map(|(first, cost)| (first, (cost, cost))).collect();
    let large = |cut: u32| {
        let price = boundaries.price(cut);
        (price > LEAST_HASH_BUDGET_BYTES).then_some((price, Reverse(cut)))
    };
    let mut queue: BinaryHeap<(u64, Reverse<u32>)> =
        cuts.iter().copied().filter_map(large).collect();
    while let Some((_, Reverse(cut))) = queue.pop() {
        let before = layers.range(..cut).next_back().map(|(&first, &costs)| (first, costs));
        let Some(((first, left), &right)) = before.zip(layers.get(&cut)) else { continue };
        let (sum, heaviest) = (left.0 + right.0, left.1.max(right.1));
        if (sum - heaviest).saturating_mul(SMALL_BESIDE) < heaviest {
            layers.remove(&cut);
            layers.insert(first, (sum, heaviest));
            let next = layers.range(cut..).next().map(|(&next, _)| next);
            queue.extend([Some(first), next].into_iter().flatten().filter_map(large));
        }
    }
    layers.into_keys().skip(1).collect()
}

/// The block that a module is part of: the path up to its last number.
fn block(module: &str) -> Option<&str> {
    let ends = module.char_indices().filter(|(_, c)| *c == '.').map(|(at, _)| at);
    let ends = ends.chain([module.len()]);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let mut up_to = ends.rev().filter_map(|end| module.get(..end));
    up_to.find(|path| path.rsplit('.').next().is_some_and(is_number))
}

/// The longest common dotted prefix of the modules whose parameters are read; `None` if none are.
fn module(program: &TypedProgram, range: InstructionRange) -> Option<&str> {
    let mut modules = program
        .instructions(range)
        .iter()
        .flat_map(|instruction| &instruction.operands)
        .filter_map(|&slot| weight_name(program, slot))
        .map(|path| path.rsplit_once('.').map_or("", |(module, _)| module));
    modules.next().map(|first| modules.fold(first, common_module))
}

/// The block or module, of several that the layer reads from, with the most arithmetic; the first of equals.
fn heaviest(program: &TypedProgram, range: InstructionRange) -> Option<&str> {
    let mut found: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for at in range.positions() {
        let Some(read) = module(program, InstructionRange { first: at, end: at + 1 }) else {
            continue;
        };
        let cost = program.costs().get(at as usize).copied().unwrap_or(0);
        let (sum, _) = found.entry(block(read).unwrap_or(read)).or_insert((0, at));
        *sum += cost;
    }
    let heaviest = found.into_iter().max_by_key(|(_, (sum, at))| (*sum, u32::MAX - at));
    heaviest.map(|(name, _)| name).filter(|name| !name.is_empty())
}

/// The module whose parameters the layer reads; of several blocks, or a block and more, the heaviest; else its operators.
fn layer_name(program: &TypedProgram, range: InstructionRange) -> String {
    let instructions = program.instructions(range);
    let prefix = module(program, range).filter(|prefix| !prefix.is_empty());
    let heaviest = heaviest(program, range);
    let whole = prefix.filter(|&prefix| {
        block(prefix).is_some() || heaviest.is_none_or(|heaviest| block(heaviest).is_none())
    });
    if let Some(name) = whole.or(heaviest) {
        return name.to_owned();
    }
    let mut operators: Vec<&'static str> =
        instructions.iter().map(|instruction| instruction.operator.name()).collect();
    operators.dedup();
    if operators.len() > NAMED_OPERATORS {
        operators.truncate(NAMED_OPERATORS);
        operators.push("more");
    }
    operators.join("+")
}

fn weight_name(program: &TypedProgram, slot: Slot) -> Option<&str> {
    match program.origin(slot)? {
        Origin::Weight(position) => {
            program.weight_names().get(position as usize).map(String::as_str)
        }
        Origin::Input(_) | Origin::Instruction(_) => None,
    }
}

/// The common leading dotted parts of two module paths.
fn common_module<'a>(left: &'a str, right: &str) -> &'a str {
    let same = left.split('.').zip(right.split('.')).take_while(|(l, r)| l == r);
    let parts = same.map(|(part, _)| part.len() + 1).sum::<usize>();
    left.get(..parts.saturating_sub(1)).unwrap_or("")
}

/// Names given so far, to tell apart layers of one name: `relu`, `relu#2`, …
#[derive(Default)]
struct Names {
    used: BTreeSet<String>,
    counts: BTreeMap<String, u32>,
}

impl Names {
    fn unique(&mut self, base: String) -> String {
        let base: String = base.chars().take(MAX_NAME_BYTES).collect();
        loop {
            let count = self.counts.entry(base.clone()).or_insert(0);
            *count += 1;
            let name = if *count == 1 { base.clone() } else { format!("{base}#{count}") };
            if self.used.insert(name.clone()) {
                return name;
            }
        }
    }
}
