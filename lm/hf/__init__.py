"""Language models of transformers: their tokenizers as bytes, windows over a text, prediction logs."""
