"""Makes `wind.npz`: synthetic wind speeds for `hptc train` on the example model.

Each station has a daily cycle with a phase, a slower common front and noise. Twelve hours go in,
the next hour comes out; the first 70 % of the hours train, the rest validate and test. Run
`python examples/make_wind_data.py [FILE]`.
"""

import sys
from pathlib import Path

import numpy as np

STATIONS = 57
PAST_HOURS = 12
HOURS = 400
SEED = 7
TRAIN, VALIDATION = 0.7, 0.15


def main() -> None:
    """Write the samples to the file named on the command line, or to `wind.npz`."""
    random = np.random.default_rng(SEED)
    hour = np.arange(HOURS + PAST_HOURS)[:, None]
    phase = random.uniform(0, 2 * np.pi, STATIONS)
    front = np.sin(2 * np.pi * hour / 71 + phase / 3)
    cycle = np.sin(2 * np.pi * hour / 24 + phase)
    speed = cycle + 0.5 * front + 0.1 * random.standard_normal((len(hour), STATIONS))
    past = np.stack([speed[start : start + PAST_HOURS].T for start in range(HOURS)])
    share = np.arange(HOURS) / HOURS
    np.savez(
        Path(sys.argv[1] if len(sys.argv) > 1 else "wind.npz"),
        speed=past.astype(np.float32),
        target=speed[PAST_HOURS:].astype(np.float32),
        split=np.digitize(share, (TRAIN, TRAIN + VALIDATION)).astype(np.int64),
    )


if __name__ == "__main__":
    main()
