"""Models in: torch and ONNX to step graphs, with reparametrisations."""
