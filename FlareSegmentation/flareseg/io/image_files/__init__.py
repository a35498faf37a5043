"""Reading of image files without ITK: the header is checked against the file before its voxels are read.

ITK ends the whole process (SIGSEGV, SIGABRT) on some damaged NRRD and MetaImage headers, prints on stderr, opens any
file that a header names, and leaves voxels empty without a word when a NIfTI file is cut short. Here every header is
checked against the file before memory is allocated, and a file that cannot be trusted is refused with the reason.
"""
