"""Reading and writing of scans and label maps."""
