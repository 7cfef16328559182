"""Reinforcement learning of vision-language models on visual games: inference node, DeepSpeed trainer, command line."""
