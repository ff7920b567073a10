-- The arbiter's tables, version 1. All but `blobs`, `uploads` and `replays` are the fold of `log`.
-- Digests, keys and ids are 32-byte blobs; `state`, `summary`, `view`, `event` and `params` are borsh.
-- Times are serving time in milliseconds, amounts micro-credits.

-- Which network this database belongs to.
CREATE TABLE network (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL CHECK (length(id) = 32),
    params BLOB NOT NULL
) STRICT;

-- Every accepted event, in order, from 0 without gaps. A topic puts it on the feed.
CREATE TABLE log (
    entry_index INTEGER PRIMARY KEY CHECK (entry_index >= 0),
    time_ms INTEGER NOT NULL CHECK (time_ms >= 0),
    kind INTEGER NOT NULL,
    topic BLOB CHECK (length(topic) = 32),
    event BLOB NOT NULL
) STRICT;
CREATE INDEX log_feed ON log (entry_index) WHERE topic IS NOT NULL;
CREATE TRIGGER log_is_not_changed BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_is_not_cut BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

-- Accepted messages: what makes a message act at most once, and its retry get the same receipt.
CREATE TABLE messages (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    signer BLOB NOT NULL CHECK (length(signer) = 32),
    kind INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Jobs with everything that hangs on them.
CREATE TABLE jobs (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    sequence INTEGER NOT NULL UNIQUE CHECK (sequence >= 0),
    phase TEXT NOT NULL,
    claim_phase TEXT,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    next_deadline_ms INTEGER CHECK (next_deadline_ms >= 0),
    summary BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_live ON jobs (id) WHERE live = 1;
CREATE INDEX jobs_due ON jobs (next_deadline_ms) WHERE next_deadline_ms IS NOT NULL;
CREATE INDEX jobs_by_phase ON jobs (phase, claim_phase);

-- To which job an id belongs: a job's, take's, claim's or challenge's.
CREATE TABLE ids (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    job BLOB NOT NULL REFERENCES jobs (id)
) STRICT, WITHOUT ROWID;

-- What every account holds; an account that holds nothing has no row. The world's row is what was
-- deposited and not withdrawn. The owner is whose free balance a bond or escrow came from.
CREATE TABLE balances (
    account BLOB PRIMARY KEY,
    owner BLOB CHECK (length(owner) = 32),
    amount INTEGER NOT NULL CHECK (amount > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX balances_by_owner ON balances (owner) WHERE owner IS NOT NULL;

-- Every movement of money, never changed.
CREATE TABLE transfers (
    number INTEGER PRIMARY KEY,
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    debit BLOB NOT NULL,
    credit BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    kind INTEGER NOT NULL,
    cause BLOB NOT NULL CHECK (length(cause) = 32),
    UNIQUE (cause, kind, debit, credit)
) STRICT;
CREATE TRIGGER transfers_are_not_changed BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END;
CREATE TRIGGER transfers_are_not_deleted BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END;

-- Admitted artifacts.
CREATE TABLE artifacts (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    view BLOB NOT NULL,
    suspended INTEGER NOT NULL CHECK (suspended IN (0, 1))
) STRICT;

-- Case files of judged disputes.
CREATE TABLE cases (
    claim BLOB NOT NULL CHECK (length(claim) = 32),
    counter_root BLOB NOT NULL CHECK (length(counter_root) = 32),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    blob BLOB NOT NULL CHECK (length(blob) = 32),
    verdict INTEGER NOT NULL,
    replay_us INTEGER NOT NULL CHECK (replay_us >= 0),
    PRIMARY KEY (claim, counter_root)
) STRICT, WITHOUT ROWID;

-- The last heartbeat.
CREATE TABLE clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    served_ms INTEGER NOT NULL CHECK (served_ms >= 0),
    heartbeats INTEGER NOT NULL CHECK (heartbeats >= 0)
) STRICT;

-- Verdicts of replays by the content of what was replayed.
CREATE TABLE replays (
    content BLOB PRIMARY KEY CHECK (length(content) = 32),
    verdict INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Blobs in the blob store, and how much each key has given.
CREATE TABLE blobs (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    uploader BLOB CHECK (length(uploader) = 32),
    added_ms INTEGER NOT NULL CHECK (added_ms >= 0)
) STRICT, WITHOUT ROWID;
CREATE TABLE uploads (
    uploader BLOB PRIMARY KEY CHECK (length(uploader) = 32),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    blobs INTEGER NOT NULL CHECK (blobs >= 0)
) STRICT, WITHOUT ROWID;
