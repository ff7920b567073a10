//! The formulas of docs/economics.md against thousands of seeded games over the real `step`.

use gainsay_protocol::economics::{Liar, Market, MarketError};
use gainsay_protocol::*;
use proptest::prelude::*;

use crate::canary::{OPERATOR, open, plant};
use crate::game::{FEE, Game, REQUESTER, START, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::lie;

/// SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&mut self, share: f64) -> bool {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64 <= share
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

fn market(challengers: u32, sampling: f64, fraud_rate: f64) -> Market {
    Market {
        fee: Amount(FEE),
        compute_cost: Amount(300),
        fraud_gain: Amount(9_000),
        challengers,
        sampling,
        fraud_rate,
        canary_rate: 0.2,
        canary_bonus: Amount(7_000),
        ..Market::of(&params(4))
    }
}

/// Whose lie a claim is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Honest,
    Lie,
    Canary,
}

impl Kind {
    fn drawn(market: &Market, numbers: &mut Numbers) -> Self {
        match (numbers.chance(market.canary_rate), numbers.chance(market.fraud_rate)) {
            (true, _) => Self::Canary,
            (false, true) => Self::Lie,
            (false, false) => Self::Honest,
        }
    }
}

/// What one game brought: the executor, one of the challengers, requester, treasury, burned, the operator.
type Results = [f64; 6];

/// One game; costs and gains that are outside the ledger are added to what the ledger says.
fn game(market: &Market, kind: Kind, numbers: &mut Numbers) -> Results {
    let mut game = Game::new(params(4), 4);
    let wrong = kind != Kind::Honest;
    let trace = if wrong { lie(4, 1 << (numbers.next() % 4), 1) } else { game.truth.clone() };
    let mut executor = Player::new(0, trace);
    let canary = (kind == Kind::Canary).then(|| plant(&mut game, 0, market.canary_bonus.0));
    claim(&mut game, &executor);
    let looking: Vec<u8> =
        (1..=market.challengers as u8).filter(|_| numbers.chance(market.sampling)).collect();
    let mut found: Vec<Player> =
        looking.iter().filter(|_| wrong).map(|key| Player::new(*key, game.truth.clone())).collect();
    numbers.shuffle(&mut found);
    if found.is_empty() {
        game.pass_deadline();
    } else {
        challenge(&mut game, &found.iter().collect::<Vec<_>>());
        numbers.shuffle(&mut found);
        play(&mut game, &mut found.iter_mut().chain([&mut executor]).collect::<Vec<_>>());
    }
    assert_eq!(game.outcome() == Some(ClaimOutcome::Rejected), !found.is_empty());
    if let Some(canary) = &canary {
        let opened = open(&mut game, canary, 0).outcome;
        assert_eq!(opened == CanaryOutcome::Caught, !found.is_empty());
    }
    let gained = |number: u8| game.wealth_of(number) as f64 - START as f64;
    let cost = market.compute_cost.0 as f64;
    let gains = kind == Kind::Lie && found.is_empty();
    let spoils = if gains { market.fraud_gain.0 as f64 } else { 0.0 };
    let executor = gained(0) + spoils - if wrong { 0.0 } else { cost };
    let looked = looking.contains(&1);
    // The rejected job stays open with its fee: the requester has not paid.
    let requester = gained(REQUESTER) + game.ledger.balance(Account::Escrow(game.job.id)).0 as f64;
    // A canary's requester and executor are the operator's, who runs the model to tell the lie.
    let operator = canary.map_or(0.0, |_| gained(OPERATOR) + gained(0) + requester - cost);
    [
        executor,
        gained(1) - if looked { cost } else { 0.0 },
        requester,
        game.ledger.balance(Account::Treasury).0 as f64,
        game.ledger.balance(Account::Burned).0 as f64,
        operator,
    ]
}

/// The mean of many games is within four standard errors of what is expected, and of a micro-credit's rounding per payee.
fn holds(name: &str, seed: u64, expected: f64, samples: impl Iterator<Item = f64>) {
    let samples: Vec<f64> = samples.collect();
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let variance = samples.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = 4.0 * (variance / count).sqrt() + 8.0;
    assert!(
        (mean - expected).abs() <= error,
        "seed {seed}: {name} is {mean} in {count} games, expected {expected} within {error}"
    );
}

#[test]
fn games_bring_what_the_formulas_expect() {
    for (seed, challengers, sampling) in [(1, 1, 0.5), (2, 3, 0.3), (3, 5, 0.2)] {
        let market = market(challengers, sampling, 0.4);
        let (mut numbers, outlook) = (Numbers(seed), market.outlook());
        let games: Vec<(Kind, Results)> = (0..600)
            .map(|_| {
                let kind = Kind::drawn(&market, &mut numbers);
                (kind, game(&market, kind, &mut numbers))
            })
            .collect();
        let executors = |kind| games.iter().filter(move |(k, _)| *k == kind).map(|(_, r)| r[0]);
        let count = |kind| executors(kind).map(|_| 1.0).sum::<f64>();
        assert!([Kind::Honest, Kind::Lie, Kind::Canary].into_iter().all(|kind| count(kind) > 60.0));
        holds(
            "an honest executor's profit",
            seed,
            outlook.honest_executor,
            executors(Kind::Honest),
        );
        holds("a liar's profit", seed, outlook.liar_alone, executors(Kind::Lie));
        let column = |at: usize| games.iter().map(move |(_, results)| results[at]);
        holds("a challenger's profit", seed, outlook.challenger, column(1));
        holds("the requester's", seed, outlook.requester, column(2));
        holds("the treasury's", seed, outlook.treasury, column(3));
        holds("what is burned", seed, outlook.burned, column(4));
        holds("the operator's", seed, outlook.operator, column(5));
    }
}

