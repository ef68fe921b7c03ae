"""Arrays in, arrays out: kernels, folds, bootstrap, sparse top-k, random numbers. Knows no noun of dorec."""
