"""One file for each kind of picture: data in, inline SVG out."""
