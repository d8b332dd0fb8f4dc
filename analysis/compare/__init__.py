"""Networks beside a recording: scores with ceilings, baselines and intervals."""
