//! A small program, two players and the case between them.

use std::sync::Arc;

use gainsay_canon::{Binary, DType, Kernels, Operator, Scalar, Tensor, TensorType, Unary};
use gainsay_commitment::{NodeId, StateList, TraceTree, content};
use gainsay_judge::{CASE_VERSION, Case, Openings, WeightBytes};
use gainsay_model::{Artifact, ProgramBuilder, Required, Runner, Trace};
use gainsay_protocol::{
    Amount, ArtifactId, Claim, ClaimId, Job, JobId, Keypair, Message, NetworkId, Reveal, Signed,
    TensorRef, Time,
};

/// Four layers: two matrix products with a function each, a sum with the input, and a scaling.
pub fn artifact() -> Arc<Artifact> {
    let matrix = TensorType { dtype: DType::F32, shape: vec![4, 4] };
    let mut builder = ProgramBuilder::new("main");
    let x = builder.input("x", matrix.clone());
    let first = builder.weight(0, matrix.clone());
    let second = builder.weight(1, matrix.clone());
    let mut push = |operator, operands: &[_]| builder.push(operator, operands).unwrap();
    let a = push(Operator::MatMul, &[x, first]);
    let a = push(Operator::Unary { function: Unary::Relu }, &[a]);
    let b = push(Operator::MatMul, &[a, second]);
    let b = push(Operator::Unary { function: Unary::Tanh }, &[b]);
    let c = push(Operator::Binary { function: Binary::Add }, &[b, x]);
    let half = Scalar { dtype: DType::F32, bits: 0.5f32.to_bits().into() };
    let d = push(Operator::BinaryScalar { function: Binary::Mul, scalar: half }, &[c]);
    let e = push(Operator::MatMul, &[d, first]);
    builder.output("y", e);
    let weight = |scale: f32| {
        let values = (0..16).map(|at| scale * (at as f32 - 7.5) / 8.0).collect();
        Tensor::f32([4, 4], values).unwrap()
    };
    let weights = vec![("one.weight".into(), weight(1.0)), ("two.weight".into(), weight(-0.7))];
    Arc::new(Artifact::new("tiny", weights, vec![builder.finish()]).unwrap())
}

/// A runner and its inputs.
pub struct Table {
    pub artifact: Arc<Artifact>,
    pub runner: Runner,
    pub inputs: Vec<Tensor>,
    pub requester: Keypair,
    pub executor: Keypair,
    pub challenger: Keypair,
    pub arbiter: Keypair,
    pub network: NetworkId,
}

impl Table {
    pub fn new() -> Self {
        let artifact = artifact();
        let runner = Runner::new(Arc::clone(&artifact), 0, Kernels::detect().unwrap()).unwrap();
        let values = (0..16).map(|at| (at * 7 % 5) as f32 / 3.0 - 0.4).collect();
        let key = |byte| Keypair::from_seed(&[byte; 32]);
        let (arbiter, operator) = (key(4), key(5));
        Self {
            artifact,
            runner,
            inputs: vec![Tensor::f32([4, 4], values).unwrap()],
            requester: key(1),
            executor: key(2),
            challenger: key(3),
            network: NetworkId::new("test", arbiter.key(), operator.key()),
            arbiter,
        }
    }

    pub fn layers(&self) -> u32 {
        self.runner.program().layer_count()
    }

    pub fn honest(&self) -> Trace {
        self.runner.trace(&self.inputs).unwrap()
    }

    /// One value off in `layer`, consistent afterwards.
    pub fn tampered(&self, layer: u32, by: f32) -> Trace {
        let off = |tensor: &mut Tensor| {
            let mut values = tensor.as_f32().unwrap().to_vec();
            values[0] += by;
            *tensor = Tensor::f32(tensor.tensor_type().shape.clone(), values).unwrap();
        };
        self.runner.trace_tampered(&self.inputs, layer, off).unwrap()
    }

    /// The case of a dispute between a claimed and a counter trace, at their first difference.
    pub fn case(&self, claimed: &Trace, counter: &Trace) -> Case {
        let differs = claimed.digests.iter().zip(&counter.digests).position(|(a, b)| a != b);
        let layer = differs.expect("the traces differ") as u32;
        self.case_at(claimed, counter, layer, None)
    }

    /// The same at a given layer; `list` stands for the agreed state's list where the traces' own would not do.
    pub fn case_at(
        &self,
        claimed: &Trace,
        counter: &Trace,
        layer: u32,
        list: Option<StateList>,
    ) -> Case {
        let (ours, theirs) = (claimed.tree().unwrap(), counter.tree().unwrap());
        let sign = |keypair: &Keypair, message| Signed::new(keypair, self.network, message);
        let refer = |tensor: &Tensor| TensorRef {
            dtype: tensor.tensor_type().dtype as u8,
            shape: tensor.tensor_type().shape.clone(),
            content: content(&tensor.bytes()),
        };
        let job = sign(
            &self.requester,
            Message::Job(Job {
                artifact: ArtifactId(self.artifact.id().0),
                program: 0,
                inputs: self.inputs.iter().map(refer).collect(),
                fee: Amount(1_000_000),
                deadline: Time(1_000_000),
                nonce: 7,
            }),
        );
        let claim = sign(
            &self.executor,
            Message::Claim(Claim {
                job: JobId(job.id()),
                attempt: 0,
                layers: self.layers(),
                root: ours.root(),
                outputs: claimed.outputs.iter().map(refer).collect(),
                first: ours.open(0).unwrap(),
                last: ours.open(self.layers()).unwrap(),
            }),
        );
        let challenge = sign(
            &self.challenger,
            Message::Reveal(Reveal {
                claim: ClaimId(claim.id()),
                salt: [9; 32],
                root: theirs.root(),
                last_state: *counter.digests.last().unwrap(),
                first: theirs.open(0).unwrap(),
                last: theirs.open(self.layers()).unwrap(),
            }),
        );
        let mut evidence = self.runner.evidence(&self.inputs, layer).unwrap();
        if let Some(list) = list {
            evidence.list = list;
        }
        assert_eq!(self.artifact.manifest().programs.len(), 1);
        Case {
            version: CASE_VERSION,
            job,
            claim,
            challenge,
            layer,
            manifest: self.artifact.manifest_bytes().to_vec(),
            program: self.runner.program().program().encode(),
            openings: openings(&ours, &theirs, layer),
            evidence,
            inputs: self.inputs.iter().map(|input| input.bytes().into_owned()).collect(),
        }
    }
}

impl Table {
    /// The bytes of the weights that the case's layer reads; none if there is no such layer.
    pub fn weights(&self, case: &Case) -> Vec<WeightBytes> {
        let required = Required::of(self.runner.program(), case.layer);
        let bytes = |index| self.artifact.weight(index).unwrap().bytes().into_owned();
        let weight = |index| WeightBytes { index, bytes: bytes(index) };
        required.into_iter().flat_map(|required| required.weights).map(weight).collect()
    }
}

fn openings(ours: &TraceTree, theirs: &TraceTree, layer: u32) -> Openings {
    Openings {
        before_in_claim: ours.open(layer - 1).unwrap(),
        before_in_counter: theirs.open(layer - 1).unwrap(),
        claim_leaf: ours.node(NodeId::leaf(layer)).unwrap(),
        after_in_claim: ours.open(layer).unwrap(),
        counter_leaf: theirs.node(NodeId::leaf(layer)).unwrap(),
        after_in_counter: theirs.open(layer).unwrap(),
    }
}
