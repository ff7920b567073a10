//! The table: every layer and every kind of lie, told by either side, and what the games came to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use gainsay_canon::Tensor;
use gainsay_player::RunSource;
use gainsay_protocol::Side;
use serde::Serialize;

use super::arbiter::{Judged, Subject};
use super::check::{Expected, fault};
use super::game::{Ending, Sides, play};
use super::lies::{Kind, Lie, Told};

/// Which of a table's games are played.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Every so many of them.
    pub stride: u64,
    /// What the changed elements are chosen by.
    pub seed: u64,
}

/// The games of one layer and one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Games that were played to the end, or whose claim was refused at the door.
    pub games: u32,
    /// Of those, claims that were refused at the door.
    pub refused: u32,
    /// What went wrong: which lie, and how.
    pub wrong: Vec<String>,
}

/// The most that one sort of judgement took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Most {
    /// How many there were.
    pub count: u64,
    /// Bytes of what a side gave as evidence.
    pub evidence_bytes: u64,
    /// Bytes of the arbiter's inputs and weights beside it.
    pub ambient_bytes: u64,
    /// Time to put a case together from the arbiter's own inputs and weights, the best of three times.
    pub case_ms: f64,
    /// Time to judge a case, every signature and digest in it included, the best of three times.
    pub ms: f64,
    /// The median of it.
    pub median_ms: f64,
    /// Time of anybody who judges again below a layer, from the case file, the best of three times; none for whole layers.
    pub again_ms: Option<f64>,
    #[serde(skip)]
    times: Vec<f64>,
}

impl Most {
    fn add(&mut self, judged: &Judged) {
        self.count += 1;
        self.evidence_bytes = self.evidence_bytes.max(judged.evidence);
        self.ambient_bytes = self.ambient_bytes.max(judged.ambient);
        self.case_ms = self.case_ms.max(ms(judged.made));
        let again = judged.again.map(ms);
        self.again_ms = self.again_ms.into_iter().chain(again).reduce(f64::max);
        self.times.push(ms(judged.took));
        self.times.sort_by(f64::total_cmp);
        self.ms = self.times.last().copied().unwrap_or_default();
        self.median_ms = self.times.get(self.times.len() / 2).copied().unwrap_or_default();
    }
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// One model's table.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The model.
    pub model: String,
    /// What its layers may take before disputes go on below them.
    pub budget: String,
    /// The layers' names, from 1.
    pub layers: Vec<String>,
    /// Layers that are narrowed below, and their steps.
    pub narrowed: BTreeMap<u32, u32>,
    /// Per layer and kind what came of it.
    #[serde(skip)]
    pub cells: BTreeMap<(u32, Kind), Cell>,
    /// Games played.
    pub games: u64,
    /// Claims refused at the door.
    pub refused: u64,
    /// Games that ended otherwise than they must.
    pub wrong: Vec<String>,
    /// The most rounds of a game.
    pub rounds: u32,
    /// The most bytes of a game: messages and blobs of both sides.
    pub bytes: u64,
    /// Layers judged whole.
    pub whole_layers: Most,
    /// Steps judged whole.
    pub whole_steps: Most,
    /// Chunks.
    pub chunks: Most,
}

