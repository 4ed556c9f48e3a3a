"""Ways to teach a network with few examples: without moving a weight, and compared with those that do."""

from aitrain_nb.shots.comparing_methods import compare_methods
from aitrain_nb.shots.few_shot import FewShot
from aitrain_nb.shots.methods_compared import MethodsCompared

__all__ = ["FewShot", "MethodsCompared", "compare_methods"]
