//! The network as a Burn module.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnetConfig {
    /// Channels of the image.
    pub channels: usize,
    /// Channels at full resolution; halving the image doubles them.
    pub width: usize,
    /// How many times the image is halved.
    pub depth: usize,
    /// Masks made.
    pub classes: usize,
}

impl UnetConfig {
    /// A small one for tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self { channels: 3, width: 4, depth: 2, classes: 2 }
    }

    /// One for images of 128 pixels.
    #[must_use]
    pub fn bench() -> Self {
        Self { channels: 3, width: 32, depth: 3, classes: 2 }
    }
}

/// Images in, masks out.
#[derive(Module, Debug)]
pub struct Unet {
    down: Vec<Pair>,
    pool: MaxPool2d,
    bottom: Pair,
    up: Vec<Up>,
    head: Conv2d,
}

/// Two 3x3 convolutions, each with its norm and relu.
#[derive(Module, Debug)]
struct Pair {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    norm2: BatchNorm,
}

/// Twice the resolution, joined with what was there on the way down.
#[derive(Module, Debug)]
struct Up {
    widen: ConvTranspose2d,
    pair: Pair,
}

impl Unet {
    /// A network whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &UnetConfig, device: &Device) -> Self {
        let width = |level: usize| config.width << level;
        let down = (0..config.depth)
            .map(|level| {
                let inputs = if level == 0 { config.channels } else { width(level - 1) };
                Pair::new(inputs, width(level), device)
            })
            .collect();
        let bottom = Pair::new(width(config.depth.saturating_sub(1)), width(config.depth), device);
        let up = (0..config.depth)
            .rev()
            .map(|level| Up {
                widen: ConvTranspose2dConfig::new([width(level + 1), width(level)], [2, 2])
                    .with_stride([2, 2])
                    .init(device),
                pair: Pair::new(width(level + 1), width(level), device),
            })
            .collect();
        Self {
            down,
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            bottom,
            up,
            head: Conv2dConfig::new([config.width, config.classes], [1, 1]).init(device),
        }
    }

    /// Channels of an image.
    #[must_use]
    pub fn channels(&self) -> usize {
        let first = self.down.first().unwrap_or(&self.bottom);
        let [_, channels, _, _] = first.conv1.weight.dims();
        channels
    }

    /// What the sides of an image must be multiples of.
    #[must_use]
    pub fn granularity(&self) -> usize {
        1 << self.down.len()
    }

    /// Masks `[batch, classes, height, width]` from 0 to 1 for images `[batch, channels, height, width]` whose sides can be
    /// halved as often as the network is deep.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let mut skips = Vec::with_capacity(self.down.len());
        let mut x = image;
        for pair in &self.down {
            let skip = pair.forward(x);
            x = self.pool.forward(skip.clone());
            skips.push(skip);
        }
        x = self.bottom.forward(x);
        for (up, skip) in self.up.iter().zip(skips.into_iter().rev()) {
            x = up.pair.forward(Tensor::cat(vec![skip, up.widen.forward(x)], 1));
        }
        sigmoid(self.head.forward(x))
    }
}

impl Pair {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        let convolution = |inputs| {
            Conv2dConfig::new([inputs, outputs], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_bias(false)
                .init(device)
        };
        let norm = || BatchNormConfig::new(outputs).init(device);
        Self {
            conv1: convolution(inputs),
            norm1: norm(),
            conv2: convolution(outputs),
            norm2: norm(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = relu(self.norm1.forward(self.conv1.forward(x)));
        relu(self.norm2.forward(self.conv2.forward(x)))
    }
}
