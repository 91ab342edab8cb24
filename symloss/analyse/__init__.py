"""What a user has to know about a loss, graded: proved from the expression, supported, refuted or unknown."""
