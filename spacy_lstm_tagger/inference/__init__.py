"""The network laid out for tagging: looked-up word vectors and LSTMs without padding. Knows tensors, no Doc."""
