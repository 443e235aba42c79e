"""Regions that move, as NumPy has them: the oracle of the tests."""

import numpy as np

QM, BLEND, BUFFER, MM = "QM", "blend", "buffer", "MM"


def distances_to(atoms, chosen):
    """Of each atom to the nearest of those chosen, Å."""
    return np.min([atoms.get_distances(i, range(len(atoms)), mic=True) for i in chosen], axis=0)


def labels_of(atoms, seeds, last=None, *, inner, outer, buffer, blend=0.0):
    """The label of each atom. last: the labels before; None: the region begins here."""
    last = np.full(len(atoms), MM) if last is None else last
    to_seed = distances_to(atoms, seeds)
    qm = (to_seed < inner) | ((last == QM) & (to_seed < outer))
    to_qm = distances_to(atoms, np.flatnonzero(qm))
    reach = blend + buffer + np.where(last != MM, outer - inner, 0)
    return np.select([qm, to_qm < blend, to_qm < reach], [QM, BLEND, BUFFER], MM)


class Tracks:
    """The labels of each replica, that follow its atoms every `update` evaluations."""

    def __init__(self, seeds, update, **radii):
        self.seeds, self.update, self.radii = seeds, update, radii
        self.labels, self.ages = {}, {}

    def follow(self, replica, atoms):
        self.ages[replica] = (self.ages.get(replica, -1) + 1) % self.update
        if self.ages[replica] == 0:
            self.labels[replica] = labels_of(atoms, self.seeds, self.labels.get(replica), **self.radii)
        return self.labels[replica]
