"""What the study of replay does: tasks, rules, networks, and the runs there are."""

from dataclasses import dataclass, field, replace
from typing import Any

SIZES = (125, 250, 500)  # of memories
LENGTHS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120)  # of stored sequences
STEPS = (5, 10, 20, 30, 40)  # of trials whose gradient is taken


@dataclass(frozen=True)
class Setting:
    """How a task is learned.

    Attributes:
        task: Name of the task and what is not by default.
        tau: Time constant in steps.
        rate: Learning rate of Adam.
        n_updates: Number of updates.
        batch_size: Trials for each.
        scale: Of the initial input and read-out weights, in units of the default.
        gain: Of the random matrices of aligned credit.
        rules: What learns.
        n_seeds: Number of networks for each at most.
        falling: Whether the learning rate falls to 0, by the same amount in each update.
    """

    task: tuple[str, tuple[tuple[str, Any], ...]]
    tau: float
    rate: float
    n_updates: int
    batch_size: int
    scale: float = 1.0
    gain: float = 1.0
    rules: tuple[str, ...] = field(default=("exact", "aligned", "recalled", "RFLO", "reservoir"), repr=False)
    n_seeds: int = field(default=5, repr=False)
    falling: bool = False


@dataclass(frozen=True)
class Same(Setting):
    """Leaky networks for every rule, and for each rule a rate of its own.

    "exact" and "aligned" replay states that were kept. "undone" is exact replay in two populations.

    Attributes:
        network_gain: Of the recurrent weights before learning.
        checkpoint_every: Steps between kept states where steps are undone.
        rates: Rates of the rules that take another.
        first_seed: Seed of the first network.
    """

    network_gain: float = 0.8
    checkpoint_every: int | None = None
    rates: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    first_seed: int = field(default=10, repr=False)

    def of(self, rule: str) -> "Same":
        """How one rule learns."""
        return replace(self, rate=dict(self.rates).get(rule, self.rate))


LONGER = (("counts", (6, 7, 8, 9)), ("held_out_counts", (11, 12, 13, 14)))
SHORTER = (("cue", (3, 4)), ("delay", (18, 20)), ("branch", (3, 4)))
LONG = (("cue", (3, 4)), ("delay", (40, 44)), ("branch", (3, 4)))
MATCHED = ("exact", "undone", "aligned", "RFLO", "reservoir")
ALL_BUT_MEMORY = ("exact", "aligned", "RFLO", "reservoir")
SETTINGS = {
    "counting": Setting(("counting-language", ()), 10.0, 0.01, 1500, 16, 0.1),
    "counting, default weights": Setting(
        ("counting-language", ()), 10.0, 0.01, 1500, 16, rules=("exact", "RFLO", "reservoir")
    ),
    "longer counting, small weights": Setting(
        ("counting-language", LONGER), 10.0, 0.01, 2500, 16, 0.1, rules=ALL_BUT_MEMORY
    ),
    "longer counting, falling rate": Setting(
        ("counting-language", LONGER), 10.0, 0.01, 2500, 16, 0.1, rules=ALL_BUT_MEMORY, falling=True
    ),
    "longer counting": Setting(("counting-language", LONGER), 5.0, 0.005, 2500, 16, rules=ALL_BUT_MEMORY),
    "maze": Setting(("t-maze", SHORTER), 5.0, 0.005, 2500, 16, gain=1.5, rules=ALL_BUT_MEMORY, n_seeds=2),
    "rows": Setting(("row-images", ()), 5.0, 0.005, 1500, 32, rules=ALL_BUT_MEMORY, n_seeds=2),
    "long maze": Same(
        ("t-maze", LONG),
        5.0,
        0.005,
        2400,
        16,
        gain=1.2,
        rules=MATCHED,
        rates=(("undone", 0.01), ("aligned", 0.002)),
    ),
    "long maze, falling rate": Same(
        ("t-maze", LONG),
        5.0,
        0.005,
        3600,
        16,
        gain=1.2,
        falling=True,
        rules=ALL_BUT_MEMORY,
        n_seeds=3,
        rates=(("aligned", 0.002), ("RFLO", 0.01), ("reservoir", 0.03)),
    ),
    "rows and a delay": Same(
        ("row-images", (("blank_rows", 16),)),
        2.0,
        0.01,
        1500,
        32,
        gain=1.2,
        falling=True,
        rules=MATCHED,
        n_seeds=3,
        rates=(("aligned", 0.002), ("RFLO", 0.002), ("reservoir", 0.03)),
        checkpoint_every=8,
    ),
}
FEW = {"recalled": 2, "undone": 2}  # networks at most: these take the longest


@dataclass(frozen=True)
class Learning:
    """One network that learns.

    Attributes:
        study: Which of the tasks.
        rule: What learns.
        seed: Seed of the network, the feedback and the trials.
        setting: How.
    """

    study: str
    rule: str
    seed: int
    setting: Setting


@dataclass(frozen=True)
class Holding:
    """How much a memory holds.

    Attributes:
        n_units: Its size.
        pace: Its pace.
        background: Its background.
    """

    n_units: int
    pace: str
    background: float


@dataclass(frozen=True)
class Pointing:
    """Where the gradient of learning from recall points.

    Attributes:
        n_units: Size of the memory.
        n_steps: Length of the trials.
        broken: Whether the pairs of patterns are shuffled.
        seed: Seed of network and trials.
    """

    n_units: int
    n_steps: int
    broken: bool
    seed: int


@dataclass(frozen=True)
class Reading:
    """What the best linear read-out finds in a network that has not learned.

    Attributes:
        study: Which of the tasks.
        seed: Seed of the network.
        setting: How the task is learned.
    """

    study: str
    seed: int
    setting: Same


@dataclass(frozen=True)
class Recalling:
    """One sequence of twenty patterns of 500 units, recalled.

    Attributes:
        pace: Pace of the memory.
        background: Its background.
    """

    pace: str = "self"
    background: float = 2.5


def planned(n_seeds: int) -> list[Learning | Holding | Pointing | Reading | Recalling]:
    """The runs of the study."""
    return [
        Recalling(),
        *(Holding(n_units, "self", 2.5) for n_units in SIZES),
        Holding(500, "clock", 3.5),
        *(
            Pointing(n_units, n_steps, broken, seed)
            for seed in range(min(n_seeds, 2))
            for n_units, broken in ((250, False), (500, False), (500, True))
            for n_steps in STEPS
        ),
        *(
            Reading(study, setting.first_seed + seed, setting)
            for seed in range(n_seeds)
            for study, setting in SETTINGS.items()
            if isinstance(setting, Same) and seed < setting.n_seeds and study != "long maze, falling rate"
        ),
        *(
            Learning(study, rule, setting.first_seed + seed, setting.of(rule))
            if isinstance(setting, Same)
            else Learning(study, rule, seed, setting)
            for seed in range(n_seeds)
            for study, setting in SETTINGS.items()
            if seed < setting.n_seeds
            for rule in setting.rules
            if rule not in FEW or seed < FEW[rule]
        ),
    ]
