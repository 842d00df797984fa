"""Floor 3: sampling, the collector that makes snapshots, and the board that publishes them. Alone imports psutil."""
