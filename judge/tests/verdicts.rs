//! Every verdict, on a real replay of every layer, and everything that must not lead to one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use gainsay_canon::Kernels;
use gainsay_judge::{
    Case, CaseEncodingError, CaseError, CaseFile, SignedVerdict, VerdictError, judge,
};
use gainsay_model::Trace;
use gainsay_protocol::Verdict;
use support::Table;

fn kernels() -> Kernels {
    Kernels::detect().unwrap()
}

fn verdict(case: &Case) -> Verdict {
    judge(case, &kernels()).unwrap().verdict
}

fn file(table: &Table, case: Case, verdict: Verdict) -> CaseFile {
    let signed = SignedVerdict::new(&table.arbiter, &case, verdict);
    CaseFile::new(case, signed)
}

#[test]
fn the_executor_is_at_fault_whatever_layer_it_lied_about() {
    let table = Table::new();
    assert!(table.layers() >= 3, "the program has only {} layers", table.layers());
    for layer in 1..=table.layers() {
        let case = table.case(&table.tampered(layer, 1.0), &table.honest());
        assert_eq!(case.layer, layer);
        assert_eq!(verdict(&case), Verdict::ExecutorFault, "layer {layer}");
    }
}

#[test]
fn the_challenger_is_at_fault_whatever_layer_it_lied_about() {
    let table = Table::new();
    for layer in 1..=table.layers() {
        let case = table.case(&table.honest(), &table.tampered(layer, 1.0));
        assert_eq!(verdict(&case), Verdict::ChallengerFault, "layer {layer}");
    }
}

#[test]
fn both_are_at_fault_when_both_lie_about_the_same_layer() {
    let table = Table::new();
    for layer in 1..=table.layers() {
        let case = table.case(&table.tampered(layer, 1.0), &table.tampered(layer, 2.0));
        assert_eq!(verdict(&case), Verdict::BothFault, "layer {layer}");
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
    assert_eq!(verdict(&case), Verdict::BothFault);
}

#[test]
fn equal_states_after_the_layer_are_no_case() {
    let table = Table::new();
    let (honest, tampered) = (table.honest(), table.tampered(3, 1.0));
    let case = table.case_at(&tampered, &honest, 1, None);
    let error = judge(&case, &kernels()).unwrap_err();
    assert!(error.to_string().contains("same state after"), "{error}");
}

#[test]
fn a_case_of_parts_that_do_not_belong_together_is_refused() {
    let table = Table::new();
    let good = table.case(&table.tampered(2, 1.0), &table.honest());
    let other = table.case(&table.tampered(3, 1.0), &table.honest());
    type Change = fn(&mut Case, &Case);
    let changes: [(&str, Change); 8] = [
        ("another claim", |case, other| case.claim = other.claim.clone()),
        ("another challenge", |case, other| case.challenge = other.challenge.clone()),
        ("a claim for a job", |case, _| case.job = case.claim.clone()),
        ("openings of another dispute", |case, other| case.openings = other.openings.clone()),
        ("another layer", |case, _| case.layer += 1),
        ("layer zero", |case, _| case.layer = 0),
        ("evidence of another layer", |case, other| case.evidence = other.evidence.clone()),
        ("a weight that the layer does not read", |case, _| case.weights.push((9, Vec::new()))),
    ];
    for (what, change) in changes {
        let mut case = good.clone();
        change(&mut case, &other);
        assert!(judge(&case, &kernels()).is_err(), "{what} was judged");
    }
}

#[test]
fn a_case_of_an_unknown_version_is_refused_never_judged() {
    let table = Table::new();
    let mut case = table.case(&table.tampered(2, 1.0), &table.honest());
    case.version += 1;
    let refused = judge(&case, &kernels());
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
    let kernels = kernels();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let Ok(case) = borsh::from_slice::<Case>(&changed) else { continue };
        if let Ok(judgement) = judge(&case, &kernels) {
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
