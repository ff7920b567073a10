//! Canonical version 1, held fixed: every operator with every element type that it accepts, as one artifact whose id and
//! trace roots are committed.

#![allow(clippy::unwrap_used)]

mod below;
mod calls;

use std::num::NonZeroUsize;
use std::sync::Arc;

use gainsay_canon::{Isa, Kernels, Tensor};
use gainsay_model::{Artifact, Runner};

/// The artifact's id, and the trace root of each program on the same image.
const ID: &str = "be78aed30113c5b2896510cbef54900c7459de74216e8e917cc537b3e51c8062";
const ROOTS: [(&str, &str); 6] = [
    ("elementwise", "0279f576a720178468fba6539b94a858a08b71417985969e34f05f36f32ae077"),
    ("movement", "5da34584b81affe54920f4b07f476314b2080b8bd8f4436e25fc61cf4ab9c0db"),
    ("contractions", "86ade069c6dee9bf643198d038014fd93b6f675def3ef0ac2232cd696b8751e0"),
    ("reductions", "35c0c643b599e0007f74c18cbd1407e1947dcf8b4abea80b7b03ee75f5010a9c"),
    ("windows", "a7175b9a56aaba65b414a594aa3bf1318a03f918b4b36aeaa99dcc4dd53fc90c"),
    ("composites", "4e14251ebbb966edcb63d4167d9783dc91fad61823b50f8c6d90252dca0f5e23"),
];

fn roots(artifact: &Arc<Artifact>, isa: Isa, threads: usize) -> Vec<(String, String)> {
    let kernels = Kernels::new(isa, NonZeroUsize::new(threads).unwrap()).unwrap();
    (0..artifact.programs().len() as u32)
        .map(|index| {
            let runner = Runner::new(Arc::clone(artifact), index, kernels.clone()).unwrap();
            let program = runner.program().program();
            let input = &program.inputs[0].tensor;
            let values = calls::values(input.elements().unwrap() as u64, 1);
            let image = Tensor::f32(input.shape.as_slice(), values).unwrap();
            let root = runner.trace(&[image]).unwrap().root().unwrap();
            (program.name.clone(), root.to_string())
        })
        .collect()
}

#[test]
fn version_1_computes_every_operator_to_these_roots_on_every_kernel_set() {
    let artifact = Arc::new(calls::artifact().unwrap());
    let expected: Vec<(String, String)> =
        ROOTS.map(|(name, root)| (name.to_owned(), root.to_owned())).into();
    let id = artifact.id().to_string();
    for isa in Isa::supported() {
        for threads in [1, 3] {
            let found = (id.as_str(), roots(&artifact, isa, threads));
            assert_eq!(found, (ID, expected.clone()), "{isa}, {threads} threads");
        }
    }
}
