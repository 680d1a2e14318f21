"""The network, in torch alone: word types -> embeddings -> LSTM layers -> one linear head for each annotation layer."""
