"""How fast generated code is, and its rivals: ``python -m tests.speed --help``."""
