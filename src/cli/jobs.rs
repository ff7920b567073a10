//! `gainsay submit` and `gainsay result`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use gainsay_canon::{DType, Tensor, TensorType};
use gainsay_network::api::{ArtifactView, ProgramView};
use gainsay_player::ArbiterClient;
use gainsay_protocol::{
    ArtifactId, ClaimOutcome, Job, JobId, JobPhase, JobState, Message, MessageId, PortType,
    TensorRef, Time,
};
use serde::Serialize;

use super::args::{ResultArgs, SubmitArgs, WaitFor};
use super::print;

/// How often `result --wait` looks.
const GLANCE: Duration = Duration::from_millis(250);

#[derive(Serialize)]
struct Submitted {
    job: String,
    log_index: u64,
}

/// Runs `gainsay submit`.
pub async fn submit(client: &ArbiterClient, args: &SubmitArgs) -> Result<()> {
    let (job, inputs) = job_of(client, args).await?;
    for bytes in &inputs {
        client.put_blob(bytes).await.context("cannot send an input")?;
    }
    let receipt = client.submit(Message::Job(job)).await.context("the job was not admitted")?;
    let submitted = Submitted { job: receipt.message.0.to_string(), log_index: receipt.index };
    print(args.output, &submitted, || println!("{}", submitted.job))
}

/// The job that the flags ask for, and the bytes of its inputs.
pub async fn job_of(client: &ArbiterClient, args: &SubmitArgs) -> Result<(Job, Vec<Vec<u8>>)> {
    let artifact =
        client.artifact(ArtifactId(args.artifact)).await.context("cannot ask for the artifact")?;
    let artifact = artifact
        .with_context(|| format!("the arbiter has not admitted artifact {}", args.artifact))?;
    let (index, program) = choose_program(&artifact, args.program.as_deref())?;
    let (mut inputs, mut bytes) = (Vec::new(), Vec::new());
    for (name, port) in &program.inputs {
        let prefix = format!("{name}=");
        let file = args.inputs.iter().find_map(|input| input.strip_prefix(&prefix));
        let file = file.with_context(|| {
            format!("the program's input {name:?} is not given: --input {name}=FILE")
        })?;
        let tensor = read_input(Path::new(file), port)
            .with_context(|| format!("input {name:?} from {file}"))?;
        let given = tensor.bytes().into_owned();
        let content = gainsay_commitment::content(&given);
        inputs.push(TensorRef { dtype: port.dtype, shape: port.shape.clone(), content });
        bytes.push(given);
    }
    if let Some(unknown) = unknown_input(program, &args.inputs) {
        bail!("--input {unknown}: the program has no such input");
    }
    let now = client.now().await.context("cannot ask for the time")?;
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).context("the system gave no random bytes")?;
    let job = Job {
        artifact: artifact.id,
        program: index,
        inputs,
        fee: args.fee,
        deadline: Time(now.0.saturating_add(args.deadline_s.saturating_mul(1000))),
        nonce: u64::from_le_bytes(nonce),
    };
    Ok((job, bytes))
}

fn choose_program<'a>(
    artifact: &'a ArtifactView,
    name: Option<&str>,
) -> Result<(u32, &'a ProgramView)> {
    let mut programs = (0u32..).zip(&artifact.programs);
    let known = || {
        let names: Vec<&str> =
            artifact.programs.iter().map(|program| program.name.as_str()).collect();
        names.join(", ")
    };
    match name {
        Some(name) => programs
            .find(|(_, program)| program.name == name)
            .with_context(|| format!("the artifact has no program {name:?}; it has: {}", known())),
        None if artifact.programs.len() == 1 => {
            programs.next().context("the artifact has no program")
        }
        None => bail!("the artifact has several programs ({}): choose one with --program", known()),
    }
}

fn unknown_input<'a>(program: &ProgramView, inputs: &'a [String]) -> Option<&'a String> {
    inputs.iter().find(|input| {
        let name = input.split_once('=').map(|(name, _)| name);
        !program.inputs.iter().any(|(known, _)| Some(known.as_str()) == name)
    })
}

/// A port's type as canonical arithmetic has it.
fn tensor_type(port: &PortType) -> Result<TensorType> {
    let dtype: DType = borsh::from_slice(&[port.dtype])
        .with_context(|| format!("this build does not know element type {}", port.dtype))?;
    Ok(TensorType { dtype, shape: port.shape.clone() })
}

/// Raw bytes, or JSON numbers (nested as you like, row-major) for a file that ends in `.json`.
fn read_input(file: &Path, port: &PortType) -> Result<Tensor> {
    let tensor = tensor_type(port)?;
    let bytes = std::fs::read(file).context("cannot read the file")?;
    let json = file.extension().is_some_and(|extension| extension == "json");
    let bytes = if json { json_bytes(&bytes, &tensor)? } else { bytes };
    Tensor::from_bytes(&tensor, &bytes)
        .with_context(|| format!("the bytes are not a tensor of type {tensor}"))
}

fn json_bytes(text: &[u8], tensor: &TensorType) -> Result<Vec<u8>> {
    let value: serde_json::Value = serde_json::from_slice(text).context("not JSON")?;
    let mut bytes = Vec::new();
    let mut open = vec![&value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::Array(items) => open.extend(items.iter().rev()),
            other => push_number(&mut bytes, other, tensor.dtype)?,
        }
    }
    Ok(bytes)
}

