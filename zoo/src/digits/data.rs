//! The UCI handwritten digits, embedded in the binary.
//!
//! `data/digits/README.md` names the authors and the licence. The split is a rule, not a draw: image `i` is held out
//! exactly when `i % 4 == 3`, so nobody can tune it.

/// Pixels along one side of an image.
pub const SIDE: usize = 8;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes, the digits 0 to 9.
pub const CLASSES: usize = 10;

/// The brightest value that a pixel has in the file.
const WHITE: f32 = 16.0;
/// Bytes per image: the pixels and the label.
const RECORD: usize = PIXELS + 1;
/// One image in four is held out: the one whose index leaves this remainder.
const HELD_OUT_REMAINDER: usize = 3;
/// See [`HELD_OUT_REMAINDER`].
const HELD_OUT_ONE_IN: usize = 4;

static FILE: &[u8] = include_bytes!("../../data/digits/digits.bin");

/// Which part of the data an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The network learns from it.
    Training,
    /// The network never sees it before it is tested.
    HeldOut,
}

/// One image with its label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Image {
    /// Position in the data set.
    pub index: usize,
    /// Brightness from 0 to 1 in steps of 1/16, row-major.
    pub pixels: [f32; PIXELS],
    /// The digit, 0 to 9.
    pub label: u8,
}

impl Image {
    /// The part of the data set this image belongs to.
    #[must_use]
    pub const fn split(&self) -> Split {
        if self.index % HELD_OUT_ONE_IN == HELD_OUT_REMAINDER {
            Split::HeldOut
        } else {
            Split::Training
        }
    }
}

/// The embedded data set.
#[derive(Clone, Debug)]
pub struct Dataset {
    images: Vec<Image>,
}

impl Dataset {
    /// Every image, in the order of the file.
    #[must_use]
    pub fn embedded() -> Self {
        let images = FILE
            .chunks_exact(RECORD)
            .enumerate()
            .filter_map(|(index, record)| {
                let (&label, pixels) = record.split_last()?;
                let mut scaled = [0.0; PIXELS];
                for (scaled, &pixel) in scaled.iter_mut().zip(pixels) {
                    *scaled = f32::from(pixel) / WHITE;
                }
                Some(Image { index, pixels: scaled, label })
            })
            .collect();
        Self { images }
    }

    /// All images.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The images of one part, in order.
    pub fn part(&self, split: Split) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(move |image| image.split() == split)
    }

    /// The held-out quarter, in order.
    pub fn held_out(&self) -> impl Iterator<Item = &Image> {
        self.part(Split::HeldOut)
    }
}
