//! Withdrawals, limits on what a key has at stake, and parameters that change with notice.

use gainsay_commitment::{Arity, content};
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::game::{START, deposit, keypair, params};

fn rules(change: impl FnOnce(&mut LedgerParams)) -> Params {
    let mut rules = params(16);
    change(&mut rules.ledger);
    rules
}

#[test]
fn a_withdrawal_is_out_of_reach_at_once_and_paid_after_its_delay() {
    let rules = rules(|ledger| ledger.withdrawal_delay = Millis(5_000));
    let (key, id) = (keypair(3).key(), MessageId(content(b"a request")));
    let mut ledger = Ledger::default();
    ledger.post(&[deposit(key, START)]).unwrap();
    let (pending, apart) = Withdrawal::request(&rules, id, key, Amount(400), Time(70));
    assert_eq!(pending.due, Time(5_070));
    ledger.post(&[apart]).unwrap();
    assert_eq!(ledger.balance(Account::Free(key)), Amount(START - 400));
    assert_eq!(ledger.balance(Account::Pending(id)), Amount(400));
    assert_eq!(ledger.balance(Account::World), Amount(START), "nothing has left yet");
    assert!(ledger.is_conserved());
    let early = pending.pay(Time(5_069)).unwrap_err();
    assert!(matches!(early, Rejection::NotInTime { what: "a payment", .. }), "{early}");
    ledger.post(&[pending.pay(Time(5_070)).unwrap()]).unwrap();
    assert_eq!(ledger.balance(Account::World), Amount(START - 400));
    assert!(ledger.is_conserved());
    let twice = ledger.post(&[pending.pay(Time(9_000)).unwrap()]).unwrap_err();
    assert!(matches!(twice, LedgerError::Insufficient { .. }), "paid once");
}

#[test]
fn what_is_pending_locks_no_bond() {
    let (key, id) = (keypair(3).key(), MessageId(content(b"a request")));
    let mut ledger = Ledger::default();
    ledger.post(&[deposit(key, 100)]).unwrap();
    ledger.post(&[Withdrawal::request(&params(2), id, key, Amount(60), Time(0)).1]).unwrap();
    let lock = Transfer {
        debit: Account::Free(key),
        credit: Account::Bond(MessageId(content(b"a take"))),
        amount: Amount(41),
        kind: TransferKind::Lock,
        cause: MessageId(content(b"a take")),
    };
    assert!(ledger.post(&[lock]).is_err());
    ledger.post(&[Transfer { amount: Amount(40), ..lock }]).unwrap();
}

#[test]
fn a_key_takes_as_many_jobs_as_it_may_and_no_more() {
    let key = keypair(3).key();
    let rules = rules(|ledger| (ledger.open_claims, ledger.exposure) = (3, Amount(120_000)));
    let at = |open, locked| rules.may_take(key, Exposure { open, locked: Amount(locked) });
    assert_eq!(at(0, 0), Ok(()));
    assert_eq!(at(1, 70_000), Ok(()), "70,000 and a bond of 50,000 are the limit");
    assert!(matches!(at(1, 70_001), Err(Rejection::TooMuchLocked { .. })));
    assert!(matches!(at(1, u64::MAX), Err(Rejection::TooMuchLocked { .. })));
    assert_eq!(at(2, 0), Ok(()));
    assert!(matches!(at(3, 0), Err(Rejection::TooManyOpen { open: 3, most: 3, .. })));
}

fn announce(from: u64, fee: u64) -> Announce {
    let params = Params { least_fee: Amount(fee), ..rules(|ledger| ledger.notice = Millis(1_000)) };
    Announce { from: Time(from), params: Box::new(params) }
}

fn schedule() -> Schedule {
    Schedule::new(rules(|ledger| ledger.notice = Millis(1_000)))
}

#[test]
fn new_parameters_come_into_force_after_their_notice_and_in_their_order() {
    let mut schedule = schedule();
    let soon = schedule.announce(&announce(1_499, 7), Time(500)).unwrap_err();
    assert_eq!(soon, ScheduleError::Notice { from: Time(1_499), earliest: Time(1_500) });
    schedule.announce(&announce(1_500, 7), Time(500)).unwrap();
    let again = schedule.announce(&announce(1_500, 8), Time(500)).unwrap_err();
    assert_eq!(again, ScheduleError::Order(Time(1_500)));
    schedule.announce(&announce(2_000, 9), Time(600)).unwrap();
    let fees =
        [0, 1_499, 1_500, 1_999, 2_000, u64::MAX].map(|at| schedule.at(Time(at)).least_fee.0);
    assert_eq!(fees, [1, 1, 7, 7, 9, 9]);
    let waiting = |at| schedule.announced(Time(at)).map(|change| change.from.0).collect::<Vec<_>>();
    assert_eq!(waiting(0), [1_500, 2_000]);
    assert_eq!(waiting(1_500), [2_000]);
    assert_eq!(schedule.first().least_fee, Amount(1));
}

#[test]
fn who_the_network_is_and_its_arity_never_change() {
    type Change = (&'static str, fn(&mut Params));
    let changes: [Change; 4] = [
        ("the name", |p| p.name = "other".into()),
        ("the arbiter", |p| p.arbiter = keypair(7).key()),
        ("the operator", |p| p.operator = keypair(7).key()),
        ("the arity", |p| p.arity = Arity::new(2).unwrap()),
    ];
    for (what, change) in changes {
        let mut announced = announce(5_000, 7);
        change(&mut announced.params);
        let mut schedule = schedule();
        let before = schedule.clone();
        assert_eq!(schedule.announce(&announced, Time(0)), Err(ScheduleError::Fixed(what)));
        assert_eq!(schedule, before);
    }
    let mut broken = announce(5_000, 7);
    broken.params.payout_percent = 61;
    let refused = schedule().announce(&broken, Time(0)).unwrap_err();
    assert_eq!(refused, ScheduleError::Params(ParamsError::Payout(61)));
}

proptest! {
    /// Whatever is announced when, what is in force at a moment is never changed afterwards.
    #[test]
    fn the_past_is_never_changed(
        announcements in proptest::collection::vec((0u64..3_000, 0u64..6_000, 1u64..9), 0..12),
        looked in 0u64..9_000,
    ) {
        let (mut schedule, mut now) = (schedule(), 0);
        for (pause, ahead, fee) in announcements {
            now += pause;
            let before = schedule.clone();
            let done = schedule.announce(&announce(now + ahead, fee), Time(now));
            if done.is_err() {
                prop_assert_eq!(&before, &schedule);
            }
            if looked < now + 1_000 {
                prop_assert_eq!(before.at(Time(looked)), schedule.at(Time(looked)));
            }
            let bytes = borsh::to_vec(&schedule).unwrap();
            prop_assert_eq!(&borsh::from_slice::<Schedule>(&bytes).unwrap(), &schedule);
        }
    }
}
