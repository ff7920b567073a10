//! Canonical version 1, held fixed: every operator with every element type that it accepts, as one artifact whose id and
//! trace roots are committed.

mod calls;

use std::num::NonZeroUsize;
use std::sync::Arc;

use gainsay_canon::{Isa, Kernels, Tensor};
use gainsay_model::{Artifact, Runner};

/// The artifact's id, and the trace root of each program on the same image.
const ID: &str = "8dc39aaf71ba234fd47fd0f2553946924beffb55f2de5abf79dcc28fe5f3c656";
const ROOTS: [(&str, &str); 6] = [
    ("elementwise", "cd548df8984514768620b3161b873b183a371248ee3173395386648ebf184c7a"),
    ("movement", "12559f8793a0b9762934bd0bbb5ebff793ec1c4aa0fb18919bd65b963d7c58d1"),
    ("contractions", "03f036da21f1ebd8d9c322be06e6a93600c182f66e896b9924b27f74d7212c5a"),
    ("reductions", "17e366a6bde74115a9a9220642ad7223cffd7bdaec39f4bfc5fec0695ec77a42"),
    ("windows", "7d78eab4acc946912c859cf90d35235e4bf042887787ef242726b1c73291fe4e"),
    ("composites", "60308dcee5862dd4e44e5a94410b9caf5dcd5196d2d579a9f60f10cdaf2c6c24"),
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
    assert_eq!(artifact.id().to_string(), ID);
    let expected: Vec<(String, String)> =
        ROOTS.map(|(name, root)| (name.to_owned(), root.to_owned())).into();
    for isa in Isa::supported() {
        for threads in [1, 3] {
            assert_eq!(roots(&artifact, isa, threads), expected, "{isa}, {threads} threads");
        }
    }
}
