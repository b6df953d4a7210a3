"""The error for a limit on latency or energy that no schedule found keeps."""

from hptc.errors import HptcError, InfeasibleError, TimeLimitError
from hptc.partition.goal import Measure, Objective
from hptc.partition.search import Incumbent
from hptc.units import PJ_PER_NJ


def unreached(search: Incumbent, limit: float) -> HptcError:
    """Return InfeasibleError if the limit is proven out of reach, else TimeLimitError.

    Args:
        search: That of the least latency, or of the least energy within the latency limit.
        limit: In ns or pJ.
    """
    is_latency = search.objective.measure is Measure.LATENCY
    option, unit, scale = ("--latency-limit", "ns", 1.0) if is_latency else ENERGY_WORDS
    where = f"{option} {limit / scale:,.10g} {unit}{_within(search.objective)}"
    least = f"{search.bound / scale:,.10g} {unit}"
    best = f"the best found takes {search.value / scale:,.10g} {unit}"
    if search.bound > limit:
        return InfeasibleError(
            where,
            expected="a limit that some schedule keeps",
            found=f"a proof that every schedule takes at least {least} ({best})",
            hint="Raise the limit, or change the target.",
        )
    return TimeLimitError(
        where,
        expected=f"a schedule within it after {search.clock.limits.time_s:g} s",
        found=f"none, and no proof that there is none: {best}, and none takes less than {least}",
        hint="Raise the time limit, or the limit itself.",
    )


ENERGY_WORDS = ("--energy-limit", "nJ", PJ_PER_NJ)


def _within(objective: Objective) -> str:
    limit = objective.latency_limit_ns
    return "" if limit is None else f" with --latency-limit {limit:,} ns"
