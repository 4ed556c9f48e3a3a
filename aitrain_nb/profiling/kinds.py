"""What an operation of torch computes, by its name."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPILED = "compiled kernels"
KINDS: Mapping[str, str] = {
    COMPILED: r"## Call CompiledFxGraph|triton|cpp_fused",
    "matrix products": r"(add|b|badd|addb|addm|sparse_)?(mm|mv|bmm)|linear|(mkldnn|mkl)_linear|matmul|einsum|dot",
    "convolutions": r"(mkldnn_|cudnn_|miopen_|slow_|thnn_)?conv(olution)?(_?[123]d)?",
    "attention": r"scaled_dot_product|flash_attention|efficient_attention",
    "dropout": r"bernoulli|(native|fused)_dropout|dropout|random",
    "normalization": r"(native_|cudnn_|fused_)?(layer|batch|group|rms)_norm",
    "activations": r"gelu|relu|silu|tanh|sigmoid|threshold|hardtanh|leaky_relu|elu|softplus|(log_)?softmax|(max|avg|adaptive_avg)_pool",
    "embeddings": r"embedding|index|gather|scatter",
    "loss": r"nll_loss|cross_entropy",
    "optimizer": r"(fused|foreach)_(?!norm)\w+|Optimizer\.step",
    "arithmetic": r"add|r?sub|mul|div|pow|neg|r?sqrt|exp|(cum)?sum|mean|where|clamp|(linalg_vector_|foreach_)?norm|max|eq|lt|gt|abs",
    "copies": r"copy|to_copy|clone|cat|stack|fill|zero|masked_fill|arange|empty|resize|local_scalar_dense|pad|constant_pad",
}
"""What is computed -> how the names of its operations begin, without "aten::", underscores and "_backward"."""
BETWEEN = "between operations"
"""Python, torch's own bookkeeping, and what other programs took meanwhile."""


@cache
def kind_of(name: str) -> str:
    """What an operation computes, by its name.

    >>> kind_of("aten::addmm"), kind_of("aten::_softmax_backward_data"), kind_of("aten::bernoulli_"), kind_of("aten::view")
    ('matrix products', 'activations', 'dropout', 'between operations')
    """
    if re.match(KINDS[COMPILED], name):
        return COMPILED
    bare = name.removeprefix("aten::").strip("_") if name.startswith(("aten::", "Optimizer.step")) else ""
    bare = bare.split("_backward")[0]
    return next(
        (kind for kind, begins in KINDS.items() if bare and re.fullmatch(rf"({begins})([_.#\d].*|)", bare)), BETWEEN
    )
