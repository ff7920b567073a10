//! `gainsay fault-table`: every layer of a model and every kind of lie about it, told by the executor and, against a
//! correct claim, by a challenger: whole disputes, through the real state machine, the players' strategy and the judge.
//!
//! A game is right if the liar is at fault, at the first layer, step and chunk where the lie is, and the honest side loses
//! nothing. Lies that would come out true are left out.

mod arbiter;
mod below;
mod check;
mod game;
mod lies;
mod models;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::lies::Kind;
use self::table::{Part, Table};
use crate::cli::args::Output;

/// Flags of `fault-table`.
#[derive(Debug, Clone, Args)]
pub struct FaultTableArgs {
    /// Models: bert and llama (small, every layer narrowed below), resnet (small, layers judged whole), and with layers
    /// as wide as published ones under the default budget minilm and bert-base; or artifact folders.
    #[arg(long = "model", value_name = "NAME", value_delimiter = ',', default_values = ["bert", "resnet"])]
    pub models: Vec<String>,
    /// A folder of published weights for minilm (config.json, model.safetensors); seeded ones if left out.
    #[arg(long, value_name = "DIR")]
    pub weights: Option<PathBuf>,
    /// Play every so many of the lies only.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub stride: u64,
    /// Decides which elements are changed, and the inputs.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Write the table to this file.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// Runs the command. A wrong verdict makes the exit code not 0.
pub fn run(args: &FaultTableArgs) -> Result<()> {
    let part = Part { stride: args.stride, seed: args.seed };
    let mut tables = Vec::new();
    for model in &args.models {
        let (subject, others) = models::load(model, args.weights.as_deref(), args.seed)?;
        let layers = u64::from(subject.runner.program().layer_count());
        let bar = progress(layers * Kind::ALL.len() as u64);
        let mut done = |table: &Table| {
            bar.inc(1);
            bar.set_message(format!("{model}: {} games, {} wrong", table.games, table.wrong.len()));
        };
        let table = Table::play(model, &subject, &others, part, &mut done)?;
        bar.finish_and_clear();
        tables.push(table);
    }
    let text = markdown(&tables);
    if let Some(file) = &args.markdown {
        std::fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if args.output.json {
        let report = serde_json::json!({ "tables": tables });
        println!("{}", serde_json::to_string_pretty(&report).context("cannot encode the tables")?);
    } else {
        print(&text, &tables);
    }
    let wrong: Vec<&String> = tables.iter().flat_map(|table| &table.wrong).collect();
    wrong.iter().for_each(|wrong| eprintln!("wrong: {wrong}"));
    ensure!(wrong.is_empty(), "{} games ended otherwise than they must", wrong.len());
    Ok(())
}

fn print(text: &str, tables: &[Table]) {
    print!("{text}");
    println!(
        "\nTime to judge a case, median and most; most to put one together; most to judge again below a layer, from the file; best of three, in ms:"
    );
    for table in tables {
        let sorts = [
            ("layers", &table.whole_layers),
            ("whole steps", &table.whole_steps),
            ("chunks", &table.chunks),
        ];
        for (sort, most) in sorts.into_iter().filter(|(_, most)| most.count > 0) {
            let (median, longest, made) = (most.median_ms, most.ms, most.case_ms);
            let again = most.again_ms.map(|again| format!("; {again:.2}")).unwrap_or_default();
            let model = &table.model;
            println!("{model}, {sort}: {median:.2}, {longest:.2}; {made:.2}{again}");
        }
    }
}

/// The tables as a document.
fn markdown(tables: &[Table]) -> String {
    let parts: Vec<String> = tables.iter().map(Table::markdown).collect();
    format!("{HEAD}{}", parts.join("\n"))
}

const HEAD: &str = "\
# The fault table

Generated: `cargo run --release -- fault-table --markdown docs/fault-table.md`. Small models on seeded weights; every layer, and every
kind of lie about it, told by the executor and, against a correct claim, by a challenger. A cell counts the games: whole disputes
through the state machine, the players' strategy and the judge. In each the liar was found at fault, at the first layer, step and
chunk where the lie is, and the honest side lost nothing; the command fails otherwise. `–`: no such lie differs from the truth.
`refused`: the claim was not admitted.

One value: *one ulp*, *sign*, *NaN*; the whole tensor: *zeros*; *skipped*: the layer's output is its input, or zeros; *stale*: that of
other inputs; *quantised* and *weights*: the layer on rounded and on scaled weights; *malformed*: five states that are not of the
program, hashed right; *garbage*: a digest with nothing behind it; *false steps*: one story above the layer, another below; *each step*:
one value off after each operator of the layer.

";

/// A progress line on standard error, hidden where that is not a terminal.
fn progress(steps: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(steps);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
