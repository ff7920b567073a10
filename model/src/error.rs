//! Why a program or an artifact is refused: what, where, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use gainsay_canon::{OperatorError, TensorError};
use gainsay_commitment::Digest;

use crate::program::Slot;
use crate::validate::{MAX_COST, MAX_NAME_BYTES};

/// Why a program is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// The bytes are not a program.
    #[error("the bytes are not a program: {0}")]
    Encoding(String),
    /// Too many or too few of something.
    #[error("{count} {what}, allowed are {least} to {most}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// A name that is empty, too long or not printable ASCII without spaces.
    #[error(
        "{what} name {name:?} is not 1 to {MAX_NAME_BYTES} printable ASCII characters without spaces"
    )]
    Name {
        /// Of what.
        what: &'static str,
        /// The name, shortened.
        name: String,
    },
    /// Two of a kind share a name.
    #[error("two {what}s are named {name:?}")]
    DuplicateName {
        /// Of what.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The weights of a program do not ascend, or one is not in the artifact.
    #[error(
        "weight number {position} is index {index}: indices must ascend and be below {available}"
    )]
    Weight {
        /// Position in the program's list.
        position: usize,
        /// The index given.
        index: u32,
        /// How many weights the artifact has.
        available: usize,
    },
    /// A weight that no instruction reads and no output returns.
    #[error("weight {name:?} is listed but never read")]
    UnreadWeight {
        /// Its name.
        name: String,
    },
    /// An input or a weight of a type that no tensor can have.
    #[error("{place}: {source}")]
    Value {
        /// Which one.
        place: String,
        /// Canon's reason.
        #[source]
        source: TensorError,
    },
    /// An operand that is not an earlier slot.
    #[error("instruction {instruction} ({operator}) reads slot {}, which is not an earlier value", .slot.0)]
    Operand {
        /// Position of the instruction.
        instruction: usize,
        /// Its operator.
        operator: &'static str,
        /// The operand.
        slot: Slot,
    },
    /// An operator that does not take these operands.
    #[error("instruction {instruction} ({operator}): {source}")]
    Operator {
        /// Position of the instruction.
        instruction: usize,
        /// Its operator.
        operator: &'static str,
        /// Canon's reason.
        #[source]
        source: OperatorError,
    },
    /// An operator with more or fewer results than one, which a program of this version cannot hold.
    #[error("instruction {instruction} ({operator}) does not have exactly one result")]
    Results {
        /// Position of the instruction.
        instruction: usize,
        /// Its operator.
        operator: &'static str,
    },
    /// Too much arithmetic; this instruction is the one that exceeds it.
    #[error(
        "instruction {instruction} ({operator}) costs {cost} FLOP; a program may cost {MAX_COST}"
    )]
    Cost {
        /// Position of the instruction.
        instruction: usize,
        /// Its operator.
        operator: &'static str,
        /// Its cost.
        cost: u64,
    },
    /// An instruction whose value nobody reads.
    #[error(
        "instruction {instruction} ({operator}) is dead: no later instruction and no output reads it"
    )]
    Dead {
        /// Position of the instruction.
        instruction: usize,
        /// Its operator.
        operator: &'static str,
    },
    /// An output that is not a value of the program.
    #[error("output {name:?} returns slot {}, which does not exist", .slot.0)]
    Output {
        /// The output's name.
        name: String,
        /// The slot.
        slot: Slot,
    },
}

/// What has a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioned {
    /// The encodings of manifest, programs and layer tables.
    Format,
    /// The arithmetic.
    Numerics,
}

impl fmt::Display for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "artifact format",
            Self::Numerics => "numerics",
        })
    }
}

/// What was being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Reading it.
    Read,
    /// Creating or writing it.
    Write,
    /// Putting it in its place.
    Rename,
    /// Removing it.
    Remove,
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Rename => "rename",
            Self::Remove => "remove",
        })
    }
}

/// Why an artifact is refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// What was being done.
        action: FileAction,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The folder holds something else.
    #[error("{} is not an artifact folder ({reason}); choose another path or move it away", .path.display())]
    NotAnArtifact {
        /// The folder.
        path: PathBuf,
        /// What there is.
        reason: String,
    },
    /// Over a limit; found before it was read.
    #[error(
        "{place}: {bytes} bytes, over the limit of {limit}; raise the limit if you trust the source"
    )]
    TooLarge {
        /// What.
        place: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Made by another version.
    #[error(
        "{what} version {found} is unknown, this build knows {known}: use a build that knows it, or capture the model again"
    )]
    UnknownVersion {
        /// Of what.
        what: Versioned,
        /// The version found.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// Bytes that are not what they are named.
    #[error(
        "{place}: its digest is {found}, but {declared} is declared: it is damaged or was changed, fetch it again"
    )]
    Digest {
        /// What.
        place: String,
        /// What the manifest, or the id, says.
        declared: Digest,
        /// What the bytes hash to.
        found: Digest,
    },
    /// Bytes that cannot be read as what they should be.
    #[error("{place}: {reason}: it is damaged or was not written by this program, fetch it again")]
    Malformed {
        /// What.
        place: String,
        /// Why.
        reason: String,
    },
    /// A manifest whose names, counts or types are refused.
    #[error("the manifest is refused: {0}")]
    Manifest(#[source] ProgramError),
    /// A program that is not valid.
    #[error("program {program:?} is refused: {source}")]
    Program {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: ProgramError,
    },
    /// A weight that no program reads.
    #[error("weight {name:?} is read by no program; leave it out")]
    UnreadWeight {
        /// Its name.
        name: String,
    },
    /// A program that the artifact does not have.
    #[error("program {index} of an artifact that has {count}")]
    NoProgram {
        /// The index asked for.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A weight that the artifact does not have.
    #[error("weight {index} of an artifact that has {count}")]
    NoWeight {
        /// The index asked for.
        index: u32,
        /// How many there are.
        count: usize,
    },
}

/// Why an artifact could not be put together from blobs.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E: std::error::Error + 'static> {
    /// A blob could not be had.
    #[error("{place} (blob {content}) could not be fetched")]
    Fetch {
        /// What it is.
        place: String,
        /// The blob's name.
        content: Digest,
        /// Why.
        #[source]
        source: E,
    },
    /// What was fetched is refused.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
