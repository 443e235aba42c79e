"""What goes wrong."""

from ase.calculators.calculator import CalculationFailed


class LMLinkError(CalculationFailed):
    """`lmlink-serve` could not be started, ended too early, or broke the protocol (its last messages are in the text), or
    a file of lmlink's is not what it should be."""
