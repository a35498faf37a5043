"""Published figures on the FLARE21 validation set of 50 cases.

From the leaderboard and the papers of the challenge (Ma et al. 2022, doi:10.1016/j.media.2022.102616).
"""

from __future__ import annotations

WINNER = "fosun_aitrox"

# DSC and NSD at 1 mm in percent: the organs in the order of their labels, then the published mean
PUBLISHED = {
    WINNER: ((95.4, 93.6, 94.2, 75.3, 89.7), (80.4, 82.8, 87.1, 60.5, 77.8)),
    "UIT-VNU": ((96.3, 92.7, 91.8, 73.8, 88.6), (80.8, 82.1, 82.8, 58.3, 76.0)),
    "TXD": ((94.5, 91.0, 89.1, 59.1, 83.4), (66.2, 72.4, 70.1, 42.2, 62.7)),
    "IMT-Atlantique": ((94.6, 81.3, 89.7, 64.5, 82.5), (74.8, 73.5, 78.4, 50.4, 69.3)),
    "nnU-Net": ((94.5, 80.4, 89.5, 60.1, 81.1), (79.3, 70.9, 82.0, 50.6, 70.7)),
    "He and Luo": ((90.5, 73.6, 84.7, 52.4, 75.3), (58.6, 58.4, 62.4, 35.7, 53.8)),
    "RRR_MCR": ((90.6, 68.1, 83.8, 53.9, 74.1), (62.7, 54.8, 66.1, 38.2, 55.5)),
}
