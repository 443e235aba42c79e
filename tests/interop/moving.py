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


class UncertainTracks:
    """The labels of each replica by the scores of its atoms, of which every `update`-th counts. What an atom asks for is
    read off all scores so far, without counting."""

    def __init__(self, update, *, inner, outer, buffer, margin=0.8, enter_after=1, leave_after=1, max_atoms=None):
        self.update, self.inner, self.outer = update, inner, outer
        self.reach = {"buffer": buffer, "margin": margin}
        self.after = {True: enter_after, False: leave_after}
        self.max_atoms = max_atoms
        self.labels, self.ages, self.history = {}, {}, {}

    def follow(self, replica, atoms, scores):
        """scores: one for each atom; −∞ where it is masked, ∞ where it must be QM."""
        self.ages[replica] = (self.ages.get(replica, -1) + 1) % self.update
        if self.ages[replica] == 0:
            self.look(replica, atoms, scores)
        return self.labels[replica]

    def look(self, replica, atoms, scores):
        last = self.labels.get(replica)
        was = np.zeros(len(atoms), bool) if last is None else last == QM
        asks = np.where(was, scores < self.outer, scores > self.inner)
        history = self.history.setdefault(replica, [])
        history.append((was, asks))
        qm = was.copy()
        for i in np.flatnonzero(asks):
            after = 1 if last is None else self.after[not was[i]]
            recent = history[-after:]
            qm[i] = was[i] ^ (len(recent) == after and all(w[i] == was[i] and a[i] for w, a in recent))
        if self.max_atoms and qm.sum() > self.max_atoms:
            rank = np.where(was, scores * self.inner / self.outer, scores)
            rank[~qm] = -np.inf
            qm[np.argsort(-rank, kind="stable")[self.max_atoms:]] = False
        self.labels[replica] = around_qm(atoms, qm, last, **self.reach)


def around_qm(atoms, qm, last, *, buffer, margin):
    """Labels of QM atoms and of the buffer around them."""
    if not qm.any():
        return np.full(len(atoms), MM)
    to_qm = distances_to(atoms, np.flatnonzero(qm))
    reach = buffer + (0 if last is None else np.where(last != MM, margin, 0))
    return np.select([qm, to_qm < reach], [QM, BUFFER], MM)
