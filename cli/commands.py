"""Which commands there are, in the order of the help; each is a module of this folder, imported when it is called."""

from importlib import import_module

import click

COMMANDS = {
    "demo": "Run the whole chain on text that every Python installation has.",
    "split": "Cut a text into training, validation and test parts.",
    "build-ngram": "Build n-gram models of all orders from a text.",
    "score": "Score a text with all orders of an n-gram index.",
    "train": "Train an LSTM, GRU, RNN or n-NN language model.",
    "predict": "Write the prediction log of a trained model on a text.",
    "import": "Write the prediction log of another tool's file: vLLM, llama.cpp, KenLM, …",
    "align": "Sum the tokens of several models' logs to spans that all share.",
    "sweep": "Train, run and peel a grid of models, such as the paper's Table 1.",
    "peel": "Break down a model's errors by what could have explained them.",
    "repeel": "Peel again from the same evidence: other layers, orders, thresholds.",
    "merge": "Make one result of the parts that tasks have written with --part.",
    "stats": "Shares with intervals, and what each layer explains whatever the order.",
    "report": "Write the report on one or more peels: HTML, pie, bars.",
    "compare": "Which class of errors did the better model buy off?",
    "trend": "How each class of errors falls with parameters or training steps.",
    "forecast": "What the next size of a model would save, by class of errors.",
    "calibration": "Is a model right as often as it says, by kind of position?",
    "check": "Check a model's errors against limits, as a release gate.",
    "show": "Show errors of a layer or slice in their context.",
    "distance": "How sure models are of a closing symbol, by its distance from its opener.",
    "trace": "Which passages of a text stand verbatim in the training text.",
    "overlap": "Which errors models share, and which symbols each knows better.",
    "gates": "How often each gate of an LSTM or GRU is saturated.",
    "cells": "Which cells of a model track quotes, brackets, the position in the line, …?",
    "dynamics": "Follow a training: what the model resembles, which errors it has.",
    "validate": "Check any file that errtax writes or reads.",
    "info": "Versions, and which optional parts are installed.",
}


def load_command(name: str) -> click.Command:
    """The command of this name, one of `COMMANDS`."""
    command: click.Command = import_module(f"errtax.cli.{name.replace('-', '_')}").command
    return command
