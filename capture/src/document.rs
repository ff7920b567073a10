//! `docs/operators.md`: what becomes of Burn's operators, and what every canonical operator computes.
//!
//! The first half is this crate's table, the second the comments beside canon's operators, so neither can be out of date.

use std::fmt::Write as _;

use crate::table::{Entry, Rule, operators};

/// Canon's operators with their comments.
const CANON: &str = concat!(
    include_str!("../../canon/src/operator.rs"),
    include_str!("../../canon/src/attributes.rs")
);

const HEAD: &str = "\
# Operators

Made by `cargo run --release -p gainsay-capture --example operators > docs/operators.md` from the table in
`capture/src/table/` and the comments in `canon/src/operator.rs` and `attributes.rs`; a test fails when this page differs
from them.

A program is captured by running a Burn module once on Burn's capture device. What it records, in the operators of Burn's
intermediate representation (0.22.1), is written down in canonical operators as the first part says. The second part says
what each canonical operator computes, composites with their formula and order; `canon::reference` is the same as code.

Constants in a program are rounded once to the element type. An operation on f16 or bf16, composites too, widens to f32,
follows the rules of f32 and rounds once at its end; f64 follows them in f64. Where a tensor has no elements, maximum, minimum
and the places of extremes are refused at capture; everything else is defined.

Where Burn's backends differ from each other or panic, the canonical rule holds: NaN results are the one quiet NaN, sorts are
stable with NaN last, integers wrap, an index out of range reads zero or writes nothing, and sums follow one fixed order.
";

/// The page.
pub fn document() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## What becomes of Burn's operators\n");
    let mut family = "";
    for entry in operators() {
        if entry.family != family {
            family = entry.family;
            let _ = write!(page, "\n### {family}\n\n| Burn | canonical |\n|---|---|\n");
        }
        row(&mut page, entry);
    }
    page.push_str("\n## Canonical operators\n");
    for (kind, title) in [
        ("Operator", "Operators"),
        ("Unary", "Functions of one operand"),
        ("Binary", "Functions of two operands"),
        ("Relation", "Relations"),
        ("Reduction", "Reductions"),
        ("Class", "Questions"),
        ("Update", "Updates"),
        ("Extension", "Extensions"),
        ("Interpolation", "Interpolation"),
        ("Corners", "Corners"),
        ("Outside", "Outside an image"),
        ("Keys", "Keys"),
        ("Extreme", "Extremes"),
        ("Order", "Order"),
        ("PaddingCounts", "Counted padding"),
        ("Rounding", "Rounding of window counts"),
    ] {
        let (about, variants) = documented(kind);
        let _ = write!(page, "\n### {title}\n\n{about}\n\n");
        for Variant { name, attributes, text } in variants {
            let attributes =
                if attributes.is_empty() { String::new() } else { format!(" ({attributes})") };
            let _ = writeln!(page, "- **`{}`**{attributes}: {text}", snake(&name));
        }
    }
    page
}

fn row(page: &mut String, entry: &Entry) {
    let rule = match entry.rule {
        Rule::Lowered(rule) => rule.replace('|', "\\|"),
        Rule::Refused(reason) => format!("*refused*: {reason}"),
    };
    let _ = writeln!(page, "| `{}` | {rule} |", entry.operator);
}

/// A variant of one of canon's enums.
struct Variant {
    name: String,
    attributes: String,
    text: String,
}

/// The comment of an enum, and its variants.
fn documented(kind: &str) -> (String, Vec<Variant>) {
    let opening = format!("pub enum {kind} {{");
    let (mut about, mut pending) = (String::new(), Vec::new());
    let mut variants: Vec<Variant> = Vec::new();
    let mut inside = false;
    for line in CANON.lines() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some(comment) = text.strip_prefix("///") {
            if !inside || depth == 4 {
                pending.push(comment.trim());
            }
        } else if line == opening {
            about = plain(&pending.join(" "));
            pending.clear();
            inside = true;
        } else if inside && line == "}" {
            break;
        } else if inside && depth == 4 && text.starts_with(char::is_uppercase) {
            let name = text.split([' ', ',', '{']).next().unwrap_or_default().to_owned();
            let text = plain(&pending.join(" "));
            pending.clear();
            variants.push(Variant { name, attributes: String::new(), text });
        } else if inside && depth == 8 {
            let attribute = text.split(':').next().unwrap_or_default();
            if let Some(variant) = variants.last_mut() {
                let comma = if variant.attributes.is_empty() { "" } else { ", " };
                variant.attributes.push_str(comma);
                variant.attributes.push_str(attribute);
            }
        } else if !inside && !text.starts_with("#[") {
            pending.clear();
        }
    }
    (about, variants)
}

/// A comment without links: [`Binary::Max`] is `max`.
fn plain(comment: &str) -> String {
    let mut text = String::with_capacity(comment.len());
    let mut rest = comment;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((target, after)) = link.split_once("`]") else { break };
        let name = target.rsplit("::").next().unwrap_or(target);
        let _ = write!(text, "{before}`{}`", snake(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// `GatherNd` as `gather_nd`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake.replace("mat_mul", "matmul")
}
