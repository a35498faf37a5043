"""Work in the background, from node to node or from file to file."""
