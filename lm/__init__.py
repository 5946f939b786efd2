"""Language models: texts and splits, the n-gram engine, recurrent models, and the prediction log they write."""
