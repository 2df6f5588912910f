"""What bench/run is made of: pure arithmetic in `summary` and `goals`, what runs in `world` and `peers`, a file a group of figures."""
