-- Lies that the operator plants: what it committed to, and what became of it once it is opened. The fold of `log`.
CREATE TABLE canaries (
    commitment BLOB PRIMARY KEY CHECK (length(commitment) = 32),
    entry_index INTEGER NOT NULL REFERENCES log (entry_index),
    bonus INTEGER NOT NULL CHECK (bonus >= 0),
    outcome INTEGER,
    job BLOB CHECK (length(job) = 32),
    executor BLOB CHECK (length(executor) = 32),
    CHECK ((outcome IS NULL) = (job IS NULL) AND (outcome IS NULL) = (executor IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX canaries_opened ON canaries (job, executor) WHERE job IS NOT NULL;

-- Jobs of networks that began before: which counter root was rewarded is not known of them.
UPDATE jobs SET state = CAST(state || x'00000000' AS BLOB);
