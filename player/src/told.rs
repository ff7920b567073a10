//! What is told and counted of a move that was accepted: the same for both sides.

use gainsay_protocol::{JobState, Message};
use tracing::info;

use crate::count::Count;
use crate::library::Library;

/// Tells a move in a dispute and counts it among `moves` or `evidence`; other messages are neither.
pub fn tell_move(
    library: &Library,
    state: &JobState,
    message: &Message,
    [moves, evidence]: [&Count; 2],
) {
    let job = state.id.0.0.short();
    match message {
        Message::Dissection(said) => {
            moves.add();
            info!(%job, level = said.node.level, index = said.node.index, "dissected");
        }
        Message::Evidence(given) => {
            evidence.add();
            let name = library.layer_name(&state.job, given.layer);
            info!(%job, layer = given.layer, name, "gave evidence");
        }
        Message::SubRoot(posted) => {
            moves.add();
            info!(%job, layer = posted.layer, steps = posted.steps, "posted a sub-root");
        }
        Message::StepEvidence(given) => {
            evidence.add();
            info!(%job, step = given.step, chunk = ?given.chunk, "gave evidence");
        }
        Message::SubDissection(_) | Message::StepValue(_) | Message::ChunkDissection(_) => {
            moves.add();
            info!(%job, kind = message.kind(), "moved below a layer");
        }
        _ => {}
    }
}
