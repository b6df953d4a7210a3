"""hptc inside other compilers: a pass of torch.fx."""
