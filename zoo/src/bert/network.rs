//! The encoder as a Burn module.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::module::attention;
use burn::tensor::{Device, Int, Tensor};

use super::BertConfig;

/// Tokens in, hidden states out.
#[derive(Module, Debug)]
pub struct BertEncoder {
    embeddings: Embeddings,
    encoder: Stack,
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    layer_norm: LayerNorm,
}

#[derive(Module, Debug)]
struct Stack {
    layer: Vec<Block>,
}

#[derive(Module, Debug)]
struct Block {
    attention: SelfAttention,
    intermediate: Linear,
    output: Projection,
}

#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Projection,
    heads: usize,
}

/// `norm(x + dense(change))`.
#[derive(Module, Debug)]
struct Projection {
    dense: Linear,
    layer_norm: LayerNorm,
}

impl BertEncoder {
    /// An encoder whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &BertConfig, device: &Device) -> Self {
        let width = config.hidden_size;
        let table = |rows| EmbeddingConfig::new(rows, width).init(device);
        let embeddings = Embeddings {
            word_embeddings: table(config.vocab_size),
            position_embeddings: table(config.max_position_embeddings),
            token_type_embeddings: table(config.type_vocab_size),
            layer_norm: norm(config, device),
        };
        let layer = (0..config.num_hidden_layers).map(|_| Block::new(config, device)).collect();
        Self { embeddings, encoder: Stack { layer } }
    }

    /// The last hidden states `[batch, seq, width]` for token ids, a mask (0: not a token) and segment numbers, each
    /// `[batch, seq]`.
    pub fn forward(
        &self,
        input_ids: Tensor<2, Int>,
        attention_mask: Tensor<2, Int>,
        token_type_ids: Tensor<2, Int>,
    ) -> Tensor<3> {
        let x = self.embeddings.forward(input_ids, token_type_ids);
        self.encoder.layer.iter().fold(x, |x, block| block.forward(x, attention_mask.clone()))
    }
}

impl Embeddings {
    fn forward(&self, input_ids: Tensor<2, Int>, token_type_ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, seq] = input_ids.dims();
        let positions = self.position_embeddings.weight.val().slice_dim(0, 0..seq).unsqueeze();
        let words = self.word_embeddings.forward(input_ids);
        let types = self.token_type_embeddings.forward(token_type_ids);
        self.layer_norm.forward(words + types + positions)
    }
}

impl Block {
    fn new(config: &BertConfig, device: &Device) -> Self {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let square = || LinearConfig::new(width, width).init(device);
        Self {
            attention: SelfAttention {
                query: square(),
                key: square(),
                value: square(),
                output: Projection { dense: square(), layer_norm: norm(config, device) },
                heads: config.num_attention_heads,
            },
            intermediate: LinearConfig::new(width, wide).init(device),
            output: Projection {
                dense: LinearConfig::new(wide, width).init(device),
                layer_norm: norm(config, device),
            },
        }
    }

    fn forward(&self, x: Tensor<3>, attention_mask: Tensor<2, Int>) -> Tensor<3> {
        let x = self.attention.forward(x, attention_mask);
        let change = gelu(self.intermediate.forward(x.clone()));
        self.output.forward(x, change)
    }
}

impl SelfAttention {
    fn forward(&self, x: Tensor<3>, attention_mask: Tensor<2, Int>) -> Tensor<3> {
        let [batch, seq, width] = x.dims();
        // Made again in every block, so that between two blocks only the hidden states are live.
        let absent = attention_mask.equal_elem(0).reshape([batch, 1, 1, seq]);
        let heads = |projection: &Linear| {
            let shape = [batch, seq, self.heads, width / self.heads];
            projection.forward(x.clone()).reshape(shape).swap_dims(1, 2)
        };
        let (query, key, value) = (heads(&self.query), heads(&self.key), heads(&self.value));
        let context = attention(query, key, value, Some(absent), None, Default::default());
        let change = context.swap_dims(1, 2).reshape([batch, seq, width]);
        self.output.forward(x, change)
    }
}

impl Projection {
    fn forward(&self, x: Tensor<3>, change: Tensor<3>) -> Tensor<3> {
        self.layer_norm.forward(self.dense.forward(change) + x)
    }
}

fn norm(config: &BertConfig, device: &Device) -> LayerNorm {
    LayerNormConfig::new(config.hidden_size).with_epsilon(config.layer_norm_eps).init(device)
}