#[test]
fn a_liar_with_accomplices_never_does_better_than_the_worst_case() {
    // Accomplices look at everything, are the first to commit, and share the reward with whoever is honest.
    for honest in 0..3u8 {
        let market = market(1, 1.0, 1.0);
        let mut game = Game::new(params(4), 4);
        let mut liar = Player::new(0, lie(4, 2, 1));
        claim(&mut game, &liar);
        let mut sides: Vec<Player> =
            (1..=4 + honest).map(|key| Player::new(key, game.truth.clone())).collect();
        challenge(&mut game, &sides.iter().collect::<Vec<_>>());
        play(&mut game, &mut sides.iter_mut().chain([&mut liar]).collect::<Vec<_>>());
        let coalition: f64 = (0..=4).map(|key| game.wealth_of(key) as f64 - START as f64).sum();
        assert!(coalition <= market.liar(Liar::Coalition) + 8.0, "{honest}: {coalition}");
    }
}

#[test]
fn shares_that_are_none_are_named() {
    let good = market(1, 0.5, 0.5);
    assert_eq!(good.check(), Ok(()));
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let sampling = Market { sampling: bad, ..good }.check();
        assert!(matches!(sampling, Err(MarketError::Share { name: "sampling", .. })));
        let rate = Market { fraud_rate: bad, ..good }.check();
        assert!(matches!(rate, Err(MarketError::Share { name: "fraud_rate", .. })));
        let rate = Market { canary_rate: bad, ..good }.check();
        assert!(matches!(rate, Err(MarketError::Share { name: "canary_rate", .. })));
    }
    assert_eq!(Market { payout_percent: 61, ..good }.check(), Err(MarketError::Payout(61)));
    assert!(Market { capital_rate: -1.0, ..good }.check().is_err());
}

#[test]
fn a_lie_worked_out_by_hand() {
    // Spoils of 1,000, of which the lie costs 295 and locking the bond for a year at a tenth another 100.
    let market = Market {
        fee: Amount(100),
        fraud_gain: Amount(900),
        cheat_cost: Amount(295),
        executor_bond: Amount(1_000),
        judgement_cost: Amount(100),
        locked: Millis(31_557_600_000),
        capital_rate: 0.1,
        ..market(1, 0.5, 0.0)
    };
    let close = |found: f64, due: f64| assert!((found - due).abs() < 1e-9, "{found}, not {due}");
    close(market.liar(Liar::Alone), 500.0 - 500.0 - 295.0 - 100.0);
    close(market.liar(Liar::Coalition), 500.0 - 0.5 * (400.0 + 100.0) - 295.0 - 100.0);
    close(market.smallest_sampling(Liar::Alone).unwrap(), 605.0 / 2_000.0);
    close(market.smallest_sampling(Liar::Coalition).unwrap(), 605.0 / 1_500.0);
    // 500 - 295 left, at 0.5 + 0.1 of the bond; with accomplices 155 left, at 0.2 + 0.1.
    close(market.smallest_bond(Liar::Alone).unwrap(), 342.0);
    close(market.smallest_bond(Liar::Coalition).unwrap(), 517.0);
    // A challenger: 0.4 of claims wrong, each worth 500 less its moves, and half a year's tenth of its bond; it looks for 20.
    let market = Market {
        fraud_rate: 0.4,
        canary_rate: 0.0,
        move_cost: Amount(60),
        challenger_bond: Amount(200),
        compute_cost: Amount(40),
        ..market
    };
    close(market.challenger(), 0.4 * (440.0 * 0.5 - 0.5 * 20.0) - 20.0);
    close(market.break_even_fraud_rate().unwrap(), 20.0 / 210.0);
    let watched = Market { canary_rate: 0.25, canary_bonus: Amount(80), ..market };
    close(watched.wrong(), 0.55);
    close(watched.challenger(), 0.55 * 210.0 + 0.25 * 40.0 - 20.0);
    let quiet = Market { fraud_rate: 0.05, ..watched };
    close(quiet.smallest_canary_rate().unwrap(), (20.0 - 10.5) / (210.0 + 40.0 - 10.5));
    let outlook = watched.outlook();
    close(outlook.honest_executor, 100.0 - 40.0 - 100.0);
    close(outlook.wrong_and_final, 0.75 * 0.4 * 0.5);
    close(outlook.requester, -100.0 * (1.0 - 0.55 * 0.5));
    close(outlook.treasury, 0.55 * 0.5 * 100.0);
    close(outlook.burned, 0.55 * 0.5 * 400.0);
    close(outlook.operator, -0.25 * (0.5 * 1_080.0 + 40.0 + 100.0));
}

