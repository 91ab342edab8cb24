"""The catalogue: one loss, one file, found by scanning. A file holds exactly one ``Loss``, named like the file."""
