"""Recommenders learned by neural networks: the classes load without torch; `fit` needs it (dorec[deep])."""
