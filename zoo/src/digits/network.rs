//! A small residual convolutional network for 8x8 images.
//!
//! Three stages at 8x8, 4x4 and 2x2 pixels, two residual blocks each, then two linear layers:
//! 2.2 MFLOP per image and at most 4 KiB per activation.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Tensor};

use super::CLASSES;
use crate::weights::{self, LoadError};

/// Channels at 8x8, 4x4 and 2x2 pixels.
const WIDTHS: [usize; 3] = [16, 24, 32];
/// Residual blocks per stage.
const BLOCKS: usize = 2;
/// Width of the hidden linear layer.
const HIDDEN: usize = 48;

static WEIGHTS: &[u8] = include_bytes!("../../data/digits/weights.safetensors");

/// `relu(x + second(relu(first(x))))` with two 3x3 convolutions.
#[derive(Module, Debug)]
pub struct Residual {
    first: Conv2d,
    second: Conv2d,
}

impl Residual {
    fn new(channels: usize, device: &Device) -> Self {
        Self {
            first: convolution(channels, channels, device),
            second: convolution(channels, channels, device),
        }
    }

    /// `x` and the result are `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let change = self.second.forward(relu(self.first.forward(x.clone())));
        relu(x + change)
    }
}

/// The digits network: `[batch, 1, 8, 8]` in, ten logits per image out.
#[derive(Module, Debug)]
pub struct DigitsNet {
    stem: Conv2d,
    fine: Vec<Residual>,
    narrow: Conv2d,
    middle: Vec<Residual>,
    condense: Conv2d,
    coarse: Vec<Residual>,
    hidden: Linear,
    head: Linear,
    pool: MaxPool2d,
}

impl DigitsNet {
    /// A network with random parameters, drawn from the device's generator.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        let [fine, middle, coarse] = WIDTHS;
        let stage = |channels| (0..BLOCKS).map(|_| Residual::new(channels, device)).collect();
        Self {
            stem: convolution(1, fine, device),
            fine: stage(fine),
            narrow: convolution(fine, middle, device),
            middle: stage(middle),
            condense: convolution(middle, coarse, device),
            coarse: stage(coarse),
            hidden: LinearConfig::new(coarse * 4, HIDDEN).init(device),
            head: LinearConfig::new(HIDDEN, CLASSES).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    /// The trained network, with the parameters embedded in the binary.
    ///
    /// # Errors
    /// When the embedded file does not fit the network, naming the tensor.
    pub fn load(device: &Device) -> Result<Self, LoadError> {
        weights::load(Self::new(device), WEIGHTS)
    }

    /// Logits `[batch, 10]` for images `[batch, 1, 8, 8]` with brightness from 0 to 1.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.stem.forward(images));
        let x = self.fine.iter().fold(x, |x, block| block.forward(x));
        let x = relu(self.narrow.forward(self.pool.forward(x)));
        let x = self.middle.iter().fold(x, |x, block| block.forward(x));
        let x = relu(self.condense.forward(self.pool.forward(x)));
        let x = self.coarse.iter().fold(x, |x, block| block.forward(x));
        let x = relu(self.hidden.forward(x.flatten::<2>(1, 3)));
        self.head.forward(x)
    }

    /// Probabilities of the ten digits, `[batch, 10]`, for logits from [`DigitsNet::forward`].
    pub fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        softmax(logits, 1)
    }
}

fn convolution(inputs: usize, outputs: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}
