"""A small Transformer encoder-decoder that writes replies.

The network of Vaswani et al. (2017) in the post-norm form of BART (Lewis et al., 2020) is trained from scratch by
transformers on texts with slots, and answers in numpy with a key-value cache: the service holds no torch.
"""
