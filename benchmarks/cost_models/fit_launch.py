"""Read the host time of an eager launch off kernels timed inside real models.

    python -m benchmarks.cost_models.fit_launch --data DIR

The times go into `launch_overhead_ns` of `cost_models/targets/gpu-*.toml` by hand.
"""

import argparse
from pathlib import Path
from statistics import median

from benchmarks.cost_models.gpu_devices import DEVICES
from benchmarks.cost_models.tables import rows_of
from hptc.units import NS_PER_MS

TABLE = "gpu_train_ops_fp32.csv"


def issue_ns(data: Path, device: str) -> float | None:
    """Return the time of issuing one eager kernel; None where the table lacks the device.

    The median of forward passes over less than 4 MB, where the host decides, less that of the
    gradient of an addition, which hands its argument on and starts no kernel.
    """
    name = device.replace(" ", "_")
    rows = [row for row in rows_of(data / TABLE) if row["device"].startswith(name)]
    small = [float(r["fw_ms"]) for r in rows if r["op"] in {"add", "mul", "activation"}]
    passed = [float(r["bw_ms"]) for r in rows if r["op"] == "add"]
    small = sorted(value for value in small if value > 0)[: max(5, len(small) // 5)]
    return NS_PER_MS * (median(small) - median(passed)) if small and passed else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Host times of eager launches.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the measured tables")
    options = parser.parse_args()
    for target, device in DEVICES.items():
        found = issue_ns(options.data, device)
        if found is not None:
            print(f"{target}: launch_overhead_ns = {found:.0f}")


if __name__ == "__main__":
    main()
