//! What the demo asks about: held-out handwritten digits, sentences for a model with a tokenizer, or seeded values for any
//! other model.

use anyhow::{Context, Result};
use gainsay_canon::Tensor;
use gainsay_model::Artifact;

use super::kind::Plan;
use crate::cli::args::DemoArgs;
use crate::seeded;

/// One inference to ask for.
#[derive(Debug, Clone)]
pub struct Question {
    /// The program's inputs, by position.
    pub inputs: Vec<Tensor>,
    /// The right answer, if it is known: which of the first output's elements is to be the largest.
    pub label: Option<u8>,
}

/// The model, and as many questions as the arguments say.
pub fn prepare(args: &DemoArgs, plan: &Plan) -> Result<(Artifact, Vec<Question>)> {
    let artifact = match &args.model {
        Some(folder) => Artifact::load(folder, &gainsay_model::Limits::default())
            .with_context(|| format!("cannot load the artifact {}", folder.display()))?,
        None => digits_artifact()?,
    };
    let questions = match digits_questions(args, plan, &artifact)? {
        Some(questions) => Some(questions),
        None => text_questions(args, plan, &artifact)?,
    };
    let questions = match questions {
        Some(questions) => questions,
        None => seeded_questions(args, plan, &artifact)?,
    };
    Ok((artifact, questions))
}

#[cfg(feature = "models")]
fn digits_artifact() -> Result<Artifact> {
    gainsay_zoo::digits::artifact().context("cannot capture the digits model")
}

#[cfg(not(feature = "models"))]
fn digits_artifact() -> Result<Artifact> {
    anyhow::bail!(
        "this build has no models (feature `models`): name an artifact folder with --model DIR"
    )
}

/// Held-out images in a seeded order, if the artifact takes such images.
#[cfg(feature = "models")]
fn digits_questions(
    args: &DemoArgs,
    plan: &Plan,
    artifact: &Artifact,
) -> Result<Option<Vec<Question>>> {
    use gainsay_zoo::digits::{Dataset, NAME};
    if artifact.name() != NAME {
        return Ok(None);
    }
    let dataset = Dataset::embedded();
    let mut images: Vec<_> = dataset.held_out().enumerate().collect();
    images.sort_by_key(|(index, _)| plan.draw("image", *index as u64));
    let questions = images
        .iter()
        .cycle()
        .take(args.jobs as usize)
        .map(|(_, image)| {
            let input = image.input().context("an image is not of the model's shape")?;
            Ok(Question { inputs: vec![input], label: Some(image.label) })
        })
        .collect::<Result<_>>()?;
    Ok(Some(questions))
}

#[cfg(not(feature = "models"))]
fn digits_questions(_: &DemoArgs, _: &Plan, _: &Artifact) -> Result<Option<Vec<Question>>> {
    Ok(None)
}

/// Sentences, one for each demo question and more.
#[cfg(feature = "models")]
static SENTENCES: &str = include_str!("sentences.txt");

/// Sentences in a seeded order, if the first program takes texts and a tokenizer lies beside the manifest.
#[cfg(feature = "models")]
fn text_questions(
    args: &DemoArgs,
    plan: &Plan,
    artifact: &Artifact,
) -> Result<Option<Vec<Question>>> {
    use crate::texts::text_programs;
    use gainsay_model::TOKENIZER;
    use gainsay_zoo::text::TextTokenizer;

    let file = args.model.as_ref().map(|folder| folder.join(TOKENIZER));
    let first = text_programs(artifact).into_iter().find(|program| program.index == 0);
    let (Some(file), Some(program)) = (file.filter(|file| file.is_file()), first) else {
        return Ok(None);
    };
    let tokenizer = TextTokenizer::load(&file, program.seq)?;
    let mut sentences: Vec<_> = SENTENCES.lines().enumerate().collect();
    sentences.sort_by_key(|(index, _)| plan.draw("sentence", *index as u64));
    let mut sentences = sentences.iter().cycle();
    let questions = (0..args.jobs)
        .map(|_| {
            let texts = sentences.by_ref().take(program.batch);
            let texts: Vec<_> =
                texts.map(|(_, text)| tokenizer.encode(text)).collect::<Result<_, _>>()?;
            let inputs = tokenizer.inputs(&texts, program.batch, program.seq)?.to_vec();
            Ok(Question { inputs, label: None })
        })
        .collect::<Result<_>>()?;
    Ok(Some(questions))
}

#[cfg(not(feature = "models"))]
fn text_questions(_: &DemoArgs, _: &Plan, _: &Artifact) -> Result<Option<Vec<Question>>> {
    Ok(None)
}

/// Seeded values of the first program's input types.
fn seeded_questions(args: &DemoArgs, plan: &Plan, artifact: &Artifact) -> Result<Vec<Question>> {
    let program = artifact.program(0).context("the artifact has no program")?.clone();
    (0..u64::from(args.jobs))
        .map(|job| {
            let ports = (0u64..).zip(&program.program().inputs);
            let inputs = ports
                .map(|(port, input)| {
                    seeded::tensor(plan.draw("input", job << 8 | port), &input.tensor)
                })
                .collect::<Result<_>>()?;
            Ok(Question { inputs, label: None })
        })
        .collect()
}
