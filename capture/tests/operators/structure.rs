//! What a captured program looks like, and the measure itself.

use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};

use crate::common::{self, agree, floats, operators};
use crate::constant;

#[test]
pub fn a_linear_layer_is_one_operator() {
    let runner = agree("linear", [2, 3, 4], |x| {
        let device = x.device();
        let weight = Tensor::from_data(TensorData::new(floats(20, 2), [4, 5]), &device);
        let bias = Tensor::from_data(TensorData::new(floats(5, 3), [5]), &device);
        linear(x, weight, Some(bias))
    });
    assert_eq!(operators(&runner).iter().filter(|name| **name == "linear").count(), 1);
    assert!(!operators(&runner).contains(&"add"));
}

#[test]
pub fn a_product_that_is_read_twice_keeps_its_sum_apart() {
    let runner = agree("both", [3, 4], |x| {
        let product = x.clone().matmul(constant(&x, [4, 5], 2));
        (product.clone() + constant(&x, [1, 5], 3), product)
    });
    assert_eq!(operators(&runner), ["matmul", "add"]);
}

#[test]
pub fn values_do_not_depend_on_the_device_that_the_model_lives_on() {
    let there = Device::flex();
    let table = Tensor::<2>::from_data(TensorData::new(floats(6, 4), [2, 3]), &there);
    agree("a table of the closure's own", [2, 3], move |x| {
        let device = x.device();
        x * table.clone().to_device(&device)
    });
}

#[test]
#[should_panic(expected = "output 0, element 1")]
fn the_measure_itself_notices_a_difference_of_two_tolerances() {
    let found = gainsay_canon::Tensor::f32([2], vec![1.0, 1.0 + 2e-5]).unwrap();
    common::assert_close("control", &[vec![1.0, 1.0]], &[found]);
}
