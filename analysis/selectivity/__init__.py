"""What single units are tuned to, and how well a rate explains spikes."""
