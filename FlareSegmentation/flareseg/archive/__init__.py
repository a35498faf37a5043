"""Segmentation of an archive: all CT series of a tree of files, on many processes and computers, by Dask."""
