//! Prints `docs/operators.md`.

fn main() {
    print!("{}", gainsay_capture::document());
}
