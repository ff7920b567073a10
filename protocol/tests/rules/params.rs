//! Parameters, amounts and the ledger.

use gainsay_commitment::content;
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{deposit, keypair, params};

/// A parameter and a way to spoil it.
type Change = (&'static str, fn(&mut Params));

#[test]
fn good_parameters_pass() {
    for arity in [2, 4, 16, 256] {
        assert_eq!(params(arity).check(), Ok(()));
    }
}

#[test]
fn every_length_and_count_must_be_positive() {
    let zeroes: [Change; 11] = [
        ("window", |p| p.window = Millis(0)),
        ("reveal", |p| p.reveal = Millis(0)),
        ("budget", |p| p.budget = Millis(0)),
        ("grace", |p| p.grace = Millis(0)),
        ("lease", |p| p.lease = Millis(0)),
        ("executor_bond", |p| p.executor_bond = Amount(0)),
        ("challenger_bond", |p| p.challenger_bond = Amount(0)),
        ("rewarded_commitments", |p| p.rewarded_commitments = 0),
        ("attempts", |p| p.attempts = 0),
        ("open_claims", |p| p.ledger.open_claims = 0),
        ("notice", |p| p.ledger.notice = Millis(0)),
    ];
    for (name, change) in zeroes {
        let mut params = params(2);
        change(&mut params);
        assert_eq!(params.check(), Err(ParamsError::Zero(name)));
    }
}

#[test]
fn clock_arithmetic_that_saturates_and_freezes_is_refused_with_the_parameters() {
    let endless: [Change; 7] = [
        ("window", |p| p.window = Millis(u64::MAX)),
        ("reveal", |p| p.reveal = Millis(u64::MAX)),
        ("budget", |p| p.budget = Millis(u64::MAX)),
        ("grace", |p| p.grace = Millis(u64::MAX)),
        ("lease", |p| p.lease = Millis(u64::MAX)),
        ("withdrawal_delay", |p| p.ledger.withdrawal_delay = Millis(u64::MAX)),
        ("notice", |p| p.ledger.notice = Millis(u64::MAX)),
    ];
    for (what, change) in endless {
        let mut params = params(2);
        change(&mut params);
        assert_eq!(params.check(), Err(ParamsError::TooLong { what, got: u64::MAX }));
    }
}

#[test]
fn at_most_60_percent_are_paid_out() {
    for payout_percent in [0, 14, 40, 60, 61, 100, 101, 255] {
        let free = Amount::ZERO;
        let params = Params {
            payout_percent,
            judgement_cost: free,
            dispute_cost: free,
            ledger: LedgerParams::FREE,
            ..params(2)
        };
        let expected =
            if payout_percent > 60 { Err(ParamsError::Payout(payout_percent)) } else { Ok(()) };
        assert_eq!(params.check(), expected);
    }
}

#[test]
fn the_grace_is_at_most_the_budget() {
    let params = |grace| Params { grace: Millis(grace), budget: Millis(500), ..params(2) };
    assert_eq!(params(500).check(), Ok(()));
    assert_eq!(params(501).check(), Err(ParamsError::Grace { grace: 501, budget: 500 }));
}

#[test]
fn bonds_cover_what_they_must_pay() {
    // 60% of 50,000, less a proof and what eight challengers spend.
    let judge = |judgement_cost| Params { judgement_cost: Amount(judgement_cost), ..params(2) };
    assert_eq!(judge(30_000 - 503 - 8 * 1_009).check(), Ok(()));
    let refused = judge(30_000 - 503 - 8 * 1_009 + 1).check().unwrap_err();
    assert!(matches!(refused, ParamsError::Bond { bond: "executor_bond", .. }), "{refused}");
    let dispute = |dispute_cost| Params { dispute_cost: Amount(dispute_cost), ..params(2) };
    assert_eq!(dispute(12_000).check(), Ok(()));
    let refused = dispute(12_001).check().unwrap_err();
    assert!(matches!(refused, ParamsError::Bond { bond: "challenger_bond", .. }), "{refused}");
}

#[test]
fn an_executors_bond_repays_every_rewarded_challenger_its_inference_and_moves() {
    let spent = |cost| Params {
        ledger: LedgerParams { challenge_cost: Amount(cost), ..params(2).ledger },
        ..params(2)
    };
    let most = (30_000 - 1_001 - 503) / 8;
    assert_eq!(spent(most).check(), Ok(()));
    for cost in [most + 1, u64::MAX] {
        let refused = spent(cost).check().unwrap_err();
        assert!(matches!(refused, ParamsError::Bond { bond: "executor_bond", .. }), "{refused}");
    }
}

#[test]
fn a_limit_on_exposure_lets_a_key_take_at_least_one_job() {
    let limit = |exposure| Params {
        ledger: LedgerParams { exposure: Amount(exposure), ..params(2).ledger },
        ..params(2)
    };
    assert_eq!(limit(50_000).check(), Ok(()));
    let refused = ParamsError::Exposure { exposure: Amount(49_999), bond: Amount(50_000) };
    assert_eq!(limit(49_999).check(), Err(refused));
}

#[test]
fn d_max_is_the_sum_of_its_parts() {
    // 1,000,000 layers make a tree of depth 20: three steps of a dissection with 128 children, and the evidence.
    let params = params(128);
    assert_eq!(params.rounds(1_000_000), Ok(4));
    let none = Service { replay: Millis(0), run: Millis(0), gaps: 0 };
    let clocks = 2 * 20_000 + 2 * 4 * 500;
    assert_eq!(params.d_max(1_000_000, &[], &none), Ok(Millis(10_000 + 5_000 + clocks)));
    let all = Service { replay: Millis(70), run: Millis(900), gaps: 2 };
    let sum = 10_000 + 5_000 + clocks + 70 + 900 + 2 * 2 * 500;
    assert_eq!(params.d_max(1_000_000, &[], &all), Ok(Millis(sum)));
    let assured = Service::assured(&params, 1);
    assert_eq!((assured.replay, assured.run, assured.gaps), (Millis(5_000), Millis(5_000), 1));
    assert!(params.d_max(0, &[], &none).is_err(), "no program has no layers");
    let stepless = DeepLayer { layer: 1, steps: Vec::new() };
    assert!(params.d_max(1, &[stepless], &none).is_err(), "no layer has no steps");
}

#[test]
fn d_max_counts_the_longest_layer_that_goes_on_below() {
    let params = params(2);
    let none = Service { replay: Millis(0), run: Millis(0), gaps: 0 };
    let deep = |layer, steps: &[Option<u64>]| DeepLayer { layer, steps: steps.to_vec() };
    // Three steps and the state before them are four leaves: two dissections, and the evidence.
    let whole = deep(1, &[None, None, None]);
    assert_eq!(params.rounds_below(&whole), Ok(2 + 1));
    // One chunk is shown and judged; five chunks have three halvings, eight too, nine have four.
    for (bytes, halvings) in
        [(0, 0), (1, 0), (1024, 0), (1025, 1), (5 << 10, 3), (8 << 10, 3), ((8 << 10) + 1, 4)]
    {
        let chunked = deep(1, &[None, Some(bytes), Some(1)]);
        assert_eq!(params.rounds_below(&chunked), Ok(2 + 1 + halvings + 1), "{bytes} bytes");
    }
    let alone = params.d_max(8, &[], &none).unwrap().0;
    let chunked = deep(2, &[None, Some(8 << 10), None]);
    let (budget, grace) = (params.budget.0, params.grace.0);
    for layers in
        [vec![chunked.clone()], vec![whole.clone(), chunked.clone()], vec![chunked, whole]]
    {
        let with = params.d_max(8, &layers, &none).unwrap().0;
        assert_eq!(with, alone + 3 * budget + 2 * 7 * grace);
    }
}

proptest! {
    #[test]
    fn shares_never_exceed_the_whole(amount: u64, percent: u8, parts: u64, counts in proptest::collection::vec(any::<u32>(), 0..20)) {
        let amount = Amount(amount);
        prop_assert!(amount.percent(percent) <= amount);
        let exact = u128::from(amount.0) * u128::from(percent.min(100)) / 100;
        prop_assert_eq!(u128::from(amount.percent(percent).0), exact);
        let part = amount.over(parts);
        prop_assert!(u128::from(part.0) * u128::from(parts) <= u128::from(amount.0));
        let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let shared: u128 = counts.iter().map(|c| u128::from(amount.share((*c).into(), total).0)).sum();
        prop_assert!(shared <= u128::from(amount.0));
        if total > 0 {
            prop_assert!(shared + counts.len() as u128 >= u128::from(amount.0), "only rounding is lost");
        }
    }

    #[test]
    fn sums_and_differences_are_checked(a: u64, b: u64) {
        prop_assert_eq!(Amount(a).checked_add(Amount(b)).map(|sum| sum.0), a.checked_add(b));
        prop_assert_eq!(Amount(a).less(Amount(b)).0, a.saturating_sub(b));
        prop_assert_eq!(Amount(a).at_most(Amount(b)).0, a.min(b));
        prop_assert_eq!(Amount(a).share(b, 0), Amount::ZERO);
        prop_assert_eq!(Amount(a).over(0), Amount::ZERO);
        let printed = Amount(a).to_string();
        let (whole, micro) = printed.split_once('.').unwrap();
        prop_assert_eq!(micro.len(), 6);
        prop_assert_eq!(format!("{whole}{micro}").parse::<u64>(), Ok(a));
    }

    /// `conservation`: any list of transfers is applied as a whole or not at all.
    #[test]
    fn conservation_holds_whatever_is_posted(
        sets in proptest::collection::vec(
            proptest::collection::vec((0u8..6, 0u8..6, prop_oneof![0u64..100, any::<u64>()]), 1..5), 1..20),
    ) {
        let account = |number| match number {
            0 => Account::World,
            1 => Account::Burned,
            2 => Account::Treasury,
            number => Account::Free(keypair(number).key()),
        };
        let mut ledger = Ledger::default();
        ledger.post(&[deposit(keypair(3).key(), 1_000)]).unwrap();
        for set in sets {
            let transfers: Vec<Transfer> = set.into_iter().map(|(from, to, amount)| Transfer {
                debit: account(from),
                credit: account(to),
                amount: Amount(amount),
                kind: TransferKind::Reward,
                cause: MessageId(content(b"test")),
            }).collect();
            let before = ledger.clone();
            match ledger.post(&transfers) {
                Ok(()) => prop_assert!(transfers.iter().all(|t| t.amount > Amount::ZERO)),
                Err(_) => prop_assert_eq!(&before, &ledger),
            }
            prop_assert!(ledger.is_conserved());
        }
    }
}

#[test]
fn a_ledger_refuses_overdrafts_nothings_and_overflows() {
    let [one, other] = [3, 4].map(|number| Account::Free(keypair(number).key()));
    let mut ledger = Ledger::default();
    ledger.post(&[deposit(keypair(3).key(), u64::MAX)]).unwrap();
    let transfer = |debit, credit, amount| Transfer {
        debit,
        credit,
        amount: Amount(amount),
        kind: TransferKind::Withdrawal,
        cause: MessageId(content(b"test")),
    };
    let before = ledger.clone();
    for (bad, error) in [
        (transfer(one, other, 0), "nothing"),
        (transfer(other, one, 1), "holds only"),
        (transfer(Account::World, one, 1), "overflow"),
    ] {
        let set = [transfer(one, Account::Burned, 5), bad];
        let refused = ledger.post(&set).unwrap_err().to_string();
        assert!(refused.contains(error), "{refused}");
        assert_eq!(ledger, before, "nothing of a refused set is applied");
    }
    ledger.post(&[transfer(one, Account::World, u64::MAX)]).unwrap();
    assert_eq!(ledger.balance(Account::World), Amount::ZERO);
    assert!(ledger.is_conserved());
}
