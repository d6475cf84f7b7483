"""One seed for every source of random numbers in the process."""

import random
import sys


def seed_everything(seed: int) -> None:
    """Seed ``random`` and, where they are already imported, NumPy, PyTorch and MXNet. Call it after
    the imports.

    Only what is imported is seeded, because a cell that needs one framework should not wait for the
    import of the other.

    seed: 0 to 2**32 - 1, the numbers that NumPy accepts. Raises ValueError for any other.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(
            f"seed_everything: the seed must be from 0 to {2**32 - 1}, and {seed} is not."
        )
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "mxnet" in sys.modules:
        sys.modules["mxnet"].random.seed(seed)
