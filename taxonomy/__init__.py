"""The taxonomy: layers that claim errors by the oracles' evidence, peeled off one after another."""
