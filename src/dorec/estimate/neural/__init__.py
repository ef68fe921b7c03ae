"""Effects learned by neural networks. The classes load without torch; `fit` needs it: pip install 'dorec[deep]'."""
