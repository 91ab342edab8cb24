"""``python -m symloss`` is ``symloss``."""

from symloss.cli import main

main()
