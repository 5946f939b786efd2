"""Recurrent and feed-forward models: their equations, training, runs, and what happens inside them."""
