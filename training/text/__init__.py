"""Networks for text: a text as data, the recipe, the training of a recurrent cell, and the model that it leaves."""
