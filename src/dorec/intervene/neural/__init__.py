"""Decisions by neural networks. The classes load without torch; learning needs it: pip install 'dorec[deep]'."""
