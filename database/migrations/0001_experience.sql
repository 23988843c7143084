-- The lifelong database of experiments. Rows are keyed by content, so two databases merge by key alone.
-- No foreign keys: DuckDB refuses to alter a table that others refer to, which would bar later migrations;
-- the writer checks every reference and `presage database check` names a dangling one.

CREATE TABLE datasets (
    fingerprint VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    classes INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    train_images BIGINT NOT NULL,
    test_images BIGINT NOT NULL
);
COMMENT ON TABLE datasets IS 'Labelled image datasets, by content.';
COMMENT ON COLUMN datasets.fingerprint IS 'SHA-256 over images and labels, independent of the name';
COMMENT ON COLUMN datasets.name IS 'what its owner called it when it was first seen';
COMMENT ON COLUMN datasets.classes IS 'number of classes';
COMMENT ON COLUMN datasets.channels IS '1 for grey, 3 for colour';
COMMENT ON COLUMN datasets.height IS 'pixels';
COMMENT ON COLUMN datasets.width IS 'pixels';
COMMENT ON COLUMN datasets.train_images IS 'images to train and validate on';
COMMENT ON COLUMN datasets.test_images IS 'images kept for the test accuracy';

CREATE TABLE architectures (
    hash VARCHAR PRIMARY KEY,
    json VARCHAR NOT NULL,
    space VARCHAR,
    params VARCHAR
);
COMMENT ON TABLE architectures IS 'Networks in canonical form, by content.';
COMMENT ON COLUMN architectures.hash IS 'SHA-256 of the canonical JSON';
COMMENT ON COLUMN architectures.json IS 'the canonical architecture object, format presage-architecture';
COMMENT ON COLUMN architectures.space IS 'search space it was first sampled from; null for a network of the user''s own';
COMMENT ON COLUMN architectures.params IS 'the parameters that decode to it in that space, as a JSON object';

CREATE TABLE recipes (
    hash VARCHAR PRIMARY KEY,
    json VARCHAR NOT NULL
);
COMMENT ON TABLE recipes IS 'How networks are trained, by content.';
COMMENT ON COLUMN recipes.hash IS 'SHA-256 of the recipe''s JSON, keys sorted';
COMMENT ON COLUMN recipes.json IS 'the recipe object, format presage-recipe';

CREATE TABLE experiments (
    id VARCHAR PRIMARY KEY,
    dataset VARCHAR NOT NULL,
    architecture VARCHAR NOT NULL USING COMPRESSION uncompressed, -- hashes hardly compress; the DCN query reads them
    recipe VARCHAR NOT NULL,
    seed BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    accuracy DOUBLE,
    test_accuracy DOUBLE,
    curve DOUBLE[] NOT NULL,
    train_losses DOUBLE[] NOT NULL,
    depth_accuracies DOUBLE[] NOT NULL,
    parameters BIGINT NOT NULL,
    multiply_adds BIGINT NOT NULL,
    activation_bytes BIGINT NOT NULL,
    depth INTEGER NOT NULL,
    seconds DOUBLE NOT NULL,
    device VARCHAR NOT NULL,
    "precision" VARCHAR NOT NULL,
    versions VARCHAR NOT NULL,
    failure VARCHAR,
    created_at VARCHAR NOT NULL
);
COMMENT ON TABLE experiments IS 'Trainings that happened: one network, one dataset, one recipe, one seed.';
COMMENT ON COLUMN experiments.id IS 'SHA-256 of dataset/architecture/recipe/seed: the identity';
COMMENT ON COLUMN experiments.dataset IS 'datasets.fingerprint';
COMMENT ON COLUMN experiments.architecture IS 'architectures.hash';
COMMENT ON COLUMN experiments.recipe IS 'recipes.hash';
COMMENT ON COLUMN experiments.seed IS 'seed of weights and batches';
COMMENT ON COLUMN experiments.status IS 'finished, diverged, out_of_memory or pruned';
COMMENT ON COLUMN experiments.accuracy IS 'trained accuracy on the validation images after the last epoch, in [0, 1]; null unless finished';
COMMENT ON COLUMN experiments.test_accuracy IS 'trained accuracy on the test images, computed once, in [0, 1]; null where not computed';
COMMENT ON COLUMN experiments.curve IS 'validation accuracy after each epoch';
COMMENT ON COLUMN experiments.train_losses IS 'mean training loss of each epoch';
COMMENT ON COLUMN experiments.depth_accuracies IS 'validation accuracy read out by a detached linear head at each prefix, input to output';
COMMENT ON COLUMN experiments.parameters IS 'trainable weights';
COMMENT ON COLUMN experiments.multiply_adds IS 'multiply-adds of one image';
COMMENT ON COLUMN experiments.activation_bytes IS 'peak of live float32 activations for one image, bytes';
COMMENT ON COLUMN experiments.depth IS 'most weighted layers on a path';
COMMENT ON COLUMN experiments.seconds IS 'wall-clock of the training, seconds';
COMMENT ON COLUMN experiments.device IS 'hardware it ran on';
COMMENT ON COLUMN experiments."precision" IS 'arithmetic that was used';
COMMENT ON COLUMN experiments.versions IS 'library versions, as a JSON object';
COMMENT ON COLUMN experiments.failure IS 'why it did not finish; null when it did';
COMMENT ON COLUMN experiments.created_at IS 'when it ended, ISO 8601 UTC';

