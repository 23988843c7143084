-- Datasets that bring their own validation images are validated on these.

ALTER TABLE datasets ADD COLUMN validation_images BIGINT;
COMMENT ON COLUMN datasets.validation_images IS 'of the training images, those that the dataset gives to validate on; null where each recipe draws its own';
