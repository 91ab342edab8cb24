"""Keras: classes over the modules of its engines, which compute. Importing this does not import Keras."""

from dataclasses import replace

from symloss.targets.tensorflow import TENSORFLOW

KERAS = replace(TENSORFLOW, name="keras", engines=("tensorflow", "jax", "torch"), template_folders=())
