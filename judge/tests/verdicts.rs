//! Every verdict, on a real replay of every layer, and everything that must not lead to one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use gainsay_canon::Kernels;
use gainsay_commitment::content;
use gainsay_judge::{
    Case, CaseEncodingError, CaseError, CaseFile, Judgement, SignedVerdict, VerdictError,
    WeightBytes, Weights,
};
use gainsay_model::{Artifact, Trace};
use gainsay_protocol::Verdict;
use support::Table;

fn kernels() -> Kernels {
    Kernels::detect().unwrap()
}

/// Judged as an arbiter does, who has the artifact, and as anybody else does, with the bytes beside the case: the same.
fn judge(table: &Table, case: &Case) -> Result<Judgement, CaseError> {
    let given = table.weights(case);
    let with = |weights| gainsay_judge::judge(case, weights, &kernels());
    let (held, sent) = (with(Weights::Artifact(&table.artifact)), with(Weights::Bytes(&given)));
    assert_eq!(held.as_ref().ok(), sent.as_ref().ok());
    held
}

fn verdict(table: &Table, case: &Case) -> Verdict {
    judge(table, case).unwrap().verdict
}

/// A file that carries its weights.
fn file(table: &Table, case: Case, verdict: Verdict) -> CaseFile {
    let signed = SignedVerdict::new(&table.arbiter, &case, verdict);
    let weights = table.weights(&case);
    let mut file = CaseFile::new(case, signed);
    file.weights = weights;
    file
}

#[test]
fn the_executor_is_at_fault_whatever_layer_it_lied_about() {
    let table = Table::new();
    assert!(table.layers() >= 3, "the program has only {} layers", table.layers());
    for layer in 1..=table.layers() {
        let case = table.case(&table.tampered(layer, 1.0), &table.honest());
        assert_eq!(case.layer, layer);
        assert_eq!(verdict(&table, &case), Verdict::ExecutorFault, "layer {layer}");
    }
}

#[test]
fn the_challenger_is_at_fault_whatever_layer_it_lied_about() {
    let table = Table::new();
    for layer in 1..=table.layers() {
        let case = table.case(&table.honest(), &table.tampered(layer, 1.0));
        assert_eq!(verdict(&table, &case), Verdict::ChallengerFault, "layer {layer}");
    }
}

#[test]
fn both_are_at_fault_when_both_lie_about_the_same_layer() {
    let table = Table::new();
    for layer in 1..=table.layers() {
        let case = table.case(&table.tampered(layer, 1.0), &table.tampered(layer, 2.0));
        assert_eq!(verdict(&table, &case), Verdict::BothFault, "layer {layer}");
    }
}

#[test]
fn an_agreed_state_that_is_not_one_of_the_program_is_the_fault_of_both() {
    let table = Table::new();
    let layer = 2;
    let mut list = table.honest().states[1].clone();
    list.0[0].0 += 1;
    let with = |trace: &Trace| {
        let mut trace = trace.clone();
        trace.digests[1] = list.digest(1);
        trace
    };
    let (ours, theirs) = (with(&table.honest()), with(&table.tampered(2, 1.0)));
    let case = table.case_at(&ours, &theirs, layer, Some(list.clone()));
    assert_eq!(verdict(&table, &case), Verdict::BothFault);
}

#[test]
fn equal_states_after_the_layer_are_no_case() {
    let table = Table::new();
    let (honest, tampered) = (table.honest(), table.tampered(3, 1.0));
    let case = table.case_at(&tampered, &honest, 1, None);
    let error = judge(&table, &case).unwrap_err();
    assert!(error.to_string().contains("same state after"), "{error}");
}

#[test]
fn a_case_of_parts_that_do_not_belong_together_is_refused() {
    let table = Table::new();
    let good = table.case(&table.tampered(2, 1.0), &table.honest());
    let other = table.case(&table.tampered(3, 1.0), &table.honest());
    type Change = fn(&mut Case, &Case);
    let changes: [(&str, Change); 9] = [
        ("another claim", |case, other| case.claim = other.claim.clone()),
        ("another challenge", |case, other| case.challenge = other.challenge.clone()),
        ("a claim for a job", |case, _| case.job = case.claim.clone()),
        ("openings of another dispute", |case, other| case.openings = other.openings.clone()),
        ("another layer", |case, _| case.layer += 1),
        ("layer zero", |case, _| case.layer = 0),
        ("evidence of another layer", |case, other| case.evidence = other.evidence.clone()),
        ("another manifest", |case, _| case.manifest.push(0)),
        ("another program", |case, _| case.program.push(0)),
    ];
    for (what, change) in changes {
        let mut case = good.clone();
        change(&mut case, &other);
        assert!(judge(&table, &case).is_err(), "{what} was judged");
    }
}