impl Table {
    /// Plays a model's games; `told` hears of every layer and kind that is done.
    pub fn play(
        model: &str,
        subject: &Subject,
        others: &[Tensor],
        part: Part,
        done: &mut dyn FnMut(&Self),
    ) -> Result<Self> {
        let (runner, inputs) = (Arc::clone(&subject.runner), Arc::clone(&subject.inputs));
        let honest = RunSource::run(runner, inputs)?;
        let told = Told { subject, honest: &honest, others };
        let mut table = Self::empty(model, subject);
        let mut number = 0u64;
        for layer in 1..=honest.layers() {
            for kind in Kind::ALL {
                let seed = part.seed.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(layer) * 331);
                let wanted = |lie: &(u64, Lie)| lie.0.is_multiple_of(part.stride.max(1));
                let lies = told.lies(kind, layer, seed)?.into_iter();
                let numbered: Vec<(u64, Lie)> = (number..).zip(lies).collect();
                number += numbered.len() as u64;
                let cell = table.cells.entry((layer, kind)).or_default().clone();
                let cell = numbered
                    .iter()
                    .filter(|lie| wanted(lie))
                    .try_fold(cell, |cell, (_, lie)| table.games_of(&told, kind, lie, cell))?;
                table.cells.insert((layer, kind), cell);
                done(&table);
            }
        }
        Ok(table)
    }

    fn empty(model: &str, subject: &Subject) -> Self {
        let budget = subject.params.layer_budget;
        let layers = subject.runner.program().layers().iter();
        let narrowed = subject.facts.below.iter();
        Self {
            model: model.to_owned(),
            budget: format!("{} bytes, {} FLOP", budget.bytes, budget.operations),
            layers: layers.map(|layer| layer.name.clone()).collect(),
            narrowed: narrowed.map(|deep| (deep.layer, deep.steps.len() as u32)).collect(),
            cells: BTreeMap::new(),
            games: 0,
            refused: 0,
            wrong: Vec::new(),
            rounds: 0,
            bytes: 0,
            whole_layers: Most::default(),
            whole_steps: Most::default(),
            chunks: Most::default(),
        }
    }

    /// A lie told by the executor, and the same one by a challenger against a correct claim.
    fn games_of(&mut self, told: &Told<'_>, kind: Kind, lie: &Lie, mut cell: Cell) -> Result<Cell> {
        for liar in [Side::Executor, Side::Challenger] {
            let sides = match liar {
                Side::Executor => Sides {
                    executor: &lie.source,
                    challenger: told.honest,
                    honest: Side::Challenger,
                },
                Side::Challenger => {
                    Sides { executor: told.honest, challenger: &lie.source, honest: Side::Executor }
                }
            };
            let what = || format!("{}: {} {} by {liar:?}", self.model, kind.name(), lie.what);
            let ending = play(told.subject, &sides)
                .with_context(|| format!("{} about layer {}", what(), lie.place.layer))?;
            let expected = Expected { kind, liar, place: lie.place };
            if let Some(fault) = fault(told.subject, &expected, &ending) {
                let wrong = format!("{} about layer {}: {fault}", what(), lie.place.layer);
                self.wrong.push(wrong.clone());
                cell.wrong.push(wrong);
            }
            cell.games += 1;
            self.games += 1;
            match &ending {
                Ending::Refused(_) => {
                    cell.refused += 1;
                    self.refused += 1;
                }
                Ending::Played(played) => {
                    self.rounds = self.rounds.max(played.rounds);
                    self.bytes = self.bytes.max(played.bytes);
                    played.judged.iter().for_each(|judged| self.judgement(judged));
                }
            }
        }
        Ok(cell)
    }

    fn judgement(&mut self, judged: &Judged) {
        match (judged.step, judged.chunk) {
            (None, _) => self.whole_layers.add(judged),
            (Some(_), None) => self.whole_steps.add(judged),
            (Some(_), Some(_)) => self.chunks.add(judged),
        }
    }

    /// The table as Markdown: nothing in it depends on the machine.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let kinds = Kind::ALL.map(Kind::name);
        let narrowed = self.narrowed.values().sum::<u32>();
        let below = match self.narrowed.len() {
            0 => "no layer is narrowed below".to_owned(),
            count => format!("{count} are narrowed below, to {narrowed} steps"),
        };
        let _ = writeln!(
            text,
            "## {}\n\n{} layers, {below} (budget of a layer: {}). {} games, {} claims refused at the door, {} wrong. \
             At most {} rounds and {} bytes a game.\n",
            self.model,
            self.layers.len(),
            self.budget,
            self.games,
            self.refused,
            self.wrong.len(),
            self.rounds,
            self.bytes
        );
        let _ = writeln!(text, "| judged | count | most bytes of evidence |\n|---|---|---|");
        let sorts = [
            ("layers, whole", &self.whole_layers),
            ("steps, whole", &self.whole_steps),
            ("chunks", &self.chunks),
        ];
        for (name, most) in sorts {
            let _ = writeln!(text, "| {name} | {} | {} |", most.count, most.evidence_bytes);
        }
        let _ = writeln!(text, "\n| layer | name | {} |", kinds.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(kinds.len() + 2));
        for (layer, name) in (1u32..).zip(&self.layers) {
            let cells = Kind::ALL.map(|kind| self.cell(layer, kind));
            let _ = writeln!(text, "| {layer} | {name} | {} |", cells.join(" | "));
        }
        text
    }

    fn cell(&self, layer: u32, kind: Kind) -> String {
        match self.cells.get(&(layer, kind)) {
            None | Some(Cell { games: 0, .. }) => "–".to_owned(),
            Some(cell) if !cell.wrong.is_empty() => format!("**{} wrong**", cell.wrong.len()),
            Some(Cell { games, refused: 0, .. }) => games.to_string(),
            Some(Cell { games, refused, .. }) => format!("{games} ({refused} refused)"),
        }
    }
}
