"""Reading of DICOM: selection of the files and frames that make one CT volume, and their voxels in HU.

folder.py finds the files, header.py reads a header, plane.py tells where an image lies, stack.py puts images in
order, choice.py takes the best stack, grid.py gives its geometry, pixels.py its voxels; reading.py does all of it.
"""
