use super::*;

#[test]
fn bytes_round_trip_for_every_element_type() {
    for dtype in DType::ALL {
        let tensor_type = TensorType::new(dtype, [3, 5]);
        let count = tensor_type.byte_len().unwrap();
        let bytes: Vec<u8> = (0..count)
            .map(|i| if dtype == DType::Bool { i as u8 % 2 } else { (i * 37) as u8 })
            .collect();
        let tensor = Tensor::from_bytes(&tensor_type, &bytes).unwrap();
        assert_eq!(tensor.bytes(), bytes, "{dtype}");
        assert_eq!(tensor.tensor_type(), &tensor_type);
        assert!(Tensor::zeros(&tensor_type).unwrap().bytes().iter().all(|&byte| byte == 0));
    }
}

#[test]
fn wrong_lengths_and_bools_are_refused() {
    let f32s = TensorType::new(DType::F32, [2]);
    assert_eq!(
        Tensor::from_bytes(&f32s, &[0; 7]),
        Err(TensorError::Length { tensor_type: f32s.clone(), expected: 8, found: 7 })
    );
    let bools = TensorType::new(DType::Bool, [3]);
    assert_eq!(
        Tensor::from_bytes(&bools, &[0, 1, 2]),
        Err(TensorError::Bool { position: 2, byte: 2 })
    );
    assert!(matches!(
        Tensor::f32([2, 2], vec![0.0; 3]),
        Err(TensorError::Count { expected: 4, found: 3, .. })
    ));
}

#[test]
fn impossible_shapes_are_refused_without_allocation() {
    let huge = TensorType::new(DType::F64, [u64::MAX, u64::MAX]);
    assert_eq!(huge.elements(), Err(TensorError::TooLarge { shape: vec![u64::MAX; 2] }));
    assert!(Tensor::from_bytes(&huge, &[]).is_err());
    assert!(Tensor::zeros(&TensorType::new(DType::U8, [1 << 31])).is_err());
    assert!(TensorType::new(DType::U8, [0, 1 << 31]).elements().is_err());
    assert_eq!(TensorType::new(DType::U8, [0, 7]).elements(), Ok(0));
    assert_eq!(TensorType::new(DType::U8, []).elements(), Ok(1));
    assert_eq!(
        TensorType::new(DType::U8, [1; 9]).elements(),
        Err(TensorError::TooManyAxes { rank: 9 })
    );
}

#[test]
fn equality_is_that_of_bits() {
    let f32s = |bits: u32| Tensor::f32([1], vec![f32::from_bits(bits)]).unwrap();
    assert_eq!(f32s(0x7fc0_0001), f32s(0x7fc0_0001));
    assert_ne!(f32s(0x7fc0_0001), f32s(0x7fc0_0000));
    assert_ne!(f32s(0), f32s(0x8000_0000));
}

#[test]
fn types_are_written_for_people() {
    assert_eq!(TensorType::new(DType::F32, [1, 8, 8]).to_string(), "f32[1, 8, 8]");
    assert_eq!(TensorType::new(DType::Bool, []).to_string(), "bool[]");
}

#[test]
fn a_resized_tensor_keeps_its_first_elements_and_is_zero_after_them() {
    let tensor = Tensor::f32([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let smaller = tensor.resized(&[2]).unwrap();
    assert_eq!(smaller, Tensor::f32([2], vec![1.0, 2.0]).unwrap());
    let larger = smaller.resized(&[2, 2]).unwrap();
    assert_eq!(larger, Tensor::f32([2, 2], vec![1.0, 2.0, 0.0, 0.0]).unwrap());
    assert!(larger.resized(&[crate::MAX_ELEMENTS]).is_err());
}

#[test]
fn a_tensor_read_from_its_bytes_is_that_tensor() {
    for dtype in DType::ALL {
        let tensor_type = TensorType::new(dtype, [3, 5]);
        let mask = if dtype == DType::Bool { 1 } else { 255 };
        let bytes: Vec<u8> =
            (0..tensor_type.byte_len().unwrap()).map(|at| (at * 37 + 11) as u8 & mask).collect();
        let expected = Tensor::from_bytes(&tensor_type, &bytes).unwrap();
        let mut source = bytes.as_slice();
        assert_eq!(Tensor::read(&tensor_type, &mut source).unwrap(), expected, "{dtype}");
        assert!(source.is_empty());
        let mut short = &bytes[..bytes.len() - 1];
        assert!(Tensor::read(&tensor_type, &mut short).is_err(), "{dtype}");
    }
    let bools = TensorType::new(DType::Bool, [2]);
    assert!(Tensor::read(&bools, &mut [1u8, 2].as_slice()).is_err());
}