#[test]
fn where_nobody_looks_no_bond_is_large_enough_and_looking_never_pays() {
    let nobody = market(3, 0.0, 0.5);
    assert_eq!(nobody.smallest_bond(Liar::Alone), None);
    assert_eq!(Market { challengers: 0, ..nobody }.smallest_sampling(Liar::Alone), None);
    assert_eq!(Market { challengers: 0, ..nobody }.smallest_canary_rate(), None);
    // The verifier's dilemma: where nobody lies, looking costs what it costs.
    let honest = Market { canary_rate: 0.0, ..market(3, 0.5, 0.0) };
    assert_eq!(honest.challenger(), -150.0);
    let rate = honest.break_even_fraud_rate().unwrap();
    let even = Market { fraud_rate: rate, ..honest };
    assert!(even.challenger().abs() < 1e-6 && rate > 0.0, "{rate}");
}

proptest! {
    /// One micro-credit below the smallest bond a lie does not lose yet; at it, it does. The same of the sampling rate.
    #[test]
    fn the_smallest_bond_and_sampling_rate_are_the_smallest(
        fee in 0u64..1_000_000, gain in 0u64..1_000_000_000, cheat in 0u64..1_000,
        bond in 1u64..1_000_000_000, challengers in 1u32..20, sampling in 0.01f64..0.99,
        payout_percent in 0u8..=60, judgement in 0u64..10_000, capital_rate in 0.0f64..0.2,
    ) {
        for liar in [Liar::Alone, Liar::Coalition] {
            let market = Market {
                fee: Amount(fee), fraud_gain: Amount(gain), cheat_cost: Amount(cheat), payout_percent,
                executor_bond: Amount(bond), judgement_cost: Amount(0), challengers, sampling, capital_rate,
                ..market(1, 0.5, 0.1)
            };
            let smallest = market.smallest_bond(liar).unwrap();
            let at = |bond: f64| Market { executor_bond: Amount(bond as u64), ..market }.liar(liar);
            let slack = 1e-6 * (1.0 + smallest);
            prop_assert!(at(smallest) <= slack, "{} at {}", at(smallest), smallest);
            if smallest >= 1.0 { prop_assert!(at(smallest - 1.0) >= -slack); }
            let market = Market { judgement_cost: Amount(judgement.min(bond * u64::from(payout_percent) / 100)), ..market };
            let rate = market.smallest_sampling(liar).unwrap();
            prop_assert!((0.0..=1.0).contains(&rate));
            let at = |sampling: f64| Market { sampling, ..market }.liar(liar);
            let slack = 1e-6 * (1.0 + (gain + fee + bond) as f64);
            prop_assert!(at(rate) <= slack);
            if rate > 0.0 { prop_assert!(at(rate * 0.999) >= -slack); }
        }
    }

    /// At the smallest share of canaries looking does not lose; just below it, it does. A bonus can only lower it.
    #[test]
    fn the_smallest_share_of_canaries_is_the_smallest(
        cost in 0u64..5_000, bond in 1u64..100_000, bonus in 0u64..10_000, fraud_rate in 0.0f64..0.2,
        challengers in 1u32..20, sampling in 0.01f64..1.0, capital_rate in 0.0f64..0.2,
    ) {
        let market = Market {
            compute_cost: Amount(cost), executor_bond: Amount(bond), canary_bonus: Amount(bonus),
            capital_rate, ..market(challengers, sampling, fraud_rate)
        };
        let at = |canary_rate: f64| Market { canary_rate, ..market }.challenger();
        let slack = 1e-9 * (bond + bonus + cost) as f64;
        let free = Market { canary_bonus: Amount::ZERO, ..market }.smallest_canary_rate();
        match market.smallest_canary_rate() {
            Some(rate) => {
                prop_assert!((0.0..=1.0).contains(&rate));
                prop_assert!(at(rate) >= -slack, "{} at {}", at(rate), rate);
                if rate > 0.0 { prop_assert!(at(rate * 0.999) <= slack); }
                prop_assert!(free.is_none_or(|free| free >= rate - 1e-12));
            }
            None => {
                prop_assert!(at(1.0) <= slack);
                prop_assert_eq!(free, None);
            }
        }
    }

    /// More of what deters deters more.
    #[test]
    fn a_liars_profit_falls_with_bond_sampling_and_challengers(
        bond in 1u64..1_000_000_000, challengers in 1u32..20, sampling in 0.0f64..0.9,
    ) {
        let base = Market { executor_bond: Amount(bond), challengers, sampling, ..market(1, 0.5, 0.1) };
        for liar in [Liar::Alone, Liar::Coalition] {
            let now = base.liar(liar) + 1e-6;
            let more = [
                Market { executor_bond: Amount(bond + 1_000), ..base },
                Market { sampling: sampling + 0.1, ..base },
                Market { challengers: challengers + 1, ..base },
            ];
            prop_assert!(more.iter().all(|market| market.liar(liar) <= now));
        }
    }
}
