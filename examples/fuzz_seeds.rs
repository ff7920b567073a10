//! Writes what the fuzz targets begin with: every operator on every element type, and what a demo left in its folder.
//!
//! `cargo run --example fuzz_seeds -- CORPUS [DEMO]`, as `.ci/fuzz` does.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use gainsay_canon::TensorType;
use gainsay_judge::AnyCaseFile;
use gainsay_model::{Artifact, Program, ProgramBuilder, Slot, TypedProgram};
use gainsay_network::api::Request;
use gainsay_protocol::Signed;

#[path = "../model/tests/operators/calls.rs"]
mod calls;

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Corpus(PathBuf);

impl Corpus {
    fn add(&self, target: &str, bytes: &[u8]) -> Outcome<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(gainsay_commitment::content(bytes).to_string()), bytes)?;
        Ok(())
    }

    /// A program with the types of its weights.
    fn program(&self, program: &Program, weights: &[TensorType]) -> Outcome<()> {
        self.add("program", &borsh::to_vec(&(program, weights))?)
    }

    fn message(&self, signed: &Signed) -> Outcome<()> {
        self.add("wire", &signed.to_bytes()?)?;
        self.add("wire", &borsh::to_vec(&Request::Submit(Box::new(signed.clone())))?)
    }
}

/// Each instruction by itself, with its operands as weights.
fn alone(program: &TypedProgram, corpus: &Corpus, seen: &mut BTreeSet<Vec<u8>>) -> Outcome<()> {
    for instruction in &program.program().instructions {
        let mut builder = ProgramBuilder::new("alone");
        let mut slots: Vec<Slot> = instruction.operands.clone();
        slots.sort_unstable();
        slots.dedup();
        let types = slots.iter().map(|slot| program.type_of(*slot).cloned());
        let types = types.collect::<Option<Vec<TensorType>>>().ok_or("an operand has no type")?;
        let weights = types.iter().zip(0..).map(|(kind, at)| builder.weight(at, kind.clone()));
        let weights: Vec<_> = weights.collect();
        let place =
            |slot: &Slot| slots.binary_search(slot).ok().and_then(|at| weights.get(at).copied());
        let operands = instruction.operands.iter().map(place).collect::<Option<Vec<_>>>();
        let operands = operands.ok_or("an operand is not there")?;
        let result = builder.push(instruction.operator.clone(), &operands)?;
        builder.output("result", result);
        let program = builder.finish();
        if seen.insert(program.encode()) {
            corpus.program(&program, &types)?;
        }
    }
    Ok(())
}

fn artifact(artifact: &Artifact, corpus: &Corpus) -> Outcome<()> {
    corpus.add("manifest", artifact.manifest_bytes())?;
    let types: Vec<TensorType> =
        artifact.manifest().weights.iter().map(|entry| entry.tensor.clone()).collect();
    let mut seen = BTreeSet::new();
    for program in artifact.programs() {
        alone(program, corpus, &mut seen)?;
        if program.program().instructions.len() < 100 {
            corpus.program(program.program(), &types)?;
        }
    }
    Ok(())
}

fn case(path: &Path, corpus: &Corpus) -> Outcome<()> {
    let bytes = fs::read(path)?;
    corpus.add("case_file", &bytes)?;
    let (manifest, signed) = match AnyCaseFile::from_bytes(&bytes)? {
        AnyCaseFile::Layer(file) => {
            (file.case.manifest, vec![file.case.job, file.case.claim, file.case.challenge])
        }
        AnyCaseFile::Step(file) => {
            let [ours, theirs] = file.case.sub_roots;
            let signed = vec![file.case.job, file.case.claim, file.case.challenge, ours, theirs];
            (file.case.manifest, signed)
        }
    };
    corpus.add("manifest", &manifest)?;
    signed.iter().try_for_each(|signed| corpus.message(signed))
}

fn main() -> Outcome<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let corpus = Corpus(arguments.next().ok_or("give a folder to write to")?);
    artifact(&calls::artifact()?, &corpus)?;
    if let Some(demo) = arguments.next() {
        for entry in fs::read_dir(demo.join("cases"))? {
            case(&entry?.path(), &corpus)?;
        }
    }
    Ok(())
}
