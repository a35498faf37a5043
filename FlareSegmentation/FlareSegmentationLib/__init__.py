"""The Slicer side of FlareSegmentation: nodes, panel and background process. It never imports torch."""
