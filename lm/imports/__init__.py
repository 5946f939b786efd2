"""Prediction logs from other tools' files: one reader per source, one place that turns what it yields into a log."""
