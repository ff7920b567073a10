//! What needs the zoo: importing published models and using them on this machine.

mod embed;
mod import;

pub use embed::{EmbedArgs, embed};
pub use import::{ImportArgs, import};