fn push_number(bytes: &mut Vec<u8>, value: &serde_json::Value, dtype: DType) -> Result<()> {
    let refuse = || format!("{value} is not a value of type {dtype}");
    let float = || value.as_f64().with_context(refuse);
    let integer = || value.as_i64().with_context(refuse);
    match dtype {
        DType::F32 => bytes.extend((float()? as f32).to_le_bytes()),
        DType::F64 => bytes.extend(float()?.to_le_bytes()),
        DType::I64 => bytes.extend(integer()?.to_le_bytes()),
        DType::I32 => bytes.extend(i32::try_from(integer()?).with_context(refuse)?.to_le_bytes()),
        DType::U8 => bytes.extend(u8::try_from(integer()?).with_context(refuse)?.to_le_bytes()),
        DType::Bool => bytes.push(value.as_bool().with_context(refuse)?.into()),
        other => bail!("JSON input of type {other} is not supported: give raw bytes"),
    }
    Ok(())
}

#[derive(Serialize)]
struct Answer {
    job: String,
    phase: String,
    claim: Option<String>,
    claim_phase: Option<String>,
    executor: Option<String>,
    root: Option<String>,
    outputs: Vec<OutputView>,
}

#[derive(Serialize)]
struct OutputView {
    name: String,
    tensor: String,
    content: String,
    values: Option<Vec<f64>>,
}

/// Runs `gainsay result`.
pub async fn result(client: &ArbiterClient, args: &ResultArgs) -> Result<()> {
    let id = JobId(MessageId(args.job));
    let state = wait(client, id, args).await?;
    let artifact =
        client.artifact(state.job.artifact).await.context("cannot ask for the artifact")?;
    let names: Vec<String> = artifact
        .and_then(|view| view.programs.get(state.job.program as usize).cloned())
        .map(|program| program.outputs.into_iter().map(|(name, _)| name).collect())
        .unwrap_or_default();
    let claim = state.claim().filter(|claim| {
        !matches!(claim.outcome(), Some(ClaimOutcome::Rejected | ClaimOutcome::Cancelled))
    });
    let mut outputs = Vec::new();
    for (position, output) in claim.map_or(&[][..], |claim| &claim.claim.outputs).iter().enumerate()
    {
        let name = names.get(position).cloned().unwrap_or_else(|| format!("output-{position}"));
        outputs.push(fetch_output(client, output, name, args).await?);
    }
    let answer = Answer {
        job: args.job.to_string(),
        phase: state.phase.name().to_owned(),
        claim: claim.map(|claim| claim.id.0.0.to_string()),
        claim_phase: claim.map(|claim| super::views::claim_phase(claim).to_owned()),
        executor: claim.map(|claim| claim.executor.to_string()),
        root: claim.map(|claim| claim.claim.root.to_string()),
        outputs,
    };
    print(args.output, &answer, || tell(&answer))
}

fn tell(answer: &Answer) {
    match &answer.claim_phase {
        Some(phase) => println!("job {}, claim {phase}", answer.phase),
        None => println!("job {}, no claim that stands", answer.phase),
    }
    for output in &answer.outputs {
        println!("{} {}", output.name, output.tensor);
        if let Some(values) = &output.values {
            let shown: Vec<String> = values.iter().take(16).map(f64::to_string).collect();
            let more = if values.len() > 16 { ", ..." } else { "" };
            println!("  [{}{more}]", shown.join(", "));
        }
    }
}

/// The bytes of an output, checked against the claim.
async fn fetch_output(
    client: &ArbiterClient,
    output: &TensorRef,
    name: String,
    args: &ResultArgs,
) -> Result<OutputView> {
    let bytes = client
        .get_blob(output.content)
        .await
        .with_context(|| format!("cannot fetch output {name:?}"))?;
    if gainsay_commitment::content(&bytes) != output.content {
        bail!("the bytes of output {name:?} are not those that were claimed");
    }
    let port = PortType { dtype: output.dtype, shape: output.shape.clone() };
    let tensor = Tensor::from_bytes(&tensor_type(&port)?, &bytes)
        .with_context(|| format!("output {name:?} is not of the claimed type"))?;
    if let Some(folder) = &args.save {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{name}.bin"));
        std::fs::write(&file, &bytes)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let values = match tensor.as_f32() {
        Some(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
        None => tensor.as_i64().map(|values| values.iter().map(|value| *value as f64).collect()),
    };
    Ok(OutputView {
        name,
        tensor: tensor.tensor_type().to_string(),
        content: output.content.to_string(),
        values,
    })
}

async fn wait(client: &ArbiterClient, id: JobId, args: &ResultArgs) -> Result<JobState> {
    let ready = |state: &JobState| match args.wait {
        None => true,
        Some(WaitFor::Claim) => state.phase == JobPhase::Claimed || state.is_terminal(),
        Some(WaitFor::Final) => state.is_terminal(),
    };
    let waited = tokio::time::timeout(Duration::from_secs(args.timeout_s), async {
        let mut glances = tokio::time::interval(GLANCE);
        loop {
            glances.tick().await;
            let state = client.job(id).await.context("cannot ask for the job")?;
            let state = state.with_context(|| format!("the arbiter knows no job {}", args.job))?;
            if ready(&state) {
                return Ok(state);
            }
        }
    });
    match waited.await {
        Ok(state) => state,
        Err(_) => bail!("the job has not come that far after {} s", args.timeout_s),
    }
}
