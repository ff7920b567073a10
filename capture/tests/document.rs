//! The page about operators is what the code says.

#![allow(clippy::unwrap_used)]

use gainsay_capture::{Rule, document, operators};

#[test]
fn the_committed_page_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operators.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == document(),
        "docs/operators.md is out of date: \
         cargo run --release -p gainsay-capture --example operators > docs/operators.md"
    );
}

#[test]
fn the_page_has_every_operator_of_burn_and_of_canon() {
    let page = document();
    for entry in operators() {
        assert!(page.contains(&format!("| `{}` |", entry.operator)), "{entry:?}");
        if let Rule::Refused(reason) = entry.rule {
            assert!(page.contains(&reason.to_string()));
        }
    }
    for name in ["scatter_nd", "deform_conv2d", "attention", "layer_norm", "log_sigmoid", "pow"] {
        assert!(page.contains(&format!("- **`{name}`**")), "{name}");
    }
}
