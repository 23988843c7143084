ALTER TABLE experiments ADD COLUMN balanced_accuracy DOUBLE;
ALTER TABLE experiments ADD COLUMN test_balanced_accuracy DOUBLE;
COMMENT ON COLUMN experiments.balanced_accuracy IS 'mean over the classes of trained accuracy on validation images, in [0, 1]; null where the classes are about equally frequent, and where not computed';
COMMENT ON COLUMN experiments.test_balanced_accuracy IS 'the same on the test images, computed once';
