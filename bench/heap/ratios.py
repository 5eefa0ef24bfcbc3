"""The ratio of two costs on a machine that is busy with other things.

Each comparison is measured in pairs, one run without and one with, in an order drawn by chance. A
pair's two runs see nearly the same machine, so the ratio is taken in each pair; their median does
not follow the few that were disturbed.
"""

import math
import random
import statistics
from dataclasses import dataclass

RESAMPLES = 2000
COVERED = 0.95
SEED = 1


@dataclass(frozen=True)
class Ratio:
    value: float  # the median of the pairs' ratios
    low: float    # of its 95 % interval
    high: float
    least: float  # the least cost with, of all runs, by the least without
    pairs: int


def interval(values):
    """The bootstrap's interval of the median; the same for the same values."""
    chance = random.Random(SEED)
    medians = sorted(statistics.median(chance.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    outside = round(RESAMPLES * (1 - COVERED) / 2)
    return medians[outside], medians[-1 - outside]


def ratio_of(pairs):
    """The ratio of [(cost without, cost with), ...]."""
    logs = [math.log(having / lacking) for lacking, having in pairs]
    low, high = interval(logs)
    return Ratio(value=math.exp(statistics.median(logs)), low=math.exp(low), high=math.exp(high),
                 least=min(having for _, having in pairs) / min(lacking for lacking, _ in pairs),
                 pairs=len(pairs))


@dataclass(frozen=True)
class Comparison:
    """Two callables that return a cost, and how often they are called."""
    name: str
    lacking: object
    having: object
    pairs: int


def measure(comparisons, told=lambda name, number: None):
    """Comparison to Ratio. All are advanced together, so that they share the machine."""
    chance = random.Random(SEED)
    pairs = {comparison: [] for comparison in comparisons}
    for number in range(max(comparison.pairs for comparison in comparisons)):
        for comparison in comparisons:
            if number >= comparison.pairs:
                continue
            told(comparison.name, number)
            if chance.random() < 0.5:
                lacking = comparison.lacking()
                having = comparison.having()
            else:
                having = comparison.having()
                lacking = comparison.lacking()
            pairs[comparison].append((lacking, having))
    return {comparison: ratio_of(found) for comparison, found in pairs.items()}
