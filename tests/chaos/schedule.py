"""What is injected when, drawn from the seed alone: the same seed and number of faults give the same steps.

A step is one fault, or two at once that do not touch the same things, with the input that comes meanwhile. Each kind comes
once before any comes again; from then on as often as its weight says.
"""
import dataclasses
import random

from faults import KINDS

TWO_AT_ONCE = 0.2    # of the steps
PAUSE_MEAN_S = 0.4   # between two steps
LINES = (60, 260)    # of a step


@dataclasses.dataclass
class Step:
    faults: list     # [(kind, parameters)]
    hold_s: float
    pause_s: float   # after it
    lines: int

    def __str__(self):
        named = [f"{kind}({', '.join(f'{name}={value}' for name, value in sorted(params.items()))})"
                 for kind, params in self.faults]
        return f"{' + '.join(named)} for {self.hold_s:.1f} s, {self.lines} lines, {self.pause_s:.1f} s"


def may_meet(one, other):
    """Two faults at once: of different kinds, and nothing that both touch."""
    return one != other and not KINDS[one].touches & KINDS[other].touches


class Deck:
    def __init__(self, rng, kinds):
        self.rng, self.kinds, self.cards = rng, kinds, list(kinds)
        rng.shuffle(self.cards)

    def fill(self):
        if not self.cards:
            self.cards = [kind for kind in self.kinds for _ in range(KINDS[kind].weight)]
            self.rng.shuffle(self.cards)

    def draw(self):
        self.fill()
        return self.cards.pop()

    def draw_beside(self, kind):
        """A card that may meet `kind`, or None when the deck has none."""
        self.fill()
        for at in range(len(self.cards) - 1, -1, -1):
            if may_meet(kind, self.cards[at]):
                return self.cards.pop(at)
        return None


def make(seed, faults, kinds=tuple(KINDS)):
    """Steps with `faults` faults in all, of these kinds."""
    rng = random.Random(f"schedule/{seed}")
    deck, steps, left = Deck(rng, kinds), [], faults
    while left > 0:
        kinds = [deck.draw()]
        if left > 1 and rng.random() < TWO_AT_ONCE:
            kinds += filter(None, [deck.draw_beside(kinds[0])])
        left -= len(kinds)
        steps.append(Step([(kind, KINDS[kind].draw(rng)) for kind in kinds],
                          max(rng.uniform(*KINDS[kind].hold) for kind in kinds),
                          min(4.0, rng.expovariate(1 / PAUSE_MEAN_S)), rng.randrange(*LINES)))
    return steps


def lines_total(steps):
    return sum(step.lines + sum(params.get("count", 0) for kind, params in step.faults if kind == "burst")
               for step in steps)
