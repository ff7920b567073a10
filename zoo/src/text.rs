//! Text to token ids of a fixed length, through a published `tokenizer.json`.

use std::path::{Path, PathBuf};

use gainsay_canon::Tensor;
use tokenizers::{Tokenizer, TruncationParams};

/// Why a text has no token ids.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The tokenizer cannot be read.
    #[error("cannot read the tokenizer {}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A text cannot be encoded.
    #[error("the text {text:?} cannot be tokenized: {reason}")]
    Text {
        /// The text.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// More texts than rows.
    #[error("{texts} texts for a batch of {batch}")]
    Batch {
        /// How many texts.
        texts: usize,
        /// How many rows.
        batch: usize,
    },
}

/// A text as token ids, at most as many as the sequence is long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Token ids, special tokens included, without padding.
    pub ids: Vec<i64>,
    /// Segment numbers.
    pub types: Vec<i64>,
    /// Whether tokens were left out at the end.
    pub truncated: bool,
}

/// A tokenizer for sequences up to some length.
#[derive(Debug)]
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    padding: i64,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`; its own truncation and padding give way to at most `longest` tokens.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(path: &Path, longest: usize) -> Result<Self, TextError> {
        let fault = |reason: tokenizers::Error| TextError::Tokenizer {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let mut tokenizer = Tokenizer::from_file(path).map_err(fault)?;
        let from_file = tokenizer.get_padding().map(|padding| padding.pad_id);
        let padding = from_file.or_else(|| tokenizer.token_to_id("[PAD]")).unwrap_or_default();
        tokenizer.with_padding(None);
        let truncation = TruncationParams { max_length: longest, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(fault)?;
        Ok(Self { tokenizer, padding: i64::from(padding) })
    }

    /// The token ids of a text.
    ///
    /// # Errors
    /// If the tokenizer refuses it.
    pub fn encode(&self, text: &str) -> Result<Encoded, TextError> {
        let encoding = self.tokenizer.encode(text, true).map_err(|reason| TextError::Text {
            text: text.to_owned(),
            reason: reason.to_string(),
        })?;
        let widen = |ids: &[u32]| ids.iter().map(|&id| i64::from(id)).collect();
        Ok(Encoded {
            ids: widen(encoding.get_ids()),
            types: widen(encoding.get_type_ids()),
            truncated: !encoding.get_overflowing().is_empty(),
        })
    }

    /// The inputs `input_ids`, `attention_mask` and `token_type_ids` `i64[batch, seq]` of a program; rows without a text
    /// hold one padding token, so that no row is empty.
    ///
    /// # Errors
    /// If there are more texts than rows.
    pub fn inputs(
        &self,
        texts: &[Encoded],
        batch: usize,
        seq: usize,
    ) -> Result<[Tensor; 3], TextError> {
        if texts.len() > batch {
            return Err(TextError::Batch { texts: texts.len(), batch });
        }
        let filler = Encoded { ids: vec![self.padding], types: vec![0], truncated: false };
        let rows = texts.iter().chain(std::iter::repeat(&filler)).take(batch);
        let (mut ids, mut mask, mut types) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let used = row.ids.len().min(seq);
            extend(&mut ids, row.ids.iter().copied(), self.padding, seq);
            extend(&mut mask, std::iter::repeat_n(1, used), 0, seq);
            extend(&mut types, row.types.iter().copied(), 0, seq);
        }
        let shape = [batch as u64, seq as u64];
        let tensor = |values| {
            Tensor::i64(shape, values).map_err(|_| TextError::Batch { texts: texts.len(), batch })
        };
        Ok([tensor(ids)?, tensor(mask)?, tensor(types)?])
    }
}

/// Exactly `count` values, padded or cut.
fn extend(row: &mut Vec<i64>, values: impl Iterator<Item = i64>, padding: i64, count: usize) {
    row.extend(values.chain(std::iter::repeat(padding)).take(count));
}
