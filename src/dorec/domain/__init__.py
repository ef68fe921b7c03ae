"""The nouns: frozen dataclasses, protocols and the tree of errors. Everything else maps one to another."""