CREATE TABLE probes (
    id VARCHAR PRIMARY KEY,
    dataset VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    seed BIGINT NOT NULL,
    dcn DOUBLE NOT NULL,
    curve DOUBLE[] NOT NULL,
    seconds DOUBLE NOT NULL,
    device VARCHAR NOT NULL,
    versions VARCHAR NOT NULL,
    description VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL
);
COMMENT ON TABLE probes IS 'Runs of the probe net, which give a dataset its difficulty.';
COMMENT ON COLUMN probes.id IS 'SHA-256 of dataset/version/seed: the identity';
COMMENT ON COLUMN probes.dataset IS 'datasets.fingerprint';
COMMENT ON COLUMN probes.version IS 'version of the probe net and its budget; two versions are never compared';
COMMENT ON COLUMN probes.seed IS 'seed of weights and batches';
COMMENT ON COLUMN probes.dcn IS 'Dataset Characterization Number, in [0, 1]; higher is easier';
COMMENT ON COLUMN probes.curve IS 'validation accuracy after each epoch';
COMMENT ON COLUMN probes.seconds IS 'wall-clock of the probe, seconds';
COMMENT ON COLUMN probes.device IS 'hardware it ran on';
COMMENT ON COLUMN probes.versions IS 'library versions, as a JSON object';
COMMENT ON COLUMN probes.description IS 'cheap numeric description of the dataset, as a JSON object';
COMMENT ON COLUMN probes.created_at IS 'when it ended, ISO 8601 UTC';

CREATE TABLE predictions (
    id VARCHAR PRIMARY KEY,
    dataset VARCHAR NOT NULL,
    architecture VARCHAR NOT NULL,
    recipe VARCHAR NOT NULL,
    predictor VARCHAR NOT NULL,
    "value" DOUBLE NOT NULL,
    lower DOUBLE NOT NULL,
    upper DOUBLE NOT NULL,
    "level" DOUBLE NOT NULL,
    created_at VARCHAR NOT NULL
);
COMMENT ON TABLE predictions IS 'What was predicted before the truth was known: calibration over a lifetime.';
COMMENT ON COLUMN predictions.id IS 'SHA-256 of dataset/architecture/recipe/predictor/created_at: the identity';
COMMENT ON COLUMN predictions.dataset IS 'datasets.fingerprint';
COMMENT ON COLUMN predictions.architecture IS 'architectures.hash';
COMMENT ON COLUMN predictions.recipe IS 'recipes.hash';
COMMENT ON COLUMN predictions.predictor IS 'name and version of the accuracy predictor';
COMMENT ON COLUMN predictions."value" IS 'predicted accuracy';
COMMENT ON COLUMN predictions.lower IS 'lower end of the interval';
COMMENT ON COLUMN predictions.upper IS 'upper end of the interval';
COMMENT ON COLUMN predictions."level" IS 'nominal coverage of the interval, in (0, 1)';
COMMENT ON COLUMN predictions.created_at IS 'when it was predicted, ISO 8601 UTC';

CREATE TABLE seeds (
    digest VARCHAR PRIMARY KEY,
    imported_at VARCHAR NOT NULL
);
COMMENT ON TABLE seeds IS 'Shipped seeds of experience that this database has taken in.';
COMMENT ON COLUMN seeds.digest IS 'SHA-256 of the seed''s files';
COMMENT ON COLUMN seeds.imported_at IS 'when, ISO 8601 UTC';
