"""FlareSegmentation's engine: liver, kidneys, spleen and pancreas in abdominal CT, fast and lean."""

__version__ = "0.1.0"
