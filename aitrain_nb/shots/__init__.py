"""Ways to teach a network with few examples: without moving a weight, and compared with those that do."""

from aitrain_nb.shots.comparing_methods import compare_methods
from aitrain_nb.shots.few_shot import FewShot
from aitrain_nb.shots.methods_compared import MethodsCompared
from aitrain_nb.shots.prompt_classifier import PromptClassifier
from aitrain_nb.shots.transferred import Transfer
from aitrain_nb.shots.transferring import transfer

__all__ = ["FewShot", "MethodsCompared", "PromptClassifier", "Transfer", "compare_methods", "transfer"]
