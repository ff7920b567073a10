//! The vision transformer as a Burn module.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;
use burn::tensor::{Device, Tensor};

use super::VitConfig;

/// Images in, logits or the state of the class token out.
#[derive(Module, Debug)]
pub struct Vit {
    embeddings: Embeddings,
    encoder: Stack,
    layernorm: LayerNorm,
    classifier: Option<Linear>,
    side: usize,
}

#[derive(Module, Debug)]
struct Embeddings {
    cls_token: Param<Tensor<3>>,
    position_embeddings: Param<Tensor<3>>,
    patch_embeddings: Conv2d,
}

#[derive(Module, Debug)]
struct Stack {
    layer: Vec<Block>,
}

#[derive(Module, Debug)]
struct Block {
    layernorm_before: LayerNorm,
    attention: SelfAttention,
    layernorm_after: LayerNorm,
    intermediate: Linear,
    output: Linear,
}

#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl Vit {
    /// A network whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &VitConfig, device: &Device) -> Self {
        let (width, patch) = (config.hidden_size, config.patch_size);
        let table = |rows| Initializer::Zeros.init([1, rows, width], device);
        Self {
            embeddings: Embeddings {
                cls_token: table(1),
                position_embeddings: table(config.patches() + 1),
                patch_embeddings: Conv2dConfig::new([config.num_channels, width], [patch, patch])
                    .with_stride([patch, patch])
                    .init(device),
            },
            encoder: Stack {
                layer: (0..config.num_hidden_layers).map(|_| Block::new(config, device)).collect(),
            },
            layernorm: norm(config, device),
            classifier: config
                .classes
                .map(|classes| LinearConfig::new(width, classes).init(device)),
            side: config.image_size,
        }
    }

    /// Channels, and height and width, of an image.
    #[must_use]
    pub fn image(&self) -> (usize, usize) {
        let [_, channels, _, _] = self.embeddings.patch_embeddings.weight.dims();
        (channels, self.side)
    }

    /// Whether there is a classifier.
    #[must_use]
    pub fn classifies(&self) -> bool {
        self.classifier.is_some()
    }

    /// Logits `[batch, classes]`, or without a classifier the state `[batch, width]` of the class token, for normalised
    /// images `[batch, channels, side, side]`.
    pub fn forward(&self, pixel_values: Tensor<4>) -> Tensor<2> {
        let x = self.embeddings.forward(pixel_values);
        let x = self.encoder.layer.iter().fold(x, |x, block| block.forward(x));
        let state = self.layernorm.forward(x).slice_dim(1, 0..1).squeeze_dim(1);
        match &self.classifier {
            Some(classifier) => classifier.forward(state),
            None => state,
        }
    }
}

impl Embeddings {
    fn forward(&self, pixel_values: Tensor<4>) -> Tensor<3> {
        let patches: Tensor<3> = self.patch_embeddings.forward(pixel_values).flatten(2, 3);
        let patches = patches.swap_dims(1, 2);
        let [batch, _, width] = patches.dims();
        let class = self.cls_token.val().expand([batch, 1, width]);
        Tensor::cat(vec![class, patches], 1) + self.position_embeddings.val()
    }
}

impl Block {
    fn new(config: &VitConfig, device: &Device) -> Self {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let square = || LinearConfig::new(width, width).init(device);
        Self {
            layernorm_before: norm(config, device),
            attention: SelfAttention {
                query: square(),
                key: square(),
                value: square(),
                output: square(),
                heads: config.num_attention_heads,
            },
            layernorm_after: norm(config, device),
            intermediate: LinearConfig::new(width, wide).init(device),
            output: LinearConfig::new(wide, width).init(device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.attention.forward(self.layernorm_before.forward(x.clone())) + x;
        let wide = gelu(self.intermediate.forward(self.layernorm_after.forward(x.clone())));
        self.output.forward(wide) + x
    }
}

impl SelfAttention {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, seq, width] = x.dims();
        let heads = |projection: &Linear| {
            let shape = [batch, seq, self.heads, width / self.heads];
            projection.forward(x.clone()).reshape(shape).swap_dims(1, 2)
        };
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let context = attention(query, key, value, None, None, Default::default());
        self.output.forward(context.swap_dims(1, 2).reshape([batch, seq, width]))
    }
}

fn norm(config: &VitConfig, device: &Device) -> LayerNorm {
    LayerNormConfig::new(config.hidden_size).with_epsilon(config.layer_norm_eps).init(device)
}
