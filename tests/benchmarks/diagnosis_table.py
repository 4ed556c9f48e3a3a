"""Two tables: what a diagnosis says of curves of each pattern, and of trainings that are spoilt in a known way, before and after the fix.

python tests/benchmarks/diagnosis_table.py [--seeds 5]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from sabotage import CASES, diagnosed
from simulator import PATTERNS, curves

import aitrain_nb as ai


def of_curves() -> None:
    """Findings on each pattern of the simulator's testing half."""
    print(f"{'pattern':<16}{'curves':>7}  findings")
    for pattern in PATTERNS:
        some = [curve for curve in curves("testing") if curve.pattern == pattern]
        found = Counter(
            name for curve in some for name in ai.diagnose(curve.training, curve.validation).names or ["none"]
        )
        print(f"{pattern:<16}{len(some):>7}  {', '.join(f'{name} {count}' for name, count in found.most_common())}")


def of_trainings(seeds: int) -> None:
    """Trainings with the right finding, with another alarm, and the finding's fix."""
    print(f"\n{'spoilt training':<30}{'right':>8}{'others':>8}  fix")
    for name in CASES:
        findings = [diagnosed(name, seed)[0] for seed in range(seeds)]
        right = sum(name in one for one in findings)
        others = sum(not set(one.names) <= {name} for one in findings)
        print(f"{name:<30}{right:>4}/{seeds:<3}{others:>4}/{seeds:<3}  {findings[0].fix or '(in words)'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    torch.set_num_threads(1)
    of_curves()
    of_trainings(parser.parse_args().seeds)
