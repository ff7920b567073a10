//! Small models written in the formats that people publish, with the outputs that `reference.py` computed in numpy.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Case {
    pub config: Option<Value>,
    pub tensors: BTreeMap<String, Vec<usize>>,
    pub inputs: Vec<Input>,
    pub output: Output,
}

#[derive(Deserialize)]
pub struct Input {
    pub shape: Vec<usize>,
    #[serde(default)]
    pub integers: Vec<i64>,
    pub name: Option<String>,
}

#[derive(Deserialize)]
pub struct Output {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

pub fn case(name: &str) -> Case {
    let cases: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("reference.json")).unwrap();
    serde_json::from_value(cases[name].clone()).unwrap()
}

/// CRC-32 of the name, as zlib has it.
pub fn crc32(text: &str) -> u64 {
    let crc = text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    u64::from(!crc)
}

/// The formula of `values` in reference.py.
pub fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = crc32(name) << 32;
    let unit = |index: u64| {
        let z = (seed + index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    };
    let last = name.rsplit('.').next().unwrap();
    let value = |unit: f32| match (last, shape.len()) {
        ("running_var", _) | ("weight", 1) => 1.0 + unit / 4.0,
        (_, 1) => unit / 8.0,
        _ => unit / 4.0,
    };
    (0..shape.iter().product::<usize>() as u64).map(|index| value(unit(index))).collect()
}

pub fn narrowed(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Dtype::BF16 => {
            values.iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect()
        }
        other => panic!("{other:?} is not written here"),
    }
}

pub type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

pub fn tensors(case: &Case, dtype: Dtype) -> Tensors {
    let tensor = |(name, shape): (&String, &Vec<usize>)| {
        // Counters of PyTorch's batch norms are integers without axes.
        let (dtype, bytes) = match shape.is_empty() {
            true => (Dtype::I64, vec![0; 8]),
            false => (dtype, narrowed(&values(name, shape), dtype)),
        };
        (name.clone(), (dtype, shape.clone(), bytes))
    };
    case.tensors.iter().map(tensor).collect()
}

pub fn write(folder: &Path, file: &str, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    std::fs::write(folder.join(file), safetensors::serialize(views, None).unwrap()).unwrap();
}

pub fn folder(case: &Case, tensors: &Tensors) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if let Some(config) = &case.config {
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    }
    write(folder.path(), "model.safetensors", tensors);
    folder
}

pub fn published(case: &Case) -> tempfile::TempDir {
    folder(case, &tensors(case, Dtype::F32))
}
