"""The n-gram engine: modified Kneser-Ney models of all orders from one index, ARPA files, KenLM's models."""
