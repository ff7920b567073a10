//! Offers an artifact with one giant layer: more memory than the arbiter has for a replay.

use gainsay_canon::{DType, Operator, TensorType, Unary};
use gainsay_model::{Artifact, ProgramBuilder};
use gainsay_network::api::RefusalKind;

use super::{Adversary, Play, Role};
use crate::daemon::is_refused;
use crate::world::{World, admit};

/// See the module.
pub struct OversizedLayer;

fn wide(width: u64) -> Artifact {
    let mut program = ProgramBuilder::new("main");
    let x = program.input("x", TensorType::new(DType::F32, [1, width]));
    let y = program.push(Operator::Unary { function: Unary::Relu }, &[x]).unwrap();
    program.output("y", y);
    Artifact::new("wide", Vec::new(), vec![program.finish()]).unwrap()
}

impl Adversary for OversizedLayer {
    fn name(&self) -> &'static str {
        "oversized-layer"
    }

    fn role(&self) -> Role {
        Role::Requester
    }

    fn tries(&self) -> &'static str {
        "offers an artifact with one giant layer, which no replay could hold in memory"
    }

    fn stopped_by(&self) -> &'static str {
        "admission bounds the bytes and the arithmetic of a run before anything is allocated"
    }

    fn play<'a>(&'a self, world: &'a World) -> Play<'a> {
        Box::pin(async move {
            let giant = world.hostile(self.name()).await;
            for width in [1 << 20, 1 << 28] {
                let refused = admit(&giant.person, &wide(width)).await;
                is_refused(refused, RefusalKind::Rejected, "");
            }
            admit(&giant.person, &wide(1 << 8)).await.unwrap();
        })
    }
}
