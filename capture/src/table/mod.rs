//! What becomes of every operator of Burn's intermediate representation: its canonical rule, or why it is refused.
//!
//! Each enum is matched without a wildcard, so that an operator that a new Burn adds does not compile before it has an
//! entry. Lowering asks this table first: what is refused here is refused there, in these words.

mod base;
mod module;
mod numeric;
mod typed;

use std::fmt;

use burn_ir::OperationIr;

pub use base::{BASE, BOOL};
pub use module::{ACTIVATION, MODULE};
pub use numeric::NUMERIC;
pub use typed::{DISTRIBUTED, FLOAT, INT, WHOLE};

/// One operator of Burn's intermediate representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The enum that it is a variant of, without its suffix: `Numeric` for `NumericOperationIr`.
    pub family: &'static str,
    /// The variant's name.
    pub operator: &'static str,
    /// What becomes of it.
    pub rule: Rule,
}

/// What becomes of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Captured: the canonical operators and their order, in Markdown.
    Lowered(&'static str),
    /// Refused.
    Refused(Reason),
}

/// Why an operator is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Only training needs it.
    Training,
    /// It draws random numbers.
    Random,
    /// It reads or makes quantised types.
    Quantised,
    /// A backend extension.
    Custom,
    /// It needs other devices.
    Distributed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Training => "gradients and losses are for training, canonical programs infer",
            Self::Random => {
                "random operators have no canonical result; call `valid()` on the module, or pass \
                 random values as an input"
            }
            Self::Quantised => "quantised types have no canonical arithmetic",
            Self::Custom => "custom operators have no canonical definition",
            Self::Distributed => "its result depends on other devices",
        })
    }
}

/// Matches an enum of Burn's without a wildcard, and lists the entries that the match returns.
macro_rules! entries {
    ($family:literal, $table:ident, $function:ident($enumeration:ident) {
        $($variant:ident => $rule:expr,)*
    }) => {
        #[doc = concat!("The entries of `", stringify!($enumeration), "`.")]
        pub const $table: &[$crate::table::Entry] = &[$(
            $crate::table::Entry {
                family: $family,
                operator: stringify!($variant),
                rule: $rule,
            },
        )*];

        pub(super) fn $function(operation: &$enumeration) -> $crate::table::Entry {
            match operation {
                $($enumeration::$variant { .. } => $crate::table::Entry {
                    family: $family,
                    operator: stringify!($variant),
                    rule: $rule,
                },)*
            }
        }
    };
}
pub(crate) use entries;

/// The entry of an operation.
pub(crate) fn entry(operation: &OperationIr) -> Entry {
    match operation {
        OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => {
            base::base(op)
        }
        OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => numeric::numeric(op),
        OperationIr::Bool(op) => base::boolean(op),
        OperationIr::Int(op) => typed::int(op),
        OperationIr::Float(_, op) => typed::float(op),
        OperationIr::Module(op) => module::module(op),
        OperationIr::Activation(op) => module::activation(op),
        OperationIr::Distributed(op) => typed::distributed(op),
        OperationIr::Init(_) => typed::INIT,
        OperationIr::Drop(_) => typed::DROP,
        OperationIr::Custom(_) => typed::CUSTOM,
    }
}

/// Every entry, family by family.
pub fn operators() -> impl Iterator<Item = &'static Entry> {
    [BASE, NUMERIC, FLOAT, INT, BOOL, ACTIVATION, MODULE, DISTRIBUTED, WHOLE].into_iter().flatten()
}