#[test]
fn weights_that_are_not_those_the_layer_reads_are_refused() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let good = table.weights(&case);
    type Change = fn(&mut Vec<WeightBytes>);
    let changes: [(&str, Change); 4] = [
        ("a weight that the layer does not read", |given| {
            given.push(WeightBytes { index: 9, bytes: Vec::new() });
        }),
        ("one value changed", |given| given[0].bytes[5] ^= 1),
        ("too few bytes", |given| given[0].bytes.truncate(3)),
        ("another index", |given| given[0].index += 1),
    ];
    for (what, change) in changes {
        let mut given = good.clone();
        change(&mut given);
        let judged = gainsay_judge::judge(&case, Weights::Bytes(&given), &kernels());
        assert!(judged.is_err(), "{what} was judged");
    }
}

#[test]
fn an_artifact_that_is_not_the_jobs_judges_nothing() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let artifact = &table.artifact;
    let weights = artifact.manifest().weights.iter().zip(artifact.weights());
    let weights = weights.map(|(entry, weight)| (entry.name.clone(), weight.as_ref().clone()));
    let programs = artifact.programs().iter().map(|typed| typed.program().clone()).collect();
    let other = Artifact::new("other", weights.collect(), programs).unwrap();
    let judged = gainsay_judge::judge(&case, Weights::Artifact(&other), &kernels());
    assert!(matches!(judged, Err(CaseError::Mismatch(_))), "{judged:?}");
}

#[test]
fn a_file_without_its_weights_says_which_blobs_it_needs() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let needed = table.weights(&case);
    let mut bare = file(&table, case, Verdict::ExecutorFault);
    bare.weights.clear();
    let bytes = bare.to_bytes().unwrap();
    let mut bare = CaseFile::from_bytes(&bytes).unwrap();
    let missing = bare.missing().unwrap();
    let names: Vec<_> = missing.iter().map(|weight| (weight.index, weight.content)).collect();
    let expected = needed.iter().map(|weight| (weight.index, content(&weight.bytes)));
    assert_eq!(names, expected.collect::<Vec<_>>());
    let error = bare.confirm(&kernels()).unwrap_err().to_string();
    assert!(error.contains(&missing[0].content.to_string()), "{error}");
    bare.confirm_with(Weights::Artifact(&table.artifact), &kernels()).unwrap();
    bare.weights = needed;
    assert_eq!(bare.missing().unwrap(), []);
    bare.confirm(&kernels()).unwrap();
}

#[test]
fn a_case_of_an_unknown_version_is_refused_never_judged() {
    let table = Table::new();
    let mut case = table.case(&table.tampered(2, 1.0), &table.honest());
    case.version += 1;
    let refused = judge(&table, &case);
    assert!(matches!(refused, Err(CaseError::Encoding(CaseEncodingError::Version { found: 2 }))));
    let bytes = file(&table, case, Verdict::ExecutorFault).to_bytes().unwrap();
    assert_eq!(CaseFile::from_bytes(&bytes), Err(CaseEncodingError::Version { found: 2 }));
}

#[test]
fn a_case_file_gives_the_verdict_again() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let bytes = file(&table, case, Verdict::ExecutorFault).to_bytes().unwrap();
    let judgement = CaseFile::from_bytes(&bytes).unwrap().confirm(&kernels()).unwrap();
    assert_eq!(judgement.verdict, Verdict::ExecutorFault);
    assert_eq!(judgement.executor, table.executor.key());
    assert_eq!(judgement.challenger, table.challenger.key());
}

#[test]
fn an_arbiter_that_says_something_else_is_contradicted() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let error = file(&table, case, Verdict::ChallengerFault).confirm(&kernels()).unwrap_err();
    assert!(matches!(
        error,
        VerdictError::Contradicted {
            said: Verdict::ChallengerFault,
            replayed: Verdict::ExecutorFault
        }
    ));
}

#[test]
fn a_case_file_with_any_one_bit_changed_is_never_confirmed() {
    let table = Table::new();
    let case = table.case(&table.tampered(3, 1.0), &table.honest());
    let bytes = file(&table, case, Verdict::ExecutorFault).to_bytes().unwrap();
    let kernels = kernels();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let confirmed = CaseFile::from_bytes(&changed).map(|file| file.confirm(&kernels).is_ok());
        assert_ne!(confirmed, Ok(true), "byte {at} of {} changed", bytes.len());
    }
}

/// The arbiter is not trusted to judge: even when it signs whatever it likes, a changed case gives either no
/// verdict or the right one.
#[test]
fn a_changed_case_never_gives_another_verdict_even_if_the_arbiter_signs_it() {
    let table = Table::new();
    let good = table.case(&table.tampered(3, 1.0), &table.honest());
    let bytes = borsh::to_vec(&good).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(case) = borsh::from_slice::<Case>(&changed) else { continue };
        if let Ok(judgement) = judge(&table, &case) {
            assert_eq!(judgement.verdict, Verdict::ExecutorFault, "byte {at} changed");
        }
    }
}

#[test]
fn a_truncated_or_extended_case_file_is_refused() {
    let table = Table::new();
    let case = table.case(&table.tampered(2, 1.0), &table.honest());
    let bytes = file(&table, case, Verdict::ExecutorFault).to_bytes().unwrap();
    for length in (0..bytes.len()).step_by(7) {
        assert!(CaseFile::from_bytes(&bytes[..length]).is_err(), "{length} bytes were accepted");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(CaseFile::from_bytes(&longer).is_err());
}
