//! The cases as `extract.py` wrote them.

use gainsay_canon::{DType, Tensor, TensorType};
use serde_json::Value as Json;

/// All tensors have this many axes inside a closure: those that ONNX leaves out are 1, in front.
pub const RANK: usize = 6;

pub struct Case {
    json: Json,
    blob: &'static [u8],
}

/// Every case of the index.
pub fn all() -> Vec<Case> {
    let index: Json = serde_json::from_str(include_str!("cases.json")).unwrap();
    let blob = include_bytes!("cases.bin");
    let cases = index["cases"].as_array().unwrap().iter();
    cases.map(|json| Case { json: json.clone(), blob }).collect()
}

/// A tensor of a case: its extents as ONNX has them, and its canonical form of [`RANK`] axes.
pub struct Stored {
    pub dims: Vec<usize>,
    pub tensor: Tensor,
}

impl Case {
    pub fn name(&self) -> &str {
        self.json["name"].as_str().unwrap()
    }

    pub fn operator(&self) -> &str {
        self.json["operator"].as_str().unwrap()
    }

    pub fn inputs(&self) -> usize {
        self.json["inputs"].as_array().unwrap().len()
    }

    pub fn outputs(&self) -> usize {
        self.json["outputs"].as_array().unwrap().len()
    }

    pub fn input(&self, at: usize) -> Option<Stored> {
        self.stored(&self.json["inputs"][at])
    }

    pub fn output(&self, at: usize) -> Option<Stored> {
        self.stored(&self.json["outputs"][at])
    }

    fn stored(&self, json: &Json) -> Option<Stored> {
        let dtype = dtype(json.get("dtype")?.as_str()?);
        let dims: Vec<usize> = json["shape"]
            .as_array()?
            .iter()
            .map(|extent| extent.as_u64().unwrap() as usize)
            .collect();
        let tensor_type = TensorType::new(dtype, padded(&dims).map(|extent| extent as u64));
        let at = json["at"].as_u64()? as usize;
        let bytes = &self.blob[at..at + tensor_type.byte_len().unwrap()];
        Some(Stored { dims, tensor: Tensor::from_bytes(&tensor_type, bytes).unwrap() })
    }

    /// The numbers of an input that is part of the operator's configuration.
    pub fn numbers(&self, at: usize) -> Option<Vec<f64>> {
        self.input(at).map(|stored| crate::common::canonical(&stored.tensor))
    }

    pub fn whole(&self, at: usize) -> Option<Vec<i64>> {
        self.numbers(at).map(|numbers| numbers.into_iter().map(|x| x as i64).collect())
    }

    pub fn has(&self, attribute: &str) -> bool {
        self.json["attributes"].get(attribute).is_some()
    }

    pub fn int(&self, attribute: &str, default: i64) -> i64 {
        self.json["attributes"].get(attribute).map_or(default, |value| value.as_i64().unwrap())
    }

    pub fn float(&self, attribute: &str, default: f64) -> f64 {
        self.json["attributes"].get(attribute).map_or(default, |value| value.as_f64().unwrap())
    }

    pub fn text(&self, attribute: &str, default: &str) -> String {
        let value = self.json["attributes"].get(attribute);
        value.map_or(default, |value| value.as_str().unwrap()).to_owned()
    }

    pub fn ints(&self, attribute: &str) -> Option<Vec<i64>> {
        let values = self.json["attributes"].get(attribute)?.as_array()?;
        Some(values.iter().map(|value| value.as_i64().unwrap()).collect())
    }

    /// A list of an attribute as an array, or the default throughout.
    pub fn extents<const N: usize>(&self, attribute: &str, default: usize) -> [usize; N] {
        let Some(values) = self.ints(attribute) else { return [default; N] };
        let values: Vec<usize> = values.into_iter().map(|value| value as usize).collect();
        values.try_into().unwrap()
    }
}

/// Extents with ones in front.
pub fn padded(dims: &[usize]) -> [usize; RANK] {
    let mut extents = [1; RANK];
    extents[RANK - dims.len()..].copy_from_slice(dims);
    extents
}

fn dtype(name: &str) -> DType {
    match name {
        "f32" => DType::F32,
        "f64" => DType::F64,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        "i8" => DType::I8,
        "i16" => DType::I16,
        "i32" => DType::I32,
        "i64" => DType::I64,
        "u8" => DType::U8,
        "u16" => DType::U16,
        "u32" => DType::U32,
        "u64" => DType::U64,
        "bool" => DType::Bool,
        other => panic!("{other}"),
    }
}
