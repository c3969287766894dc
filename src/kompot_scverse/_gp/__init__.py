"""Gaussian-process engine in the weight space of one low-rank basis: arrays in, arrays out."""
