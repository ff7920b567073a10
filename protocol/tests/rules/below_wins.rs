//! `truth_wins` and `honest_never_loses` below a layer, over random games: lying executors and challengers with lies at any
//! steps and bytes, hostile members of either honest party's side, silences and orders of moves.

use gainsay_protocol::{ClaimOutcome, LayerBudget};
use proptest::prelude::*;

use crate::deep::{self, Planted};
use crate::game::{Game, START, params};
use crate::players::{Player, challenge, claim, play};
use crate::toy::{Trace, lie};

#[derive(Clone, Debug)]
struct Other {
    /// Whether it shares the true root.
    is_member: bool,
    planted: Planted,
    moves: u32,
}

fn planted(steps: u32) -> impl Strategy<Value = Planted> {
    // The states at the ends of the layer are those of the trace.
    let odd = prop_oneof![4 => Just(None), 1 => (1..=steps).prop_map(Some)];
    (0u64..1 << steps, 0u64..6_000, odd).prop_map(move |(lies, byte, odd)| {
        let odd_list = odd.filter(|step| *step < steps);
        Planted { steps: lies, byte, odd_list, ..Planted::default() }
    })
}

fn other(steps: u32) -> impl Strategy<Value = Other> {
    let moves = prop_oneof![2 => Just(u32::MAX), 1 => 0u32..20];
    (any::<bool>(), planted(steps), moves).prop_map(|(is_member, planted, moves)| Other {
        is_member,
        planted,
        moves,
    })
}

fn others(steps: u32) -> impl Strategy<Value = Vec<Other>> {
    prop::collection::vec(other(steps), 0..4)
}

#[derive(Clone, Debug)]
struct Setup {
    arity: u32,
    layers: u32,
    wrong: u64,
    steps: u32,
    order: usize,
}

fn setup() -> impl Strategy<Value = (Setup, Planted, Vec<Other>)> {
    let arity = prop_oneof![Just(2u32), Just(4), Just(16)];
    (arity, 1u32..7, any::<u64>(), 1u32..9, 0usize..6).prop_flat_map(
        |(arity, layers, mask, steps, order)| {
            let wrong = mask % ((1 << layers) - 1) + 1;
            let setup = Setup { arity, layers, wrong, steps, order };
            (Just(setup), planted(steps), others(steps))
        },
    )
}

fn network(setup: &Setup) -> Game {
    let deep: Vec<u32> = (1..=setup.layers).collect();
    let params = gainsay_protocol::Params {
        layer_budget: LayerBudget { bytes: 0, operations: 0 },
        ..params(setup.arity)
    };
    Game::with_facts(params, deep::facts(setup.layers, &deep, setup.steps), 1_000_000_000)
}

fn shams(setup: &Setup, game: &Game, others: &[Other]) -> Vec<Player> {
    let sham = |(number, other): (u8, &Other)| {
        let trace: Trace = match other.is_member {
            true => game.truth.clone(),
            false => lie(setup.layers, setup.wrong, 40 + u64::from(number % 2)),
        };
        Player {
            planted: other.planted.clone(),
            ..Player::silent_after(number, trace, other.moves)
        }
    };
    (2u8..).zip(others).map(sham).collect()
}

fn all<'a>(
    setup: &Setup,
    main: [&'a mut Player; 2],
    shams: &'a mut [Player],
) -> Vec<&'a mut Player> {
    let mut all: Vec<&mut Player> = main.into_iter().chain(shams).collect();
    let turn = setup.order % all.len();
    all.rotate_left(turn);
    all
}

proptest! {
    #![proptest_config(crate::game::cases(150))]

    #[test]
    fn a_wrong_claim_with_one_honest_challenger_is_rejected((setup, lies, others) in setup()) {
        let mut game = network(&setup);
        let trace = lie(setup.layers, setup.wrong, 1);
        let mut wrong = Player { planted: lies, ..Player::new(0, trace) };
        let mut honest = Player::new(1, game.truth.clone());
        let mut shams = shams(&setup, &game, &others);
        claim(&mut game, &wrong);
        challenge(&mut game, &shams.iter().chain([&honest]).collect::<Vec<_>>());
        play(&mut game, &mut all(&setup, [&mut wrong, &mut honest], &mut shams));
        prop_assert_eq!(game.outcome(), Some(ClaimOutcome::Rejected));
        prop_assert!(game.wealth_of(1) >= START, "the honest lost: {}", game.wealth_of(1));
        prop_assert_eq!(game.wealth_of(0), START - game.params.executor_bond.0);
        prop_assert_eq!(game.fold(), game.job);
    }

    #[test]
    fn a_correct_claim_of_a_live_executor_is_final((setup, _lies, others) in setup()) {
        let mut game = network(&setup);
        let mut honest = Player::new(0, game.truth.clone());
        let mut idle = Player::silent_after(1, lie(setup.layers, setup.wrong, 3), 3);
        let mut shams: Vec<Player> =
            shams(&setup, &game, &others).into_iter().filter(|sham| sham.trace.root() != honest.trace.root()).collect();
        claim(&mut game, &honest);
        challenge(&mut game, &shams.iter().chain([&idle]).collect::<Vec<_>>());
        play(&mut game, &mut all(&setup, [&mut honest, &mut idle], &mut shams));
        prop_assert_eq!(game.outcome(), Some(ClaimOutcome::Final));
        prop_assert!(game.wealth_of(0) > START);
        prop_assert_eq!(game.fold(), game.job);
    }
}
