"""Tensors, objectives, the policy and its optimiser; the only room with DeepSpeed."""
