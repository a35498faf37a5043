"""DICOM results of a segmented series: segmentation (SEG), structured report (SR) and RT structure set (RTSTRUCT).

source.py describes the images of the series again, equipment.py the algorithm, codes.py the organs. segmentation.py,
report.py and structures.py make one object each; writer.py checks a scan before it is segmented and writes the files.
"""
