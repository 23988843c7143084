-- What has been exchanged with a team's shared folder.

CREATE TABLE parts (
    name VARCHAR PRIMARY KEY,
    whole BOOLEAN NOT NULL,
    taken_at VARCHAR NOT NULL
);
COMMENT ON TABLE parts IS 'Parts of shared folders that this database has taken in or written (presage database sync).';
COMMENT ON COLUMN parts.name IS 'file name: the table, and SHA-256 of the content';
COMMENT ON COLUMN parts.whole IS 'whether every row of it is in this database; else it is read again at the next sync';
COMMENT ON COLUMN parts.taken_at IS 'when, ISO 8601 UTC';

CREATE TABLE part_rows (
    part VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    failed BOOLEAN NOT NULL
);
COMMENT ON TABLE part_rows IS 'Rows of those parts: what a shared folder has already.';
COMMENT ON COLUMN part_rows.part IS 'parts.name';
COMMENT ON COLUMN part_rows.id IS 'identity of the experiment, probe or prediction';
COMMENT ON COLUMN part_rows.failed IS 'whether it is a failure, which a later success replaces';
