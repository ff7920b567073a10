//! Rebuilds the crate when a migration is added: the migrator is embedded by a macro that cargo cannot see into.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/sqlite");
}
