//! The name of a recorded operation, for messages.

use burn_ir::OperationIr;

/// The innermost variant's name, as in `CumSum` or `Conv2d`; for a custom operation its id.
pub(super) fn of(operation: &OperationIr) -> String {
    if let OperationIr::Custom(custom) = operation {
        return custom.id.clone();
    }
    // The derived text starts with the variants: `NumericFloat(F32, CumSum(DimOpIr { ..`.
    let text = format!("{operation:?}");
    let mut names = text.split(['(', '{', ' ', ',']).filter(|name| !name.is_empty());
    let family = names.next().unwrap_or_default();
    let typed = matches!(family, "NumericFloat" | "NumericInt" | "Float");
    let name = if typed { names.nth(1) } else { names.next() };
    name.unwrap_or(family).to_owned()
}
