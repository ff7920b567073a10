-- Whose signatures these are: one row.
CREATE TABLE owner (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    signer BLOB NOT NULL CHECK (length(signer) = 32)
) STRICT;

-- Every claim that was ever signed, before its signature left the process.
CREATE TABLE signed_claim (
    network BLOB NOT NULL CHECK (length(network) = 32),
    job BLOB NOT NULL CHECK (length(job) = 32),
    attempt INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (network, job, attempt)
) STRICT, WITHOUT ROWID;
