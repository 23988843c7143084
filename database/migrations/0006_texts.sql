-- Recurrent cells trained on texts: tables of their own, whose values are of a named metric and never an accuracy.

CREATE TABLE texts (
    fingerprint VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    words INTEGER NOT NULL,
    symbols INTEGER NOT NULL,
    length BIGINT NOT NULL,
    unigram_entropy DOUBLE NOT NULL,
    bigram_entropy DOUBLE NOT NULL
);
COMMENT ON TABLE texts IS 'Texts that networks learned to predict, by content.';
COMMENT ON COLUMN texts.fingerprint IS 'SHA-256 of the text and of how it was made into symbols';
COMMENT ON COLUMN texts.name IS 'what its owner called it when it was first seen';
COMMENT ON COLUMN texts.words IS 'size of the vocabulary, of words; 0 where the symbols are characters';
COMMENT ON COLUMN texts.symbols IS 'different symbols, with that for unknown ones';
COMMENT ON COLUMN texts.length IS 'symbols of the whole text';
COMMENT ON COLUMN texts.unigram_entropy IS 'of the symbols of the training text, bits';
COMMENT ON COLUMN texts.bigram_entropy IS 'of a symbol after the one before it, in the training text, bits';

CREATE TABLE cells (
    hash VARCHAR PRIMARY KEY,
    json VARCHAR NOT NULL,
    space VARCHAR,
    params VARCHAR
);
COMMENT ON TABLE cells IS 'Recurrent cells in canonical form, by content.';
COMMENT ON COLUMN cells.hash IS 'SHA-256 of the canonical JSON';
COMMENT ON COLUMN cells.json IS 'the canonical cell object, format presage-cell';
COMMENT ON COLUMN cells.space IS 'search space it was first sampled from; null for a published cell or one of the user''s own';
COMMENT ON COLUMN cells.params IS 'the parameters that decode to it in that space, as a JSON object';

CREATE TABLE text_recipes (
    hash VARCHAR PRIMARY KEY,
    json VARCHAR NOT NULL
);
COMMENT ON TABLE text_recipes IS 'How recurrent cells are trained on texts, by content.';
COMMENT ON COLUMN text_recipes.hash IS 'SHA-256 of the recipe''s JSON, keys sorted';
COMMENT ON COLUMN text_recipes.json IS 'the recipe object, format presage-text-recipe';

CREATE TABLE text_experiments (
    id VARCHAR PRIMARY KEY,
    text VARCHAR NOT NULL,
    cell VARCHAR NOT NULL,
    text_recipe VARCHAR NOT NULL,
    seed BIGINT NOT NULL,
    metric VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    value DOUBLE,
    test_value DOUBLE,
    curve DOUBLE[] NOT NULL,
    train_losses DOUBLE[] NOT NULL,
    parameters BIGINT NOT NULL,
    hidden INTEGER NOT NULL,
    embedding INTEGER NOT NULL,
    multiply_adds BIGINT NOT NULL,
    depth INTEGER NOT NULL,
    seconds DOUBLE NOT NULL,
    device VARCHAR NOT NULL,
    versions VARCHAR NOT NULL,
    failure VARCHAR,
    created_at VARCHAR NOT NULL
);
COMMENT ON TABLE text_experiments IS 'Trainings of recurrent cells: one cell, one text, one recipe, one seed.';
COMMENT ON COLUMN text_experiments.id IS 'SHA-256 of text/cell/text_recipe/seed: the identity';
COMMENT ON COLUMN text_experiments.text IS 'texts.fingerprint';
COMMENT ON COLUMN text_experiments.cell IS 'cells.hash';
COMMENT ON COLUMN text_experiments.text_recipe IS 'text_recipes.hash';
COMMENT ON COLUMN text_experiments.seed IS 'of weights and masks';
COMMENT ON COLUMN text_experiments.metric IS 'what the values are of, bits_per_character or perplexity: the lower the better';
COMMENT ON COLUMN text_experiments.status IS 'finished, diverged, out_of_memory or pruned';
COMMENT ON COLUMN text_experiments.value IS 'the metric on the validation text after the last epoch; null unless finished';
COMMENT ON COLUMN text_experiments.test_value IS 'the metric on the test text; null where not computed';
COMMENT ON COLUMN text_experiments.curve IS 'the metric on the validation text by epoch';
COMMENT ON COLUMN text_experiments.train_losses IS 'mean training loss by epoch, nats a symbol';
COMMENT ON COLUMN text_experiments.parameters IS 'learned numbers of the network';
COMMENT ON COLUMN text_experiments.hidden IS 'numbers of a state';
COMMENT ON COLUMN text_experiments.embedding IS 'numbers that stand for a symbol';
COMMENT ON COLUMN text_experiments.multiply_adds IS 'of the cell, for one symbol';
COMMENT ON COLUMN text_experiments.depth IS 'most matrices on a path through a step';
COMMENT ON COLUMN text_experiments.seconds IS 'wall-clock';
COMMENT ON COLUMN text_experiments.device IS 'hardware it ran on';
COMMENT ON COLUMN text_experiments.versions IS 'of the libraries, as a JSON object';
COMMENT ON COLUMN text_experiments.failure IS 'why it did not finish';
COMMENT ON COLUMN text_experiments.created_at IS 'when it ended, ISO 8601 UTC';
