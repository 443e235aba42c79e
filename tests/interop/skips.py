"""When a region is asked and when it is skipped, by the rules of docs/mixing.md: the oracle of the tests."""

import numpy as np


class Rules:
    """One region of one replica: what is done from the next evaluation on, and of the last one the share of the region's
    own forces and for how many evaluations it was not asked. The keys are those of `skip`."""

    def __init__(self, below, above, check_every, check_ratio, blend_evaluations=0):
        self.below, self.above, self.every = below, above, check_every
        self.ratio, self.step = check_ratio, 1 / max(blend_evaluations, 1)
        self.begin()

    def begin(self):
        self.mode, self.share, self.age = "asks", None, 0

    def decide(self, sigma, ratio=0.0):
        """Whether it is asked: with the largest σ of its QM atoms; ratio: of error to σ, which an answer would tell."""
        skips = self.mode == "skips" and sigma <= self.above
        asked = not skips or self.age + 1 >= self.every
        if asked and ratio > self.ratio:
            self.mode = "stopped"
        skips = skips and self.mode != "stopped"
        wanted = 0.0 if skips else 1.0
        self.share = wanted if self.share is None else self.share + np.clip(wanted - self.share, -self.step, self.step)
        self.age = 0 if asked else self.age + 1
        if self.mode != "stopped":
            self.mode = "skips" if skips or (asked and sigma < self.below) else "asks"
        return asked
