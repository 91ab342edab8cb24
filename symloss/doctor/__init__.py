"""The doctor: examines an objective that somebody wrote by hand, from its callback alone or beside a declared loss."""

from symloss.doctor.diagnosis import Diagnosis, FaultyObjectiveError
from symloss.doctor.door import lint

__all__ = ["Diagnosis", "FaultyObjectiveError", "lint"]
