//! PyTorch packs the gates of a recurrent layer into one matrix; Burn has a linear layer for each.

use crate::pretrained::{Naming, Part};

pub(super) struct Torch;

/// Layer, gate, and its place among the rows: input, forget, cell, output; reset, update, new.
const GATES: [(&str, &str, usize, usize); 7] = [
    ("lstm", "input_gate", 0, 4),
    ("lstm", "forget_gate", 1, 4),
    ("lstm", "cell_gate", 2, 4),
    ("lstm", "output_gate", 3, 4),
    ("gru", "reset_gate", 0, 3),
    ("gru", "update_gate", 1, 3),
    ("gru", "new_gate", 2, 3),
];

impl Naming for Torch {
    fn part(&self, path: &str) -> Part {
        for (layer, gate, index, of) in GATES {
            if !path.starts_with(layer) || !path.contains(gate) {
                continue;
            }
            let field = path.rsplit('.').next().unwrap_or(path);
            let operand = if path.contains(".input_transform.") { "ih" } else { "hh" };
            let direction = if path.contains(".reverse.") { "_reverse" } else { "" };
            return Part { name: format!("{layer}.{field}_{operand}_l0{direction}"), index, of };
        }
        Part::whole(path)
    }

    fn unneeded(&self, _name: &str) -> bool {
        false
    }
}
