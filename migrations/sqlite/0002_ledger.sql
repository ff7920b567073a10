-- What the ledger needs beyond balances: recorded equivocations, withdrawals under way, announced parameters.
-- All of it is the fold of `log`.

-- Once-only acts that a key was proven to have done twice. A second proof of one is not taken.
CREATE TABLE equivocations (
    job BLOB NOT NULL REFERENCES jobs (id),
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    key BLOB NOT NULL CHECK (length(key) = 32),
    message BLOB NOT NULL CHECK (length(message) = 32),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    PRIMARY KEY (job, attempt, key)
) STRICT, WITHOUT ROWID;

-- Withdrawals that were requested and not yet paid; the amount is what their account holds.
CREATE TABLE withdrawals (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    owner BLOB NOT NULL CHECK (length(owner) = 32),
    amount INTEGER NOT NULL CHECK (amount > 0),
    due_ms INTEGER NOT NULL CHECK (due_ms >= 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawals_due ON withdrawals (due_ms);

-- Parameters announced after the first, which are in `network`.
CREATE TABLE schedule (
    from_ms INTEGER PRIMARY KEY CHECK (from_ms >= 0),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    params BLOB NOT NULL
) STRICT;

-- Transfers of one account, for statements.
CREATE INDEX transfers_by_debit ON transfers (debit, number);
CREATE INDEX transfers_by_credit ON transfers (credit, number);

-- Parameters of networks that began before: no costs, no delay, no limits, one millisecond of notice.
UPDATE network SET params = CAST(params ||
    x'0000000000000000' || x'0000000000000000' || x'0000000000000000' || x'FFFFFFFF' || x'FFFFFFFFFFFFFFFF' || x'0100000000000000'
    AS BLOB);
