"""How good predictors are on datasets, and families of datasets, that they have never seen."""
