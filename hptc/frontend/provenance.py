"""Where operations come from: keys of the annotations that survive export and tracing."""

STAGE = "hptc_stage"
"""`backward` or `optimizer`; forward operations carry none."""
SOURCE = "hptc_source"
"""Module path, ONNX node or optimizer parameter."""
