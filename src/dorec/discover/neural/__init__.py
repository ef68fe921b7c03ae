"""Graphs learned by neural networks. The classes load without torch; `discover` needs it: pip install 'dorec[deep]'."""
