"""Studies beside the peel: gates, cells, distances, overlaps, a training as it proceeds, sweeps of models."""
