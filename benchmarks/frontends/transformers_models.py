"""Models of `transformers`, tiny, from configurations with random weights.

The package is needed by this benchmark alone and is imported here alone.
"""

from collections.abc import Callable, Iterator

import torch
import transformers
from torch import Tensor, nn

from benchmarks.frontends.cases import Case, module_case, stir

TEXT = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
}


class Positional(nn.Module):
    """A model whose keyword arguments are positional and of which one result is kept."""

    def __init__(self, inner: nn.Module, names: tuple[str, ...], kept: str, **fixed: bool) -> None:
        super().__init__()
        self.inner = inner
        self.names = names
        self.kept = kept
        self.fixed = fixed

    def forward(self, *inputs: Tensor) -> Tensor:
        given = dict(zip(self.names, inputs, strict=True))
        result: Tensor = self.inner(**given, **self.fixed)[self.kept]
        return result


Built = tuple[nn.Module, tuple[Tensor, ...], str]


def _tokens() -> Tensor:
    return torch.randint(2, TEXT["vocab_size"], (2, 8))


def _distilbert() -> Built:
    config = transformers.DistilBertConfig(
        vocab_size=64, max_position_embeddings=16, n_layers=2, n_heads=4, dim=32, hidden_dim=64
    )
    model = transformers.DistilBertForMaskedLM(config)
    mask = torch.tensor([[1] * 8, [1] * 6 + [0] * 2])
    wrapped = Positional(model, ("input_ids", "attention_mask"), "logits")
    return wrapped, (_tokens(), mask), "cross_entropy"


def _albert() -> Built:
    model = transformers.AlbertForMaskedLM(transformers.AlbertConfig(**TEXT, embedding_size=16))
    return Positional(model, ("input_ids",), "logits"), (_tokens(),), "cross_entropy"


def _gpt_neox() -> Built:
    model = transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**TEXT))
    wrapped = Positional(model, ("input_ids",), "logits", use_cache=False)
    return wrapped, (_tokens(),), "cross_entropy"


def _qwen2() -> Built:
    config = transformers.Qwen2Config(**TEXT, num_key_value_heads=2)
    model = transformers.Qwen2ForCausalLM(config)
    wrapped = Positional(model, ("input_ids",), "logits", use_cache=False)
    return wrapped, (_tokens(),), "cross_entropy"


def _deit() -> Built:
    config = transformers.DeiTConfig(
        image_size=16,
        patch_size=4,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        num_labels=5,
    )
    model = transformers.DeiTForImageClassification(config)
    images = torch.randn(2, 3, 16, 16)
    return Positional(model, ("pixel_values",), "logits"), (images,), "cross_entropy"


def _time_series_transformer() -> Built:
    config = transformers.TimeSeriesTransformerConfig(
        prediction_length=4,
        context_length=12,
        lags_sequence=[1, 2, 6],
        num_time_features=2,
        encoder_layers=1,
        decoder_layers=1,
        d_model=16,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
    )
    names = (
        "past_values",
        "past_time_features",
        "past_observed_mask",
        "future_values",
        "future_time_features",
    )
    model = transformers.TimeSeriesTransformerModel(config)
    past, future = torch.randn(2, 18).abs() + 0.5, torch.randn(2, 4).abs() + 0.5
    inputs = (past, torch.randn(2, 18, 2), torch.ones(2, 18), future, torch.randn(2, 4, 2))
    return Positional(model, names, "last_hidden_state", use_cache=False), inputs, "mse"


def _patchtst() -> Built:
    config = transformers.PatchTSTConfig(
        num_input_channels=3,
        context_length=24,
        patch_length=6,
        patch_stride=6,
        d_model=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=32,
        prediction_length=6,
    )
    model = transformers.PatchTSTForPrediction(config)
    return (
        Positional(model, ("past_values",), "prediction_outputs"),
        (torch.randn(2, 24, 3),),
        "mse",
    )


BUILDERS: dict[str, Callable[[], Built]] = {
    "distilbert": _distilbert,
    "albert": _albert,
    "gpt-neox": _gpt_neox,
    "qwen2": _qwen2,
    "deit": _deit,
    "time-series-transformer": _time_series_transformer,
    "patchtst": _patchtst,
}


def transformers_cases() -> Iterator[Case]:
    """Yield every model in evaluation mode."""
    for name, builder in BUILDERS.items():
        torch.manual_seed(0)
        module, inputs, loss = builder()
        yield module_case(name, stir(module).eval(), inputs, loss)
