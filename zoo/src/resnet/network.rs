//! The network as a Burn module.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Which of the published depths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Eight blocks of two 3x3 convolutions.
    Eighteen,
    /// Sixteen blocks of a 1x1, a 3x3 and a 1x1 convolution.
    Fifty,
}

impl Depth {
    /// The artifact's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eighteen => "resnet18",
            Self::Fifty => "resnet50",
        }
    }

    /// How many times wider a block's output is than its inner convolutions.
    fn expansion(self) -> usize {
        match self {
            Self::Eighteen => 1,
            Self::Fifty => 4,
        }
    }
}

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResnetConfig {
    /// Which blocks.
    pub depth: Depth,
    /// Channels of the stem and the first stage; every stage doubles them.
    pub width: usize,
    /// Blocks of the four stages.
    pub blocks: [usize; 4],
    /// Classes told apart.
    pub classes: usize,
}

impl ResnetConfig {
    /// The sizes that were published.
    #[must_use]
    pub fn published(depth: Depth) -> Self {
        let blocks = match depth {
            Depth::Eighteen => [2, 2, 2, 2],
            Depth::Fifty => [3, 4, 6, 3],
        };
        Self { depth, width: 64, blocks, classes: 1000 }
    }

    /// A narrow one for tests, with one block per stage.
    #[must_use]
    pub fn tiny(depth: Depth) -> Self {
        Self { depth, width: 4, blocks: [1; 4], classes: 10 }
    }
}

/// Images in, logits out. Fields are called as in torchvision.
#[derive(Module, Debug)]
pub struct Resnet {
    conv1: Conv2d,
    bn1: BatchNorm,
    maxpool: MaxPool2d,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    avgpool: AdaptiveAvgPool2d,
    fc: Linear,
}

/// `relu(change(x) + shortcut(x))`, the change being two or three convolutions.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    downsample: Option<Downsample>,
}

#[derive(Module, Debug)]
struct Downsample {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Resnet {
    /// A network whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &ResnetConfig, device: &Device) -> Self {
        let mut channels = config.width;
        let [one, two, three, four] = config.blocks;
        let mut stage = |number: u32, blocks: usize| -> Vec<Block> {
            let width = config.width << number;
            (0..blocks)
                .map(|block| {
                    let stride = if number > 0 && block == 0 { 2 } else { 1 };
                    let made = Block::new(config.depth, channels, width, stride, device);
                    channels = width * config.depth.expansion();
                    made
                })
                .collect()
        };
        let (layer1, layer2, layer3, layer4) =
            (stage(0, one), stage(1, two), stage(2, three), stage(3, four));
        Self {
            conv1: convolution([3, config.width], 7, 2, device),
            bn1: BatchNormConfig::new(config.width).init(device),
            maxpool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            layer1,
            layer2,
            layer3,
            layer4,
            avgpool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            fc: LinearConfig::new(channels, config.classes).init(device),
        }
    }

    /// Logits `[batch, classes]` for normalised images `[batch, 3, height, width]`.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<2> {
        let x = relu(self.bn1.forward(self.conv1.forward(image)));
        let x = self.maxpool.forward(x);
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        let x = stages.into_iter().flatten().fold(x, |x, block| block.forward(x));
        self.fc.forward(self.avgpool.forward(x).flatten(1, 3))
    }
}

impl Block {
    fn new(depth: Depth, inputs: usize, width: usize, stride: usize, device: &Device) -> Self {
        let outputs = width * depth.expansion();
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        let downsample = (stride != 1 || inputs != outputs).then(|| Downsample {
            conv: convolution([inputs, outputs], 1, stride, device),
            norm: norm(outputs),
        });
        let (conv1, conv2, conv3, bn3) = match depth {
            Depth::Eighteen => (
                convolution([inputs, width], 3, stride, device),
                convolution([width, width], 3, 1, device),
                None,
                None,
            ),
            // The stride is on the 3x3 convolution, as in torchvision.
            Depth::Fifty => (
                convolution([inputs, width], 1, 1, device),
                convolution([width, width], 3, stride, device),
                Some(convolution([width, outputs], 1, 1, device)),
                Some(norm(outputs)),
            ),
        };
        Self { conv1, bn1: norm(width), conv2, bn2: norm(width), conv3, bn3, downsample }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let change = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let change = self.bn2.forward(self.conv2.forward(change));
        let change = match (&self.conv3, &self.bn3) {
            (Some(conv), Some(norm)) => norm.forward(conv.forward(relu(change))),
            _ => change,
        };
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.norm.forward(downsample.conv.forward(x)),
            None => x,
        };
        relu(change + shortcut)
    }
}

/// Without bias, padded so that the stride alone shrinks the image.
fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device)
}
