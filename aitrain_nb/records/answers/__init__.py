"""Answers to what is asked of a step: who is to blame, what if, which rate would have been better, what was forgotten."""

from aitrain_nb.records.answers.agreement import Agreement
from aitrain_nb.records.answers.base import Answer
from aitrain_nb.records.answers.blame import Blame, BlameTest
from aitrain_nb.records.answers.forgetting import Forgetting
from aitrain_nb.records.answers.one_weight import NudgeTest, OneWeight
from aitrain_nb.records.answers.rates import RatesTried
from aitrain_nb.records.answers.what_if import WhatIf

__all__ = ["Agreement", "Answer", "Blame", "BlameTest", "Forgetting", "NudgeTest", "OneWeight", "RatesTried", "WhatIf"]
