-- Trainings that were done elsewhere say where they come from.

ALTER TABLE experiments ADD COLUMN source VARCHAR;
COMMENT ON COLUMN experiments.source IS 'where it was taken from, of one that presage did not train; null for one that it did';
