//! The decoder as a Burn module. Fields are called as in Hugging Face's files.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig, RmsNorm, RmsNormConfig};
use burn::tensor::activation::silu;
use burn::tensor::module::{attention, linear};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Int, Tensor};

use super::LlamaConfig;
use super::rotary::Rotary;

/// Token ids in, logits out.
#[derive(Module, Debug)]
pub struct Llama {
    model: Decoder,
    /// Absent if the table of tokens takes its place.
    lm_head: Option<Linear>,
}

#[derive(Module, Debug)]
struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    head: usize,
    theta: f64,
}

#[derive(Module, Debug)]
struct Block {
    input_layernorm: RmsNorm,
    self_attn: SelfAttention,
    post_attention_layernorm: RmsNorm,
    mlp: Gated,
}

#[derive(Module, Debug)]
struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: usize,
    groups: usize,
    head: usize,
}

/// `down(silu(gate(x)) * up(x))`.
#[derive(Module, Debug)]
struct Gated {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Llama {
    /// A decoder whose parameters are not there yet.
    #[must_use]
    pub fn new(config: &LlamaConfig, device: &Device) -> Self {
        let (width, words) = (config.hidden_size, config.vocab_size);
        Self {
            model: Decoder {
                embed_tokens: EmbeddingConfig::new(words, width).init(device),
                layers: (0..config.num_hidden_layers).map(|_| Block::new(config, device)).collect(),
                norm: norm(config, device),
                head: config.head(),
                theta: config.theta(),
            },
            lm_head: (!config.tie_word_embeddings).then(|| plain(width, words, device)),
        }
    }

    /// Logits `[batch, seq, vocabulary]` of the token after each position, for token ids `[batch, seq]`.
    pub fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<3> {
        let hidden = self.model.forward(input_ids);
        match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => linear(hidden, self.model.embed_tokens.weight.val().transpose(), None),
        }
    }
}

impl Decoder {
    fn forward(&self, input_ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, seq] = input_ids.dims();
        let rotary = Rotary::new(seq, self.head, self.theta, &input_ids.device());
        let x = self.embed_tokens.forward(input_ids);
        self.norm.forward(self.layers.iter().fold(x, |x, block| block.forward(x, &rotary)))
    }
}

impl Block {
    fn new(config: &LlamaConfig, device: &Device) -> Self {
        let (width, wide, head) = (config.hidden_size, config.intermediate_size, config.head());
        let (heads, groups) = (config.num_attention_heads, config.key_value_heads());
        Self {
            input_layernorm: norm(config, device),
            self_attn: SelfAttention {
                q_proj: plain(width, heads * head, device),
                k_proj: plain(width, groups * head, device),
                v_proj: plain(width, groups * head, device),
                o_proj: plain(heads * head, width, device),
                heads,
                groups,
                head,
            },
            post_attention_layernorm: norm(config, device),
            mlp: Gated {
                gate_proj: plain(width, wide, device),
                up_proj: plain(width, wide, device),
                down_proj: plain(wide, width, device),
            },
        }
    }

    fn forward(&self, x: Tensor<3>, rotary: &Rotary) -> Tensor<3> {
        let x = x.clone() + self.self_attn.forward(self.input_layernorm.forward(x), rotary);
        x.clone() + self.mlp.forward(self.post_attention_layernorm.forward(x))
    }
}

impl SelfAttention {
    fn forward(&self, x: Tensor<3>, rotary: &Rotary) -> Tensor<3> {
        let [batch, seq, _] = x.dims();
        let heads = |projection: &Linear, count: usize| {
            projection.forward(x.clone()).reshape([batch, seq, count, self.head]).swap_dims(1, 2)
        };
        let query = rotary.apply(heads(&self.q_proj, self.heads));
        let key = self.repeat(rotary.apply(heads(&self.k_proj, self.groups)));
        let value = self.repeat(heads(&self.v_proj, self.groups));
        let options = AttentionModuleOptions { is_causal: true, ..Default::default() };
        let context = attention(query, key, value, None, None, options);
        self.o_proj.forward(context.swap_dims(1, 2).reshape([batch, seq, self.heads * self.head]))
    }

    /// Every key or value head once for each query head that shares it.
    fn repeat(&self, x: Tensor<4>) -> Tensor<4> {
        let ([batch, groups, seq, head], shared) = (x.dims(), self.heads / self.groups);
        x.unsqueeze_dim::<5>(2)
            .expand([batch, groups, shared, seq, head])
            .reshape([batch, self.heads, seq, head])
    }
}

impl Gated {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let gate = silu(self.gate_proj.forward(x.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(x))
    }
}

fn norm(config: &LlamaConfig, device: &Device) -> RmsNorm {
    RmsNormConfig::new(config.hidden_size).with_epsilon(config.rms_norm_eps).init(device)
}

fn plain(inputs: usize, outputs: usize, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs).with_bias(false).init(device)
}
