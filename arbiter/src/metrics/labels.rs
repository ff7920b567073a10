//! Labels and histogram bounds.

/// Phases of a job.
pub(super) const JOB_PHASES: &[&str] = &["open", "taken", "claimed", "final", "refunded"];

/// Phases of a claim under way.
pub(super) const CLAIM_PHASES: &[&str] = &["window", "revealing", "disputed", "running"];

/// How a claim ends.
pub(super) const CLAIM_OUTCOMES: &[&str] = &["final", "rejected", "cancelled"];

/// What becomes of a canary.
pub(super) const CANARY_STATES: &[&str] = &["unrevealed", "caught", "missed", "void"];

/// How a dispute ends.
pub(super) const DISPUTE_OUTCOMES: &[&str] = &[
    "executor_fault",
    "challenger_fault",
    "both_fault",
    "inconclusive",
    "executor_timeout",
    "challenger_timeout",
    "both_timeout",
    "executor_padding",
    "challenger_padding",
    "equivocation",
    "executor_below",
];

/// Kinds of messages.
pub(super) const MESSAGE_KINDS: &[&str] = &[
    "admit_artifact",
    "mint",
    "withdraw",
    "job",
    "take",
    "claim",
    "commit",
    "reveal",
    "dissection",
    "evidence",
    "sub_root",
    "sub_dissection",
    "chunk_dissection",
    "equivocation",
    "announce",
    "step_value",
    "step_evidence",
    "canary_commit",
    "canary_reveal",
];

/// Kinds of transfers.
pub(super) const TRANSFER_KINDS: &[&str] = &[
    "deposit",
    "withdrawal",
    "escrow",
    "fee",
    "refund",
    "lock",
    "unlock",
    "judgement_cost",
    "reward",
    "dispute_cost",
    "lapse_fee",
    "burn",
    "proof_cost",
    "challenge_cost",
    "withdrawal_request",
    "canary_escrow",
    "canary_bonus",
    "canary_refund",
];

/// Requests of participants.
pub(super) const REQUESTS: &[&str] = &[
    "params",
    "submit",
    "missing_blobs",
    "artifacts",
    "artifact",
    "live_jobs",
    "jobs",
    "job",
    "find",
    "account",
    "totals",
    "case",
    "schedule",
    "statement",
    "message",
];

/// What becomes of a message.
pub(super) const MESSAGE_RESULTS: &[&str] = &["accepted", "repeated", "refused"];

pub(super) const NETWORK_EVENTS: &[&str] = &[
    "connection_accepted",
    "connection_refused",
    "handshake_failed",
    "retry_sent",
    "stream",
    "stream_failed",
    "frame_in",
    "frame_out",
    "blob_in",
    "blob_out",
    "blob_mismatched",
    "feed_item_out",
];

/// The network's times.
pub(super) const PARAM_SECONDS: &[&str] = &["window", "reveal", "budget", "grace", "lease"];

/// The network's amounts.
pub(super) const PARAM_AMOUNTS: &[&str] = &[
    "executor_bond",
    "challenger_bond",
    "judgement_cost",
    "dispute_cost",
    "lapse_fee",
    "least_fee",
];

/// Bounds for short work, in seconds: from 0.1 ms to 100 s.
pub(super) const WORK_SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 100.0,
];

/// Bounds for waiting, in seconds of serving time: from 10 ms to 3 days.
pub(super) const WAIT_SECONDS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
    14_400.0, 86_400.0, 259_200.0,
];

/// Bounds for numbers of challengers.
pub(super) const CHALLENGERS: &[f64] = &[1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Bounds for rounds of a dissection.
pub(super) const ROUNDS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0];

/// Bounds for the bytes of a dispute: from 1 KiB to 1 GiB.
pub(super) const BYTES: &[f64] = &[
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

/// Bounds for the acts of one commit.
pub(super) const ACTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
